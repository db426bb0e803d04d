import { z } from 'zod';
import { DATASETS } from '../data/load';
import { ENGINES } from '../engine';
import type { TrainingConfig } from '../training/train';
import { loneImage } from './batches';
import { contentId } from './canonical';
import { measureFault, measureSchema, type Measure } from './measure';
import { datasetOf, SWEEP_NETWORKS, TEST_IMAGES, TRAIN_IMAGES } from './networks';

const MOST_IMAGES = Math.max(...DATASETS.map((name) => TRAIN_IMAGES[name]));

export const MOST_LEARNING_RATE = 1000;

/** The values that plans and jobs have in common, each within its limits. */
export const FIELDS = {
  network: z.enum(SWEEP_NETWORKS),
  batchSize: z.number().int().min(1).max(MOST_IMAGES),
  /** Bounded as the presets' seeds are. */
  seed: z.number().int().min(-9e12).max(9e12),
  /** The first so many training images. */
  trainSize: z.number().int().min(1).max(MOST_IMAGES),
  /** The first so many test images. */
  testSize: z.number().int().min(1).max(TEST_IMAGES),
  epochs: z.number().int().min(1).max(100_000),
  patience: z.number().int().min(1).max(100_000),
  improvement: z.number().min(0).lt(1),
  /** Nats. */
  loss: z.number().gt(0).max(100),
  learningRate: z.number().gt(0).max(MOST_LEARNING_RATE),
  schedule: z.enum(['cosine', 'constant']),
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().min(0).max(1000),
} as const;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** An engine as far as it decides figures. Device and threads decide their rounding; a result says which they were. */
export const engineSchema = z.strictObject({ name: z.enum(ENGINES), version: z.string().max(200) });
export type SweepEngine = z.infer<typeof engineSchema>;

/** SHA-256 of both splits of a data set, whole. */
export const dataSchema = z.strictObject({ train: sha256Schema, test: sha256Schema });
export type DataHashes = z.infer<typeof dataSchema>;

/** All that decides where a training ends. */
export const trainingSchema = z.strictObject({
  /** Raised when the program comes to give other figures for the same values. */
  format: z.literal(1),
  network: FIELDS.network,
  batchSize: FIELDS.batchSize,
  seed: FIELDS.seed,
  trainSize: FIELDS.trainSize,
  testSize: FIELDS.testSize,
  /** At most, where there is a rule to stop by. */
  epochs: FIELDS.epochs,
  stopping: z
    .union([
      z.strictObject({ patience: FIELDS.patience, improvement: FIELDS.improvement }),
      z.strictObject({ loss: FIELDS.loss }),
    ])
    .nullable(),
  learningRate: FIELDS.learningRate,
  schedule: FIELDS.schedule,
  optimizer: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('sgd'),
      momentum: FIELDS.momentum,
      weightDecay: FIELDS.weightDecay,
    }),
    z.strictObject({ kind: z.literal('adam'), weightDecay: FIELDS.weightDecay }),
  ]),
  augment: z.boolean(),
  engine: engineSchema,
  data: dataSchema,
});
export type SweepTraining = z.infer<typeof trainingSchema>;

/**
 * A training, and what is to be measured of its minimizer: a plain JSON value, which can name no file and no program.
 * Parsing one refuses what could not be run.
 */
export const jobSchema = z
  .strictObject({ training: trainingSchema, measures: z.array(measureSchema).max(100) })
  .superRefine(({ training, measures }, context) => {
    const faults = [
      trainSizeFault(training.network, training.trainSize),
      batchFault(training.batchSize, training.trainSize),
      augmentFault(training.network, training.augment),
      ...measures.map((measure) => measureFault(measure, training.trainSize)),
    ];
    for (const message of faults) if (message) context.addIssue({ code: 'custom', message });
  });
export type Job = z.infer<typeof jobSchema>;

/** What is wrong with a number of training images of a network's data set; undefined if nothing is. */
export function trainSizeFault(network: Job['training']['network'], trainSize: number): string | undefined {
  const images = TRAIN_IMAGES[datasetOf(network)];
  return trainSize > images ? `${network}'s data set has ${images} training images` : undefined;
}

/** What is wrong with a batch size; undefined if nothing is. */
export function batchFault(batchSize: number, trainSize: number): string | undefined {
  if (batchSize > trainSize) return `${batchSize} is more than the ${trainSize} training images`;
  return loneImage(trainSize, batchSize);
}

/** What is wrong with augmenting a network's images; undefined if nothing is. */
export function augmentFault(network: Job['training']['network'], augment: boolean): string | undefined {
  const ofDigits = augment && datasetOf(network) === 'mnist';
  return ofDigits ? `it flips images left to right, and a flipped digit of ${network}'s is none` : undefined;
}

/** The address of a training: the same for equal trainings, whoever asks, and another for any other. */
export function trainingId(training: SweepTraining): string {
  return contentId(training);
}

/** The address of a measure, among those of one training. */
export function measureId(measure: Measure): string {
  return contentId(measure);
}

/** A training in words. */
export function trainingLabel({ network, batchSize, seed }: SweepTraining): string {
  return `${network}, batch size ${batchSize}, seed ${seed}`;
}

/** How the training loop is told. */
export function trainingConfigOf(training: SweepTraining): TrainingConfig {
  const { batchSize, epochs, stopping, learningRate, schedule, optimizer, augment } = training;
  return {
    batchSize,
    epochs,
    ...(stopping && { stopping }),
    learningRate,
    schedule,
    optimizer,
    augment,
    // Only at the end: it decides no figure, and each takes a good part of an epoch of few images.
    testEvery: epochs,
  };
}
