import { z } from 'zod';
import { SPLITS, type Split } from '../data/dataset';
import { NORMALIZATIONS, type Normalization } from '../landscape/directions';
import { PATHS, PLOT_STATISTICS, type Path, type PlotStatistics } from '../landscape/parametric';
import { BATCH_STATISTICS, type BatchStatistics } from '../training/gradient';
import { STATISTICS_BATCH } from '../training/statistics';
import { contentId, withoutDefaults, type Json } from './canonical';
import {
  compactMinimizer,
  FIELDS,
  minimizerKey,
  minimizerLabel,
  minimizerSchema,
  type Minimizer,
  type Training,
} from './training';

// What can be measured of minimizers, as plain values. Each measure is small (one direction, one block of images), so
// that more directions or more images never recompute what is stored.

/** A block of images of a split, in the split's own order or in an order drawn from a seed. */
export interface Images {
  /** Draws the order; the split's own order where it is absent. */
  readonly orderSeed?: number;
  /** The first image, from 0, which is the default. */
  readonly from?: number;
  /** The image after the last one. */
  readonly to: number;
}

/**
 * Which running statistics of batch norm a measure uses: those recomputed over the training images, or those that
 * training left.
 */
export const EVALUATION_STATISTICS = ['recomputed', 'running'] as const;
export type EvaluationStatistics = (typeof EVALUATION_STATISTICS)[number];

/** What Metric 2.1 searches: all parameters, or a random subspace of them. */
export const SPACES = ['full', 'subspace'] as const;
export type Space = (typeof SPACES)[number];

interface Common {
  readonly of: readonly Minimizer[];
  readonly split?: Split;
  readonly images: Images;
  readonly statistics?: EvaluationStatistics;
}

/** Loss and accuracy in evaluation mode, and the loss of every image. */
export interface EvaluationMeasure extends Common {
  readonly kind: 'evaluation';
}

/** The loss curve along one direction, at every α but 0, where the `evaluation` of the same images is the curve. */
export interface CurveMeasure extends Common {
  readonly kind: 'curve';
  readonly directionSeed: number;
  readonly normalization?: Normalization;
  readonly alphas: readonly number[];
}

/** Metric 2.1 (Keskar et al. 2017): φ within a box. */
export interface PhiMeasure extends Common {
  readonly kind: 'phi';
  readonly space?: Space;
  readonly epsilon: number;
  /** Dimension of the random subspace; the full space has none. */
  readonly dimension?: number;
  readonly orthonormal?: boolean;
  /** What batch norm normalizes by during the search. */
  readonly batchNorm?: BatchStatistics;
}

/** The rise of the loss by one step of gradient ascent (SAM, Foret et al. 2021; adaptive, Kwon et al. 2021). */
export interface SamMeasure extends Common {
  readonly kind: 'sam';
  readonly adaptive?: boolean;
  /** Length of the step. */
  readonly rho: number;
}

/** The largest and the smallest eigenvalue of the Hessian, by Lanczos' method. */
export interface EigenvalueMeasure extends Common {
  readonly kind: 'eigenvalue';
}

/** The trace of the Hessian, by Hutchinson's estimator. */
export interface TraceMeasure extends Common {
  readonly kind: 'trace';
  readonly samples: number;
}

/** Signal-to-noise ratio of minibatch gradients, drawn from the block of images. */
export interface NoiseMeasure extends Common {
  readonly kind: 'noise';
  readonly batchSize: number;
  readonly batches: number;
}

/** A point of the path from the first minimizer (α = 0) to the second (α = 1): training images and test images. */
export interface PathMeasure extends Common {
  readonly kind: 'path';
  readonly path?: Path;
  readonly alpha: number;
  /** Batch-norm statistics: recomputed at the point, or those of the first minimizer. */
  readonly pathStatistics?: PlotStatistics;
  readonly testImages: Images;
}

export type Measure =
  | EvaluationMeasure
  | CurveMeasure
  | PhiMeasure
  | SamMeasure
  | EigenvalueMeasure
  | TraceMeasure
  | NoiseMeasure
  | PathMeasure;
export type MeasureKind = Measure['kind'];

const COMMON_DEFAULTS = { split: 'train', statistics: 'recomputed' } as const;

/** Defaults of the optional fields of every kind of measure. */
export const MEASURE_DEFAULTS = {
  evaluation: COMMON_DEFAULTS,
  curve: { ...COMMON_DEFAULTS, normalization: 'filter' },
  phi: { ...COMMON_DEFAULTS, space: 'full', orthonormal: false, batchNorm: 'batch' },
  sam: { ...COMMON_DEFAULTS, adaptive: false },
  eigenvalue: COMMON_DEFAULTS,
  trace: COMMON_DEFAULTS,
  noise: COMMON_DEFAULTS,
  path: { ...COMMON_DEFAULTS, path: 'straight', pathStatistics: 'recomputed' },
} as const;

/** Step lengths of SAM (Foret et al. 2021) and adaptive SAM (Kwon et al. 2021) for CIFAR-10. */
export const SAM_RHO = { plain: 0.05, adaptive: 0.5 } as const;

const MAX_ALPHA = 10;

const imagesSchema = z
  .strictObject({
    orderSeed: FIELDS.seed.optional(),
    from: z.number().int().min(0).optional(),
    to: FIELDS.images,
  })
  .refine(({ from = 0, to }) => from < to, 'a block of images must not be empty');

const common = {
  of: z.array(minimizerSchema).length(1),
  split: z.enum(SPLITS).optional(),
  images: imagesSchema,
  statistics: z.enum(EVALUATION_STATISTICS).optional(),
};

/** The parameters of every kind of measure, each within its limits; plans of sweeps use them too. */
export const MEASURE_FIELDS = {
  normalization: z.enum(NORMALIZATIONS),
  alphas: z.array(z.number().min(-MAX_ALPHA).max(MAX_ALPHA)).min(1).max(1000),
  space: z.enum(SPACES),
  epsilon: z.number().gt(0).max(1),
  dimension: z.number().int().min(1).max(1000),
  rho: z.number().gt(0).max(100),
  samples: z.number().int().min(2).max(1000),
  noiseBatchSize: z.number().int().min(2).max(1_000_000),
  noiseBatches: z.number().int().min(3).max(1000),
} as const;

/** Parses a measure: a plain JSON value, which can name no file and no program. */
export const measureSchema: z.ZodType<Measure> = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('evaluation'), ...common }),
    z.strictObject({
      kind: z.literal('curve'),
      ...common,
      directionSeed: z.number().int(),
      normalization: MEASURE_FIELDS.normalization.optional(),
      alphas: MEASURE_FIELDS.alphas.refine(
        (alphas) => !alphas.includes(0),
        'α = 0 is the evaluation of the same images',
      ),
    }),
    z.strictObject({
      kind: z.literal('phi'),
      ...common,
      space: MEASURE_FIELDS.space.optional(),
      epsilon: MEASURE_FIELDS.epsilon,
      dimension: MEASURE_FIELDS.dimension.optional(),
      orthonormal: z.boolean().optional(),
      batchNorm: z.enum(BATCH_STATISTICS).optional(),
    }),
    z.strictObject({
      kind: z.literal('sam'),
      ...common,
      adaptive: z.boolean().optional(),
      rho: MEASURE_FIELDS.rho,
    }),
    z.strictObject({ kind: z.literal('eigenvalue'), ...common }),
    z.strictObject({ kind: z.literal('trace'), ...common, samples: MEASURE_FIELDS.samples }),
    z.strictObject({
      kind: z.literal('noise'),
      ...common,
      batchSize: MEASURE_FIELDS.noiseBatchSize,
      batches: MEASURE_FIELDS.noiseBatches,
    }),
    z.strictObject({
      kind: z.literal('path'),
      ...common,
      of: z.array(minimizerSchema).length(2),
      path: z.enum(PATHS).optional(),
      alpha: z.number().min(-MAX_ALPHA).max(MAX_ALPHA),
      pathStatistics: z.enum(PLOT_STATISTICS).optional(),
      testImages: imagesSchema,
    }),
  ])
  .superRefine((measure, context) => {
    const message = measureFault(measure);
    if (message) context.addIssue({ code: 'custom', message });
  });

/** What is wrong with a measure; undefined if nothing is. */
export function measureFault(measure: Measure): string | undefined {
  const { images, split = 'train' } = measure;
  const available = measure.of[0]?.training.data.images ?? 0;
  if (split === 'train' && images.to > available) {
    return `it takes ${images.to} images, and there are ${available} training images`;
  }
  if (measure.kind === 'noise' && measure.batches * measure.batchSize > imageCount(images)) {
    return `it takes ${measure.batches * measure.batchSize} images, and there are ${imageCount(images)}`;
  }
  if (measure.kind !== 'phi') return undefined;
  const { space = 'full', dimension } = measure;
  if (space === 'full' && dimension !== undefined) return 'the full space has no dimension';
  if (space === 'subspace' && dimension === undefined) return 'a subspace has a dimension';
  return singleImageFault(imageCount(images), STATISTICS_BATCH);
}

/** What is wrong with batches that leave a single image, of which batch norm has no variance; undefined if nothing is. */
export function singleImageFault(images: number, batchSize: number): string | undefined {
  const size = Math.min(batchSize, images);
  if ((images % size || size) > 1) return undefined;
  return (
    `batches of ${size} leave one of ${images} images in a batch of its own, which batch norm cannot normalize: ` +
    'take another number'
  );
}

/** The seed of a training seed's k-th direction, along which all its minimizers are measured; no two seeds share one. */
export function directionSeedOf(seed: number, direction: number): number {
  return seed * 1000 + direction;
}

/** How many images a block has. */
export function imageCount({ from = 0, to }: Images): number {
  return to - from;
}

/** The measure without fields at their default: what its id is the hash of. */
export function compactMeasure(measure: Measure): Measure {
  const compactImages = (images: Images) => withoutDefaults(images, { from: 0 });
  const compact = {
    ...measure,
    of: measure.of.map(compactMinimizer),
    images: compactImages(measure.images),
    ...(measure.kind === 'path' && { testImages: compactImages(measure.testImages) }),
  };
  return withoutDefaults(compact, MEASURE_DEFAULTS[measure.kind] as Partial<typeof compact>) as Measure;
}

/** The content id of a measure; minimizers count by the ids of their trainings. */
export function measureId(measure: Measure): string {
  const content = { ...compactMeasure({ ...measure, of: [] }), of: measure.of.map(minimizerKey) };
  return contentId(content as unknown as Json);
}

/** The training of the first minimizer, under which a measure is stored. */
export function firstTraining({ of: [first] }: Measure): Training {
  return first.training;
}

/** A measure in words, for progress lines and errors. */
export function measureLabel(measure: Measure): string {
  return `${measure.of.map(minimizerLabel).join(' to ')}: ${quantityLabel(measure)}`;
}

/** What is measured, in words: "phi, full space, epsilon 0.001, 2000 images". */
function quantityLabel(measure: Measure): string {
  const images = `${imageCount(measure.images)} ${measure.split === 'test' ? 'test ' : ''}images`;
  switch (measure.kind) {
    case 'evaluation':
      return `evaluation, ${images}`;
    case 'curve':
      return `curve along direction ${measure.directionSeed}, ${images}`;
    case 'phi': {
      const space = measure.dimension === undefined ? 'full space' : `subspace of ${measure.dimension}`;
      return `phi, ${space}, epsilon ${measure.epsilon}, ${images}`;
    }
    case 'sam':
      return `sam${measure.adaptive ? ' adaptive' : ''}, rho ${measure.rho}, ${images}`;
    case 'eigenvalue':
      return `eigenvalue, ${images}`;
    case 'trace':
      return `trace, ${measure.samples} samples, ${images}`;
    case 'noise':
      return `gradient signal-to-noise, ${measure.batches} batches of ${measure.batchSize}`;
    case 'path':
      return `${measure.path ?? 'straight'} path at α = ${measure.alpha}`;
  }
}
