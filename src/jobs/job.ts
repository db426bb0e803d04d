import { z } from 'zod';
import {
  imageCount,
  measureId,
  measureLabel,
  measureSchema,
  singleImageFault,
  type Measure,
} from './measure';
import {
  maxEpochs,
  stepOf,
  stepsPerEpoch,
  trainingId,
  trainingLabel,
  trainingSchema,
  type Minimizer,
  type Training,
} from './training';

/** Something to be done: a training, with snapshots at some of its steps, or a measure of minimizers. */
export type Job = TrainingJob | MeasureJob;

export interface TrainingJob {
  readonly train: Training;
  /** Numbers of optimizer steps after which the weights are kept. */
  readonly snapshots?: readonly number[];
}

export interface MeasureJob {
  readonly measure: Measure;
}

/** Parses a job: a plain JSON value, which can name no file and no program. It refuses what could not be run. */
export const jobSchema: z.ZodType<Job> = z
  .union([
    z.strictObject({
      train: trainingSchema,
      snapshots: z.array(z.number().int().min(1)).max(10_000).optional(),
    }),
    z.strictObject({ measure: measureSchema }),
  ])
  .superRefine((job, context) => {
    for (const message of trainingsOf(job).map(trainingFault)) {
      if (message) context.addIssue({ code: 'custom', message });
    }
  });

/** What is wrong with a training; undefined if nothing is. */
export function trainingFault(training: Training): string | undefined {
  const { batchSize, data, network } = training;
  if (batchSize > data.images) return `${batchSize} is more than the ${data.images} training images`;
  const hasBatchNorm = network.layers.some(
    (layer) => layer.kind !== 'flatten' && layer.batchNorm !== undefined,
  );
  return hasBatchNorm ? singleImageFault(data.images, batchSize) : undefined;
}

/**
 * The id of a job, under which it is leased and queued: a training's own, whatever snapshots are wanted, so that no
 * training is ever under way twice.
 */
export function jobId(job: Job): string {
  return 'train' in job ? trainingId(job.train) : measureId(job.measure);
}

/** A job in words. */
export function jobLabel(job: Job): string {
  return 'train' in job ? `training of ${trainingLabel(job.train)}` : measureLabel(job.measure);
}

/** The minimizers that must be there before a job can be done. */
export function dependencies(job: Job): readonly Minimizer[] {
  if ('measure' in job) return job.measure.of;
  const { start } = job.train;
  return start === undefined || start === 'seed' ? [] : [start];
}

/** Every training that a job may lead to: its own, and those that its minimizers and their starts come from. */
export function trainingsOf(job: Job): readonly Training[] {
  const own = 'train' in job ? [job.train] : [];
  return [...own, ...dependencies(job).flatMap(({ training }) => trainingsOf({ train: training }))];
}

/** The training job that yields a minimizer. */
export function trainingJobOf(minimizer: Minimizer): TrainingJob {
  const [train, step] = [minimizer.training, stepOf(minimizer)];
  return step === undefined ? { train } : { train, snapshots: [step] };
}

/** Jobs without those that are there twice. */
export function distinctJobs(jobs: readonly Job[]): Job[] {
  return [...new Map(jobs.map((job) => [jobId(job), job])).values()];
}

/** Images that pass through a network. Passes that take a gradient count as training. */
export interface Cost {
  readonly training: number;
  readonly evaluation: number;
}

/** Maximizations of Metric 2.1, of ten iterations each, take about so many evaluations of loss and gradient. */
const PHI_PASSES = 26;
/** The maximum for Lanczos' method. */
const LANCZOS_PASSES = 20;

/** About how many images have to pass through the network for a job; the maximum where a rule ends a training. */
export function costOf(job: Job): Cost {
  if ('train' in job) {
    const { train } = job;
    const { stopAfter, data } = train;
    const images =
      'steps' in stopAfter
        ? Math.ceil((stopAfter.steps / stepsPerEpoch(train)) * data.images)
        : maxEpochs(train) * data.images;
    // Batch-norm statistics are recomputed at the end.
    return { training: images, evaluation: data.images };
  }
  const { measure } = job;
  const images = imageCount(measure.images);
  const [evaluation, training] = [
    (passes: number) => ({ training: 0, evaluation: passes * images }),
    (passes: number) => ({ training: passes * images, evaluation: 0 }),
  ];
  switch (measure.kind) {
    case 'evaluation':
      return evaluation(1);
    case 'curve':
      return evaluation(measure.alphas.length);
    case 'phi':
      return training(PHI_PASSES);
    case 'sam':
      return training(3);
    case 'eigenvalue':
      return training(LANCZOS_PASSES);
    case 'trace':
      return training(measure.samples);
    case 'noise':
      return { training: measure.batches * measure.batchSize, evaluation: 0 };
    case 'path': {
      const passes = measure.pathStatistics === 'fixed' ? 1 : 2;
      return { training: 0, evaluation: passes * images + imageCount(measure.testImages) };
    }
  }
}
