import { z } from 'zod';
import { MEASURE_FIELDS, SAM_RHO, singleImageFault } from '../../jobs/measure';
import { FIELDS } from '../../jobs/training';
import { evenAlphas } from '../../landscape/curve';
import { STATISTICS_BATCH } from '../../training/statistics';
import { MOST_OBSERVATIONS } from '../../verdict/power';

// The measures of a minimizer as plans write them. Which jobs they are is in jobs.ts.

/** Dimension of the random subspace of Keskar et al. (2017), which a plan may leave out. */
const SUBSPACE_DIMENSION = 100;

/** The first so many training images; all of them where it is left out. */
const images = FIELDS.images.optional();

export const plannedMeasureSchema = z.discriminatedUnion('kind', [
  /** Mean over directions of the rise of the loss curve. */
  z.strictObject({
    kind: z.literal('rise'),
    directions: z.number().int().min(1).max(MOST_OBSERVATIONS).default(5),
    alphas: MEASURE_FIELDS.alphas
      .refine((alphas) => alphas.includes(0), 'they must include 0, at which the rise is 0')
      .refine((alphas) => alphas.some((alpha) => alpha !== 0), 'they must include others than 0')
      .default(evenAlphas(11)),
    normalization: MEASURE_FIELDS.normalization.default('filter'),
    images,
  }),
  /** Metric 2.1 of Keskar et al. (2017), φ. */
  z.strictObject({
    kind: z.literal('keskar'),
    space: MEASURE_FIELDS.space.default('full'),
    epsilon: MEASURE_FIELDS.epsilon.default(1e-3),
    dimension: MEASURE_FIELDS.dimension.optional(),
    images,
  }),
  /** Where rho is left out, it is the papers' for CIFAR-10. */
  z.strictObject({
    kind: z.literal('sam'),
    adaptive: z.boolean().default(false),
    rho: MEASURE_FIELDS.rho.optional(),
    images,
  }),
  z.strictObject({ kind: z.literal('eigenvalue'), images }),
  z.strictObject({ kind: z.literal('trace'), samples: MEASURE_FIELDS.samples.default(20), images }),
  z.strictObject({
    kind: z.literal('noise'),
    batchSize: MEASURE_FIELDS.noiseBatchSize.default(100),
    batches: MEASURE_FIELDS.noiseBatches.default(10),
  }),
]);

/** A measure as a plan writes it. */
export type PlannedMeasure = z.infer<typeof plannedMeasureSchema>;

type Completed<Planned extends PlannedMeasure> = Planned extends { kind: 'noise' }
  ? Planned
  : Planned & { readonly images: number } & (Planned extends { kind: 'sam' }
        ? { readonly rho: number }
        : object);

/** A measure with everything that a plan may leave out. */
export type SweepMeasure = Completed<PlannedMeasure>;
export type RiseMeasure = SweepMeasure & { readonly kind: 'rise' };

/** A plan's measure of trainings on so many images. */
export function completeMeasure(planned: PlannedMeasure, trainSize: number): SweepMeasure {
  if (planned.kind === 'noise') return planned;
  const measure = { ...planned, images: planned.images ?? trainSize };
  if (measure.kind === 'keskar' && measure.space === 'subspace') {
    return { ...measure, dimension: measure.dimension ?? SUBSPACE_DIMENSION };
  }
  if (measure.kind === 'sam') {
    return { ...measure, rho: measure.rho ?? (measure.adaptive ? SAM_RHO.adaptive : SAM_RHO.plain) };
  }
  return measure;
}

/** What is wrong with a measure of trainings on so many images; undefined if nothing is. */
export function plannedMeasureFault(measure: SweepMeasure, trainSize: number): string | undefined {
  const needed = measure.kind === 'noise' ? measure.batches * measure.batchSize : measure.images;
  if (needed > trainSize) return `it takes ${needed} images, and there are ${trainSize} training images`;
  if (measure.kind !== 'keskar') return undefined;
  if (measure.space === 'full' && measure.dimension !== undefined) return 'the full space has no dimension';
  return singleImageFault(measure.images, STATISTICS_BATCH);
}

/** A measure in words: "keskar full, epsilon 0.001, 2000 images". */
export function plannedMeasureLabel(measure: SweepMeasure): string {
  switch (measure.kind) {
    case 'rise': {
      const { directions, alphas, normalization } = measure;
      const range = `${alphas.length} alphas from ${Math.min(...alphas)} to ${Math.max(...alphas)}`;
      return `rise ${normalization}, ${directions} direction${directions === 1 ? '' : 's'}, ${range}, ${measure.images} images`;
    }
    case 'keskar': {
      const space = measure.dimension === undefined ? 'full' : `subspace of ${measure.dimension}`;
      return `keskar ${space}, epsilon ${measure.epsilon}, ${measure.images} images`;
    }
    case 'sam':
      return `sam${measure.adaptive ? ' adaptive' : ''}, rho ${measure.rho}, ${measure.images} images`;
    case 'eigenvalue':
      return `eigenvalue, ${measure.images} images`;
    case 'trace':
      return `trace, ${measure.samples} samples, ${measure.images} images`;
    case 'noise':
      return `gradient signal-to-noise, ${measure.batches} batches of ${measure.batchSize}`;
  }
}
