import { z } from 'zod';
import { TRAIN_IMAGES, type DatasetName } from '../../data/load';
import { PLOT_ALPHAS, PLOT_STATISTICS } from '../../landscape/parametric';
import { singleImageFault } from '../../jobs/measure';
import type { Training } from '../../jobs/training';
import type { Architecture } from '../../model/architecture';
import { PAPER_NETWORKS, type PaperNetwork } from '../../model/networks';
import { UserError } from '../../support/errors';
import { flagOf } from '../../support/flags';
import { BATCH_STATISTICS } from '../../training/gradient';
import { STATISTICS_BATCH } from '../../training/statistics';

/** `scaled`: a tenth of the data, the paper's shares of it in a batch; `full`: the paper's own sizes. */
export const PAPER_PRESETS = ['scaled', 'full'] as const;
export type PaperPreset = (typeof PAPER_PRESETS)[number];

/** Remedies that the paper tries against LB's generalization gap (Keskar et al. 2017, Section 5 and Appendix E). */
export const REMEDIES = ['augmentation', 'conservative', 'adversarial'] as const;
export type Remedy = (typeof REMEDIES)[number];

/**
 * How a training with each remedy differs from LB's. λ and the iterations of conservative training are the paper's
 * (Appendix E); ε is our own choice, two of the 255 steps of a pixel.
 */
export const REMEDY_CHANGES = {
  augmentation: { augment: true },
  conservative: { conservative: { lambda: 1e-3, iterations: 3 } },
  adversarial: { adversarial: { epsilon: 2 / 255 } },
} as const satisfies Readonly<Record<Remedy, Partial<Training>>>;

/** The name of each remedy in a sentence. */
export const REMEDY_WORDS: Readonly<Record<Remedy, string>> = {
  augmentation: 'data augmentation',
  conservative: 'conservative training',
  adversarial: 'adversarial training',
};

/** Everything that decides the figures of the paper's measurements, apart from the engine. */
export const paperSettingsSchema = z.object({
  preset: z.enum(PAPER_PRESETS),
  networks: z.array(z.enum(PAPER_NETWORKS)).min(1),
  seed: z.number().int().min(-9e12).max(9e12),
  /** Number of trials from random starts, with seeds seed, seed + 1, … */
  seeds: z.number().int().min(1).max(100),
  /** Number of training images, from the first on; all of a smaller data set. */
  trainSize: z.number().int().min(1).max(60_000),
  smallBatch: z.number().int().min(1),
  /** LB's batch size as a share of the training images. */
  largeShare: z.number().gt(0).max(1),
  /** Learning rate of Adam, in both regimes. */
  learningRate: z.number().positive(),
  /** Maximum number of epochs. */
  epochs: z.number().int().min(1),
  /** Training ends when this many epochs have not reduced the loss by the share `improvement`. */
  patience: z.number().int().min(1),
  improvement: z.number().min(0).lt(1),
  /** Number of training images, from the first on, on which sharpness is measured; all of a smaller data set. */
  sharpnessImages: z.number().int().min(1).max(60_000),
  /** Batch-norm statistics in Metric 2.1; `batch` takes batches of 500 images, whatever LB's size. */
  statistics: z.enum(BATCH_STATISTICS),
  /** Dimension p of the random subspace. */
  dimension: z.number().int().min(1).max(1000),
  /** Whether the subspace's matrix of normal entries is replaced by orthonormal columns that span the same space. */
  orthonormal: z.boolean(),
  // With defaults, since reports of earlier versions lack the following.
  /** The points of the parametric plots. */
  plotAlphas: z
    .array(z.number())
    .min(2)
    .default([...PLOT_ALPHAS]),
  /** Batch-norm statistics at these points. */
  plotStatistics: z.enum(PLOT_STATISTICS).default('recomputed'),
  /** Remedies with which LB is trained as well. */
  remedies: z.array(z.enum(REMEDIES)).default([]),
  /** Further batch sizes of the first trial, for Figure 4. */
  batchSizes: z.array(z.number().int().min(2).max(60_000)).default([]),
  /**
   * Numbers of epochs after which the first trial's SB and LB are measured as well, and from which LB is warm-started
   * with SB's weights, for Figures 2, 5 and 6.
   */
  snapshotEpochs: z.array(z.number().int().min(1)).default([]),
});
export type PaperSettings = z.infer<typeof paperSettingsSchema>;

/** The settings of the paper's study. */
export interface PaperStudySettings {
  readonly settings: PaperSettings;
  /** Other networks than the paper's, with the same inputs and classes. */
  readonly architectureOf?: (network: PaperNetwork) => Architecture;
}

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
  // SB's share of the data is the paper's as well: 256 of 50,000 images.
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
  for (const key of ['networks', 'remedies', 'batchSizes', 'snapshotEpochs'] as const) {
    const list: readonly unknown[] = parsed.data[key];
    if (new Set(list).size < list.length) throw new UserError(`${flagOf(key)} names one twice.`);
  }
  for (const network of networks) refuseBatches(parsed.data, network);
  refuseRemedies(parsed.data);
  refuseSnapshots(parsed.data);
  return parsed.data;
}

/** Refuses batches that are larger than the data set, or leave a single image, of which batch norm has no variance. */
function refuseBatches(settings: PaperSettings, network: PaperNetwork): void {
  const train = trainImagesOf(settings, network);
  const trained = [
    { flag: '--small-batch', size: settings.smallBatch },
    { flag: '--large-share', size: largeBatchOf(settings, network) },
    ...settings.batchSizes.map((size) => ({ flag: '--batch-sizes', size })),
  ];
  const trainingFault = (size: number) =>
    size > train ? `${size} is more than the ${train} training images` : singleImageFault(train, size);
  const measured = sharpnessImagesOf(settings, network);
  const faults = [
    ...trained.map(({ flag, size }) => ({ flag, fault: trainingFault(size) })),
    { flag: '--sharpness-images', fault: singleImageFault(measured, STATISTICS_BATCH) },
  ];
  for (const { flag, fault } of faults) if (fault) throw new UserError(`${flag}: ${fault}.`);
}

function refuseRemedies({ remedies, networks }: PaperSettings): void {
  const ofDigits = networks.find((network) => datasetFor(network) === 'mnist');
  if (ofDigits && remedies.includes('augmentation')) {
    throw new UserError(
      `--remedies augmentation flips images left to right, and a flipped digit is no digit: leave out ${ofDigits} or ` +
        'augmentation.',
    );
  }
}

function refuseSnapshots({ snapshotEpochs, epochs }: PaperSettings): void {
  const late = snapshotEpochs.find((one) => one > epochs);
  if (late) throw new UserError(`--snapshot-epochs: ${late} is more than the ${epochs} of --epochs.`);
}

/** The data set that a network of the paper is for. */
export function datasetFor(network: PaperNetwork): DatasetName {
  if (network === 'F1') return 'mnist';
  return network === 'C1' || network === 'C2' ? 'cifar10' : 'cifar100';
}

/** Number of images that a network is trained on. */
export function trainImagesOf({ trainSize }: PaperSettings, network: PaperNetwork): number {
  return Math.min(trainSize, TRAIN_IMAGES[datasetFor(network)]);
}

/** Number of training images on which a network's sharpness is measured. */
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

/** The batch sizes beside SB's and LB's, which are trained anyway; the smallest first. */
export function otherBatchSizes(settings: PaperSettings, network: PaperNetwork): number[] {
  const own = [settings.smallBatch, largeBatchOf(settings, network)];
  return settings.batchSizes.filter((size) => !own.includes(size)).sort((one, other) => one - other);
}

/** The epochs, in order, before the end of a training of so many; its end is measured anyway. */
export function snapshotsBefore({ snapshotEpochs }: PaperSettings, epochs: number): number[] {
  return snapshotEpochs.filter((one) => one < epochs).sort((one, other) => one - other);
}

/** The command that runs the study with these settings. */
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
