import { z } from 'zod';
import { anyNumber, epochRecordSchema, evaluationSchema } from '../training/checkpoint';
import { firstTraining, measureId, measureSchema, type Measure, type MeasureKind } from './measure';
import { stepOf, trainingId, trainingSchema, type Minimizer } from './training';

// What a store holds of a job. Results of a training and of each measure are separate, so that another measure needs no
// other training. All but environment, seconds and finishedAt is the same to the last bit wherever a job is done again
// with the same engine and number of threads on the same kind of processor.

/** What a result was computed with. */
export const environmentSchema = z.object({
  engine: z.string(),
  engineVersion: z.string(),
  device: z.string(),
  threads: z.number().int(),
  skippedEngines: z
    .array(z.string())
    .default([])
    .describe('engines that auto tried before, and why they were not used'),
  node: z.string(),
  platform: z.string(),
  commit: z.string().nullable().describe("of the project's own code; null where it is no git checkout"),
  dataSha256: z.string().describe('of the training images and labels'),
});
export type Environment = z.output<typeof environmentSchema>;

const provenance = {
  environment: environmentSchema,
  seconds: z.number().describe('wall time'),
  finishedAt: z.string().describe('ISO 8601'),
};

const trainedSchema = z.object({
  weightsSha256: z.string().describe('of the safetensors file, batch-norm statistics recomputed'),
  distanceFromStart: anyNumber.describe('Euclidean, over all trainable parameters'),
  steps: z.number().int().describe('optimizer steps taken'),
  history: z.array(epochRecordSchema),
});
/** Where a training ended. */
export type Trained = z.output<typeof trainedSchema>;

export const trainingResultSchema = z.object({
  training: trainingSchema,
  figures: z.union([trainedSchema, z.object({ diverged: z.string() })]),
  ...provenance,
});
export type TrainingResult = z.output<typeof trainingResultSchema>;

const snapshotSchema = z.object({ weightsSha256: z.string(), distanceFromStart: anyNumber });
/** A training after a number of steps. */
export type Snapshot = z.output<typeof snapshotSchema>;

export const snapshotResultSchema = z.object({
  training: trainingSchema,
  step: z.number().int(),
  figures: snapshotSchema,
  ...provenance,
});
export type SnapshotResult = z.output<typeof snapshotResultSchema>;

const valueSchema = z.object({
  value: anyNumber,
  standardError: anyNumber,
  details: z.record(z.string(), anyNumber),
});
/** A quantity with its standard error, and what else was found on the way. */
export type Value = z.output<typeof valueSchema>;

/** The figures of each kind of measure. */
const FIGURES = {
  evaluation: evaluationSchema,
  curve: z.object({ points: z.array(evaluationSchema).describe('one for each α') }),
  phi: valueSchema,
  sam: valueSchema,
  eigenvalue: valueSchema,
  trace: valueSchema,
  noise: valueSchema,
  path: z.object({ train: evaluationSchema, test: evaluationSchema }),
} as const satisfies Record<MeasureKind, z.ZodType>;

export type FiguresOf<Kind extends MeasureKind> = z.output<(typeof FIGURES)[Kind]>;

/** Measures whose result has the loss of each image beside it. */
export function hasPerImageLosses({ kind }: Measure): boolean {
  return kind === 'evaluation' || kind === 'curve';
}

const measureEnvelopeSchema = z.object({
  measure: measureSchema,
  figures: z.unknown(),
  weightsSha256: z.array(z.string()).describe('of the minimizers that were measured'),
  ...provenance,
});

/** The result of a measure. */
export interface MeasureResult<Kind extends MeasureKind = MeasureKind> {
  readonly measure: Measure;
  readonly figures: FiguresOf<Kind>;
  readonly weightsSha256: readonly string[];
  readonly environment: Environment;
  readonly seconds: number;
  readonly finishedAt: string;
}

/** @throws z.ZodError if the value is not the result of a measure. */
export function parseMeasureResult(value: unknown): MeasureResult {
  const envelope = measureEnvelopeSchema.parse(value);
  return { ...envelope, figures: FIGURES[envelope.measure.kind].parse(envelope.figures) };
}

/** The name of a measure's result in a store. */
export function measureKey(measure: Measure): string {
  return KEYS.measure(trainingId(firstTraining(measure)), measureId(measure));
}

/** The name of the losses of single images that belong to a measure. */
export function imagesKey(measure: Measure): string {
  return KEYS.images(trainingId(firstTraining(measure)), measureId(measure));
}

/** Names of what a store holds. */
export const KEYS = {
  results: 'results/',
  resultsOf: (training: string) => `results/${training}/`,
  training: (training: string) => `results/${training}/training`,
  snapshot: (training: string, step: number) => `results/${training}/step-${step}`,
  measure: (training: string, measure: string) => `results/${training}/${measure}`,
  /** Losses image by image. */
  images: (training: string, measure: string) => `images/${training}/${measure}`,
  imagesOf: (training: string) => `images/${training}/`,
  weights: (training: string, at: Minimizer['at']) => `weights/${training}/${placeName(at)}`,
  /** The running statistics that training left, where the weights have recomputed ones. */
  runningStatistics: (training: string, at: Minimizer['at']) =>
    `weights/${training}/${placeName(at)}-running`,
  weightsOf: (training: string) => `weights/${training}/`,
  checkpoint: (training: string) => `checkpoints/${training}`,
  checkpoints: 'checkpoints/',
  leases: (job: string) => `leases/${job}/`,
} as const;

function placeName(at: Minimizer['at']): string {
  const step = stepOf({ at });
  return step === undefined ? 'end' : `step-${step}`;
}
