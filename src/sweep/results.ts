import { z } from 'zod';
import { UserError } from '../support/errors';
import { environmentSchema } from '../report/report';
import { anyNumber, epochRecordSchema, evaluationSchema } from '../training/checkpoint';
import { measureId, trainingId, trainingSchema, type Job, type SweepTraining } from './job';
import { measureSchema, type Measure } from './measure';
import type { ResultStore } from './store';

// What a store holds of a job, and under which names. Results are in two parts, a training's and each measure's, so
// that another measure needs no other training.

/** Where a training ended. All but seconds and environment is the same to the last bit wherever it is done again. */
const trainedSchema = z.object({
  train: evaluationSchema,
  test: evaluationSchema,
  distanceFromStart: anyNumber,
  weightsSha256: z.string(),
  history: z.array(epochRecordSchema),
});

export const trainingResultSchema = z.object({
  training: trainingSchema,
  figures: z.union([trainedSchema, z.object({ diverged: z.string() })]),
  environment: environmentSchema,
  seconds: z.object({
    training: z.number().describe('of the training alone, in all processes that it took'),
    all: z.number().describe('of the process that came to its end'),
  }),
});
export type TrainingResult = z.infer<typeof trainingResultSchema>;
export type Trained = z.infer<typeof trainedSchema>;

export const measureResultSchema = z.object({
  measure: measureSchema,
  /** Not numbers where the training diverged. */
  figures: z.object({
    value: anyNumber,
    standardError: anyNumber,
    details: z.record(z.string(), z.union([anyNumber, z.array(anyNumber)])),
  }),
  /** Of the weights that it was taken at; none where the training diverged, and in results of earlier versions. */
  weightsSha256: z.string().optional(),
  environment: environmentSchema,
  seconds: z.number(),
});
export type MeasureResult = z.infer<typeof measureResultSchema>;
export type MeasureFigures = MeasureResult['figures'];

/** Names in a store. */
export const KEYS = {
  /** What a sweep was last run with: see sweep.ts. */
  sweep: (name: string) => `sweeps/${name}/setting`,
  results: 'results/',
  resultsOf: (training: SweepTraining) => `results/${trainingId(training)}/`,
  training: (training: SweepTraining) => `results/${trainingId(training)}/training`,
  measure: (training: SweepTraining, measure: Measure) =>
    `results/${trainingId(training)}/${measureId(measure)}`,
  weights: (training: SweepTraining) => `weights/${trainingId(training)}`,
  checkpoints: 'checkpoints/',
  checkpoint: (training: SweepTraining) => `checkpoints/${trainingId(training)}`,
} as const;

/** What is left of a job: its training, and measures. */
export interface WorkLeft {
  readonly training: boolean;
  readonly measures: readonly Measure[];
}

/** What is left of a job where results of these names are there. */
export function workLeft({ training, measures }: Job, done: ReadonlySet<string>): WorkLeft {
  return {
    training: !done.has(KEYS.training(training)),
    measures: measures.filter((measure) => !done.has(KEYS.measure(training, measure))),
  };
}

/** The names of all results of a job, its training's first. */
export function keysOf({ training, measures }: Job): string[] {
  return [KEYS.training(training), ...measures.map((measure) => KEYS.measure(training, measure))];
}

export function isDone(job: Job, done: ReadonlySet<string>): boolean {
  return keysOf(job).every((key) => done.has(key));
}

export function encodeJson(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function readTraining(
  store: ResultStore,
  training: SweepTraining,
): Promise<TrainingResult | undefined> {
  return readJson(store, KEYS.training(training), trainingResultSchema);
}

export function readMeasure(
  store: ResultStore,
  training: SweepTraining,
  measure: Measure,
): Promise<MeasureResult | undefined> {
  return readJson(store, KEYS.measure(training, measure), measureResultSchema);
}

/** Something stored as JSON, checked by a schema as it is read. */
export async function readJson<T>(
  store: ResultStore,
  key: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const bytes = await store.read(key);
  if (!bytes) return undefined;
  const parsed = schema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new UserError(
    `${key} in ${store.name} is of another version of this program: choose another --store.`,
  );
}
