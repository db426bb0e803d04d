import { z } from 'zod';
import { evenAlphas } from '../landscape/curve';
import { NORMALIZATIONS } from '../landscape/directions';
import { SPACES } from '../paper/published';
import { MOST_OBSERVATIONS } from '../verdict/power';
import { STATISTICS_BATCH } from '../training/statistics';
import { loneImage } from './batches';

// What a sweep can measure of a minimizer, as plans and jobs write it. A measure's figures depend on nothing beside it,
// the training and its minimizer, so that measures can be added without training again.

const MOST_IMAGES = 60_000;
const images = z.number().int().min(1).max(MOST_IMAGES);

/** Every kind of measure, but for the images that it is over: the first so many training images. */
const KINDS = {
  rise: {
    kind: z.literal('rise'),
    directions: z.number().int().min(1).max(MOST_OBSERVATIONS).default(5),
    alphas: z
      .array(z.number().min(-10).max(10))
      .min(2)
      .max(1000)
      .refine((alphas) => alphas.includes(0), 'they must hold 0, from where rises are measured')
      .default(evenAlphas(11)),
    normalization: z.enum(NORMALIZATIONS).default('filter'),
  },
  keskar: {
    kind: z.literal('keskar'),
    space: z.enum(SPACES).default('full'),
    epsilon: z.number().gt(0).max(1).default(1e-3),
    /** Of the random subspace; the full space has none. */
    dimension: z.number().int().min(1).max(1000).optional(),
  },
  sam: {
    kind: z.literal('sam'),
    adaptive: z.boolean().default(false),
    /** The step's length; where left out, what the papers train CIFAR-10 with. */
    rho: z.number().gt(0).max(100).optional(),
  },
  eigenvalue: { kind: z.literal('eigenvalue') },
  trace: { kind: z.literal('trace'), samples: z.number().int().min(2).max(1000).default(20) },
  noise: {
    kind: z.literal('noise'),
    batchSize: z.number().int().min(2).max(MOST_IMAGES).default(100),
    batches: z.number().int().min(3).max(1000).default(10),
  },
} as const;

/** Dimension of a subspace (Keskar et al. 2017), and SAM's steps (Foret et al. 2021, Kwon et al. 2021). */
const USUAL = { dimension: 100, rho: 0.05, adaptiveRho: 0.5 } as const;

const measuresOn = <Images extends z.ZodType>(images: Images) =>
  z.discriminatedUnion('kind', [
    z.strictObject({ ...KINDS.rise, images }),
    z.strictObject({ ...KINDS.keskar, images }),
    z.strictObject({ ...KINDS.sam, images }),
    z.strictObject({ ...KINDS.eigenvalue, images }),
    z.strictObject({ ...KINDS.trace, images }),
    z.strictObject(KINDS.noise),
  ]);

/** A measure as a plan writes it; without a number of images it is over all training images. */
export const plannedMeasureSchema = measuresOn(images.optional());
export type PlannedMeasure = z.infer<typeof plannedMeasureSchema>;

/** A measure as a job holds it: all that decides its figures, but for the training. */
export const measureSchema = measuresOn(images);
export type Measure = z.infer<typeof measureSchema>;

/** A plan's measure of a training on so many images. */
export function measureOf(planned: PlannedMeasure, trainSize: number): Measure {
  if (planned.kind === 'noise') return planned;
  const sized = { ...planned, images: planned.images ?? trainSize };
  if (sized.kind === 'keskar' && sized.space === 'subspace') {
    return { ...sized, dimension: sized.dimension ?? USUAL.dimension };
  }
  if (sized.kind === 'sam') {
    return { ...sized, rho: sized.rho ?? (sized.adaptive ? USUAL.adaptiveRho : USUAL.rho) };
  }
  return sized;
}

/** What is wrong with a measure of a training on so many images; undefined if nothing is. */
export function measureFault(measure: Measure, trainSize: number): string | undefined {
  const needed = measure.kind === 'noise' ? measure.batches * measure.batchSize : measure.images;
  if (needed > trainSize) return `it takes ${needed} images, and there are ${trainSize} training images`;
  if (measure.kind !== 'keskar') return undefined;
  if (measure.space === 'full' && measure.dimension !== undefined) return 'the full space has no dimension';
  if (measure.space === 'subspace' && measure.dimension === undefined) return 'a subspace has a dimension';
  return loneImage(measure.images, STATISTICS_BATCH);
}

/** A measure in words: "keskar full, epsilon .001, 2000 images". */
export function measureLabel(measure: Measure): string {
  switch (measure.kind) {
    case 'rise': {
      const { directions, alphas, normalization } = measure;
      const reach = `${alphas.length} alphas from ${Math.min(...alphas)} to ${Math.max(...alphas)}`;
      return `rise ${normalization}, ${directions} direction${directions === 1 ? '' : 's'}, ${reach}, ${measure.images} images`;
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

/** Images that pass through the network, about, each pass forward or forward and backward counted once. */
export function imagesOfMeasure(measure: Measure): number {
  switch (measure.kind) {
    case 'rise': {
      const points = measure.directions * measure.alphas.filter((alpha) => alpha !== 0).length;
      return (1 + points) * measure.images;
    }
    case 'keskar':
      return KESKAR_PASSES * measure.images;
    case 'sam':
      return 3 * measure.images;
    case 'eigenvalue':
      return LANCZOS_PASSES * measure.images;
    case 'trace':
      return measure.samples * measure.images;
    case 'noise':
      return measure.batches * measure.batchSize;
  }
}

/** Two maximizations of ten iterations. */
const KESKAR_PASSES = 26;
/** At most. */
const LANCZOS_PASSES = 20;
