import { z } from 'zod';
import { UserError } from '../support/errors';
import { flagOf } from '../experiment/settings';
import type { DatasetName } from '../data/load';
import { PLOT_ALPHAS, PLOT_STATISTICS } from '../landscape/parametric';
import { PAPER_NETWORKS, type PaperNetwork } from '../model/networks';
import { BATCH_STATISTICS } from '../training/gradient';
import type { Regime } from '../training/regime';
import type { TrainingConfig } from '../training/train';

/** `scaled`: a tenth of the data, the paper's shares of it in a batch; `full`: the paper's own sizes. */
export const PAPER_PRESETS = ['scaled', 'full'] as const;
export type PaperPreset = (typeof PAPER_PRESETS)[number];

/** What the paper tries against LB's generalization gap (Keskar et al. 2017, Section 5 and Appendix E). */
export const REMEDIES = ['augmentation', 'conservative', 'adversarial'] as const;
export type Remedy = (typeof REMEDIES)[number];

/**
 * How a training with each remedy differs from LB's. λ and the iterations of conservative training are the paper's
 * (Appendix E); ε is ours, two of the 255 steps of a pixel, which no eye sees.
 */
export const REMEDY_CHANGES = {
  augmentation: { augment: true },
  conservative: { conservative: { lambda: 1e-3, iterations: 3 } },
  adversarial: { adversarial: { epsilon: 2 / 255 } },
} as const satisfies Readonly<Record<Remedy, Partial<TrainingConfig>>>;

/** What each is called in a sentence. */
export const REMEDY_WORDS: Readonly<Record<Remedy, string>> = {
  augmentation: 'data augmentation',
  conservative: 'conservative training',
  adversarial: 'adversarial training',
};

/** Everything that decides the figures of the paper's experiment, but for the engine. */
export const paperSettingsSchema = z.object({
  preset: z.enum(PAPER_PRESETS),
  networks: z.array(z.enum(PAPER_NETWORKS)).min(1),
  seed: z.number().int().min(-9e12).max(9e12),
  /** Trials from random starts, of seed, seed + 1, … */
  seeds: z.number().int().min(1).max(100),
  /** The first so many training images; of fewer, all. */
  trainSize: z.number().int().min(1).max(60_000),
  smallBatch: z.number().int().min(1),
  /** LB's share of the training images. */
  largeShare: z.number().gt(0).max(1),
  /** Of Adam, in both regimes. */
  learningRate: z.number().positive(),
  /** At most. */
  epochs: z.number().int().min(1),
  /** Training ends when so many epochs have not brought the loss down by the share `improvement`. */
  patience: z.number().int().min(1),
  improvement: z.number().min(0).lt(1),
  /** Sharpness is measured on the first so many training images; of fewer, all. */
  sharpnessImages: z.number().int().min(1).max(60_000),
  /** What batch norm normalizes by there; `batch` takes batches of LB's size. */
  statistics: z.enum(BATCH_STATISTICS),
  /** p of the random subspace. */
  dimension: z.number().int().min(1).max(1000),
  /** Replaces the subspace's normal entries by the orthonormal columns that span the same. */
  orthonormal: z.boolean(),
  // With defaults, since folders of earlier versions lack them.
  /** Where the parametric plots have their points. */
  plotAlphas: z
    .array(z.number())
    .min(2)
    .default([...PLOT_ALPHAS]),
  /** What batch norm normalizes by there. */
  plotStatistics: z.enum(PLOT_STATISTICS).default('recomputed'),
  /** LB is also trained with each of these. */
  remedies: z.array(z.enum(REMEDIES)).default([]),
  /** What the first trial is also trained with, for Figure 4. */
  batchSizes: z.array(z.number().int().min(2).max(60_000)).default([]),
  /** After how many epochs the first trial's SB and LB are also measured, and LB begins where SB is, for Figures 2, 5 and 6. */
  snapshotEpochs: z.array(z.number().int().min(1)).default([]),
});
export type PaperSettings = z.infer<typeof paperSettingsSchema>;

const COMMON = {
  seeds: 5,
  largeShare: 0.1,
  learningRate: 1e-3,
  epochs: 200,
  patience: 5,
  improvement: 0.01,
  statistics: 'batch',
  dimension: 100,
  orthonormal: false,
} as const;

const PRESET_VALUES: Readonly<
  Record<PaperPreset, Omit<z.input<typeof paperSettingsSchema>, 'preset' | 'seed'>>
> = {
  full: { ...COMMON, networks: ['C1'], trainSize: 60_000, smallBatch: 256, sharpnessImages: 60_000 },
  // SB's share of the data, too, is the paper's: 256 of 50,000 images.
  scaled: { ...COMMON, networks: ['C1'], seeds: 3, trainSize: 5_000, smallBatch: 26, sharpnessImages: 2_000 },
};

/**
 * A preset with some of its values changed.
 *
 * @throws UserError naming the value that is out of range.
 */
export function paperSettingsOf(
  preset: PaperPreset,
  seed: number,
  changes: Partial<PaperSettings>,
): PaperSettings {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const parsed = paperSettingsSchema.safeParse({ ...PRESET_VALUES[preset], ...given, preset, seed });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError(`${flagOf(String(issue.path[0]))}: ${issue.message}.`);
  }
  const { networks } = parsed.data;
  if (new Set(networks).size < networks.length) throw new UserError('--networks names one twice.');
  for (const network of networks) refuseLoneImages(parsed.data, network);
  refuseRemedies(parsed.data);
  refuseFigures(parsed.data);
  return parsed.data;
}

/** Batch norm has no statistics of one image. */
function refuseLoneImages(settings: PaperSettings, network: PaperNetwork): void {
  const { smallBatch, statistics } = settings;
  const train = trainImagesOf(settings, network);
  const large = largeBatchOf(settings, network);
  const batches = [
    { flag: '--small-batch', images: train, size: smallBatch },
    { flag: '--large-share', images: train, size: large },
    ...settings.batchSizes.map((size) => ({ flag: '--batch-sizes', images: train, size })),
    ...(statistics === 'batch'
      ? [{ flag: '--sharpness-images', images: sharpnessImagesOf(settings, network), size: large }]
      : []),
  ];
  for (const { flag, images, size } of batches) {
    const last = images % Math.min(size, images) || Math.min(size, images);
    if (last > 1) continue;
    throw new UserError(
      `${flag}: batches of ${size} leave one of ${images} images in a batch of its own, which batch norm cannot ` +
        'normalize: take another number.',
    );
  }
}

function refuseRemedies({ remedies, networks }: PaperSettings): void {
  if (new Set(remedies).size < remedies.length) throw new UserError('--remedies names one twice.');
  const ofDigits = networks.find((network) => datasetFor(network) === 'mnist');
  if (ofDigits && remedies.includes('augmentation')) {
    throw new UserError(
      `--remedies augmentation flips images left to right, and a flipped digit is no digit: leave out ${ofDigits} or ` +
        'augmentation.',
    );
  }
}

function refuseFigures(settings: PaperSettings): void {
  const { batchSizes, snapshotEpochs, epochs, networks } = settings;
  if (new Set(batchSizes).size < batchSizes.length) throw new UserError('--batch-sizes names one twice.');
  if (new Set(snapshotEpochs).size < snapshotEpochs.length) {
    throw new UserError('--snapshot-epochs names one twice.');
  }
  const late = snapshotEpochs.find((one) => one > epochs);
  if (late) throw new UserError(`--snapshot-epochs: ${late} is more than the ${epochs} of --epochs.`);
  for (const network of networks) {
    const images = trainImagesOf(settings, network);
    const large = batchSizes.find((size) => size > images);
    if (large) throw new UserError(`--batch-sizes: ${large} is more than the ${images} training images.`);
  }
}

const TRAIN_IMAGES: Readonly<Record<DatasetName, number>> = {
  mnist: 60_000,
  cifar10: 50_000,
  cifar100: 50_000,
};

/** The data set that a network of the paper is for. */
export function datasetFor(network: PaperNetwork): DatasetName {
  if (network === 'F1') return 'mnist';
  return network === 'C1' || network === 'C2' ? 'cifar10' : 'cifar100';
}

/** How many images a network is trained on. */
export function trainImagesOf({ trainSize }: PaperSettings, network: PaperNetwork): number {
  return Math.min(trainSize, TRAIN_IMAGES[datasetFor(network)]);
}

/** On how many of them its sharpness is measured. */
export function sharpnessImagesOf(settings: PaperSettings, network: PaperNetwork): number {
  return Math.min(settings.sharpnessImages, trainImagesOf(settings, network));
}

/** LB's batch size: its share of the training images. */
export function largeBatchOf(settings: PaperSettings, network: PaperNetwork): number {
  return Math.max(1, Math.round(settings.largeShare * trainImagesOf(settings, network)));
}

/** The seeds of the trials. */
export function trialsOf({ seed, seeds }: PaperSettings): number[] {
  return Array.from({ length: seeds }, (_, index) => seed + index);
}

/** How a regime is trained: Adam with a constant learning rate, until the loss ceases to improve; LB with a remedy, too. */
export function paperTrainingConfig(
  settings: PaperSettings,
  network: PaperNetwork,
  regime: Regime,
  remedy?: Remedy,
): TrainingConfig {
  const { smallBatch, epochs, patience, improvement, learningRate } = settings;
  return {
    batchSize: regime === 'SB' ? smallBatch : largeBatchOf(settings, network),
    epochs,
    stopping: { patience, improvement },
    learningRate,
    schedule: 'constant',
    optimizer: { kind: 'adam', weightDecay: 0 },
    augment: false,
    testEvery: 5,
    ...(remedy && REMEDY_CHANGES[remedy]),
  };
}

/** The batch sizes that are neither SB's nor LB's, which are trained anyway; the smallest first. */
export function otherBatchSizes(settings: PaperSettings, network: PaperNetwork): number[] {
  const own = [settings.smallBatch, largeBatchOf(settings, network)];
  return settings.batchSizes.filter((size) => !own.includes(size)).sort((one, other) => one - other);
}

/** The epochs at which a training that took so many is also looked at, in order; its end is looked at anyway. */
export function snapshotsWithin({ snapshotEpochs }: PaperSettings, epochs: number): number[] {
  return snapshotEpochs.filter((one) => one < epochs).sort((one, other) => one - other);
}

/** The command that runs the experiment of these settings. */
export function paperCommandOf(settings: PaperSettings, engine: string): string {
  const { preset, seed } = settings;
  const original = paperSettingsOf(preset, seed, {});
  const changes = (Object.keys(settings) as (keyof PaperSettings)[])
    .filter((key) => JSON.stringify(settings[key]) !== JSON.stringify(original[key]))
    .map((key) => (settings[key] === true ? flagOf(key) : `${flagOf(key)} ${String(settings[key])}`));
  return [
    `npx ts-node reproduce.ts paper --engine ${engine} --preset ${preset} --seed ${seed}`,
    ...changes,
  ].join(' ');
}
