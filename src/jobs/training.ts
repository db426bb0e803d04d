import { z } from 'zod';
import { ENGINE_NAMES } from '../engine/engine';
import type { Architecture, Layer } from '../model/architecture';
import { networkName } from '../model/networks';
import type { TrainingConfig } from '../training/train';
import { contentId, withoutDefaults, type Json } from './canonical';

// A training and a place in it as plain values. A training says everything that decides where it ends, and names
// network and data by their content, never by a path.

/** An engine as far as it identifies a result. Device and threads decide only the rounding; results record them. */
export interface EngineId {
  readonly name: (typeof ENGINE_NAMES)[number];
  readonly version: string;
}

/** A data set by the SHA-256 of its two splits (see datasetSha256), and how many of its training images are used. */
export interface DataContent {
  readonly train: string;
  readonly test: string;
  /** The first n training images. */
  readonly images: number;
}

/** Everything that decides where a training ends. Optional fields have the defaults of {@link TRAINING_DEFAULTS}. */
export interface Training {
  /** Raised when the program comes to give other results for the same values. */
  readonly format?: 1;
  readonly network: { readonly layers: readonly Layer[] };
  readonly data: DataContent;
  readonly engine: EngineId;
  readonly batchSize: number;
  /** Decides the initial weights, the order of the images, augmentation and dropout masks. */
  readonly seed: number;
  readonly optimizer:
    | { readonly kind: 'sgd'; readonly momentum: number; readonly weightDecay: number }
    | { readonly kind: 'adam'; readonly weightDecay: number };
  /** Of the first epoch. */
  readonly learningRate: number;
  readonly schedule?: 'constant' | 'cosine';
  /** Number of epochs over which the schedule runs; that of `stopAfter` by default. */
  readonly scheduleEpochs?: number;
  /** Where training ends at the latest. */
  readonly stopAfter: { readonly epochs: number } | { readonly steps: number };
  /** Ends training earlier: at a training loss, or where the loss has ceased to improve. */
  readonly until?: { readonly loss: number } | { readonly patience: number; readonly improvement: number };
  /** Random crops and flips. */
  readonly augment?: boolean;
  /** Another number gives another order of the batches from the same initial weights. */
  readonly batchOrder?: number;
  readonly conservative?: { readonly lambda: number; readonly iterations: number };
  readonly adversarial?: { readonly epsilon: number };
  /** Where training starts: weights drawn from the seed, or another training's. */
  readonly start?: 'seed' | Minimizer;
}

/** A place in a training: its end, or the weights after a number of optimizer steps. */
export interface Minimizer {
  readonly training: Training;
  readonly at?: 'end' | { readonly step: number };
}

export const TRAINING_DEFAULTS = {
  format: 1,
  schedule: 'constant',
  augment: false,
  batchOrder: 0,
  start: 'seed',
} as const satisfies Partial<Training>;

const MAX_IMAGES = 10_000_000;
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'it must be a SHA-256 in hexadecimal');
const nameSchema = z.string().min(1).max(200);
const sizeSchema = z.number().int().min(1).max(1_000_000);
const dropoutSchema = z.number().min(0).lt(1).optional();

const layerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('convBlock'),
    conv: nameSchema,
    batchNorm: nameSchema.optional(),
    inputs: sizeSchema,
    outputs: sizeSchema,
    kernel: z.number().int().min(1).max(99),
    pool: z.union([z.literal(2), z.literal(3)]).optional(),
    dropout: dropoutSchema,
  }),
  z.strictObject({
    kind: z.literal('flatten'),
    channels: sizeSchema,
    side: sizeSchema,
    dropout: dropoutSchema,
  }),
  z.strictObject({
    kind: z.literal('linear'),
    name: nameSchema,
    batchNorm: nameSchema.optional(),
    inputs: sizeSchema,
    outputs: sizeSchema,
    relu: z.boolean(),
    dropout: dropoutSchema,
  }),
]);

/** The largest learning rate; a scaled one may come near it. */
export const MAX_LEARNING_RATE = 1000;

/** The fields that plans, settings and trainings share, each within its limits. */
export const FIELDS = {
  batchSize: z.number().int().min(1).max(MAX_IMAGES),
  /** Bounded, so that a thousand times it, the seeds of its directions, are whole numbers too. */
  seed: z.number().int().min(-9e12).max(9e12),
  images: z.number().int().min(1).max(MAX_IMAGES),
  epochs: z.number().int().min(1).max(100_000),
  steps: z.number().int().min(1).max(1e9),
  patience: z.number().int().min(1).max(100_000),
  improvement: z.number().min(0).lt(1),
  /** In nats. */
  loss: z.number().gt(0).max(100),
  learningRate: z.number().gt(0).max(MAX_LEARNING_RATE),
  schedule: z.enum(['constant', 'cosine']),
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().min(0).max(1000),
} as const;

const engineIdSchema = z.strictObject({ name: z.enum(ENGINE_NAMES), version: z.string().max(200) });

/** Parses a training: a plain JSON value, which can name no file and no program. */
export const trainingSchema: z.ZodType<Training> = z.strictObject({
  format: z.literal(1, 'it was written by a newer version of this program').optional(),
  network: z.strictObject({ layers: z.array(layerSchema).min(1).max(1000) }),
  data: z.strictObject({ train: sha256Schema, test: sha256Schema, images: FIELDS.images }),
  engine: engineIdSchema,
  batchSize: FIELDS.batchSize,
  seed: FIELDS.seed,
  optimizer: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('sgd'),
      momentum: FIELDS.momentum,
      weightDecay: FIELDS.weightDecay,
    }),
    z.strictObject({ kind: z.literal('adam'), weightDecay: FIELDS.weightDecay }),
  ]),
  learningRate: FIELDS.learningRate,
  schedule: FIELDS.schedule.optional(),
  scheduleEpochs: FIELDS.epochs.optional(),
  stopAfter: z.union([z.strictObject({ epochs: FIELDS.epochs }), z.strictObject({ steps: FIELDS.steps })]),
  until: z
    .union([
      z.strictObject({ loss: FIELDS.loss }),
      z.strictObject({ patience: FIELDS.patience, improvement: FIELDS.improvement }),
    ])
    .optional(),
  augment: z.boolean().optional(),
  batchOrder: z.number().int().min(0).max(1e6).optional(),
  conservative: z
    .strictObject({ lambda: z.number().min(0).max(1e6), iterations: z.number().int().min(1).max(1000) })
    .optional(),
  adversarial: z.strictObject({ epsilon: z.number().min(0).max(1) }).optional(),
  start: z.union([z.literal('seed'), z.lazy(() => minimizerSchema)]).optional(),
});

export const minimizerSchema: z.ZodType<Minimizer> = z.strictObject({
  training: trainingSchema,
  at: z.union([z.literal('end'), z.strictObject({ step: FIELDS.steps })]).optional(),
});

/** A network as content: its layers, without the fields that make no difference. */
export function networkContent({ layers }: Pick<Architecture, 'layers'>): Training['network'] {
  return { layers: layers.map((layer) => withoutDefaults(layer, { dropout: 0 })) };
}

/** The training in the form whose canonical text is hashed: without fields at their default. */
export function compactTraining(training: Training): Training {
  const { start, scheduleEpochs } = training;
  const compact = {
    ...training,
    network: networkContent(training.network),
    ...(scheduleEpochs === maxEpochs(training) && { scheduleEpochs: undefined }),
    ...(start !== undefined && start !== 'seed' && { start: compactMinimizer(start) }),
  };
  return withoutDefaults(compact, TRAINING_DEFAULTS);
}

export function compactMinimizer({ training, at }: Minimizer): Minimizer {
  return withoutDefaults({ training: compactTraining(training), at }, { at: 'end' });
}

/** Ids that were computed before: trainings are never changed, and large studies ask for the same ids again and again. */
const knownIds = new WeakMap<Training, string>();

/** The content id of a training. A warm start counts by the id of the training that it starts from. */
export function trainingId(training: Training): string {
  const known = knownIds.get(training);
  if (known !== undefined) return known;
  const { start, ...compact } = compactTraining(training);
  const content =
    start === undefined || start === 'seed' ? compact : { ...compact, start: minimizerKey(start) };
  const id = contentId(content as unknown as Json);
  knownIds.set(training, id);
  return id;
}

/** A minimizer by the id of its training. */
export function minimizerKey({ training, at }: Minimizer): Json {
  return withoutDefaults<{ training: string; at?: Minimizer['at'] }>(
    { training: trainingId(training), at },
    { at: 'end' },
  ) as Json;
}

/** The network that a training trains, by the name that it has here. */
export function architectureOf({ network: { layers } }: Training): Architecture {
  return { name: networkName(layers), layers };
}

/** Optimizer steps in an epoch; the last step takes the images that are left. */
export function stepsPerEpoch({ data, batchSize }: Training): number {
  return Math.ceil(data.images / batchSize);
}

/** The largest number of epochs that a training can take. */
export function maxEpochs(training: Training): number {
  const { stopAfter } = training;
  return 'epochs' in stopAfter ? stopAfter.epochs : Math.ceil(stopAfter.steps / stepsPerEpoch(training));
}

/** What the training loop is told. */
export function trainingConfigOf(training: Training): TrainingConfig {
  const { batchSize, stopAfter, until, learningRate, schedule, scheduleEpochs, optimizer, augment } =
    training;
  const { batchOrder, conservative, adversarial } = training;
  return {
    batchSize,
    epochs: maxEpochs(training),
    ...('steps' in stopAfter && { steps: stopAfter.steps }),
    ...(until && { stopping: until }),
    learningRate,
    schedule: schedule ?? TRAINING_DEFAULTS.schedule,
    ...(scheduleEpochs !== undefined && { scheduleEpochs }),
    optimizer,
    augment: augment ?? TRAINING_DEFAULTS.augment,
    ...(batchOrder && { batchOrder }),
    ...(conservative && { conservative }),
    ...(adversarial && { adversarial }),
  };
}

/** A training in words, for progress lines and errors. */
export function trainingLabel(training: Training): string {
  const { batchSize, seed, batchOrder, start } = training;
  const notes = [
    ...(batchOrder ? [`batch order ${batchOrder}`] : []),
    ...(training.augment ? ['augmentation'] : []),
    ...(training.conservative ? ['conservative'] : []),
    ...(training.adversarial ? ['adversarial'] : []),
    ...(start && start !== 'seed' ? ['warm start'] : []),
  ];
  const also = notes.map((note) => `, ${note}`).join('');
  return `${architectureOf(training).name}, batch size ${batchSize}, seed ${seed}${also}`;
}

/** The optimizer step after which a minimizer is a snapshot of its training; undefined where it is the end. */
export function stepOf({ at = 'end' }: Pick<Minimizer, 'at'>): number | undefined {
  return at === 'end' ? undefined : at.step;
}

/** A minimizer in words. */
export function minimizerLabel(minimizer: Minimizer): string {
  const [label, step] = [trainingLabel(minimizer.training), stepOf(minimizer)];
  return step === undefined ? label : `${label}, after step ${step}`;
}
