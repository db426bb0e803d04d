import { z } from 'zod';
import { evenAlphas } from '../../landscape/curve';
import { NORMALIZATIONS } from '../../landscape/directions';
import { EVALUATION_STATISTICS } from '../../jobs/measure';
import type { Architecture } from '../../model/architecture';
import { UserError } from '../../support/errors';
import { flagOf } from '../../support/flags';
import { squareRootScaled } from '../../training/schedule';
import { MOST_OBSERVATIONS } from '../../verdict/power';

export const PRESETS = ['smoke', 'quick', 'full', 'recipe'] as const;
export type PresetName = (typeof PRESETS)[number];

/** Everything that decides the figures of the experiment, apart from the engine. */
export const settingsSchema = z.object({
  preset: z.enum(PRESETS),
  /** Bounded, so that a thousand times it, the seeds of its directions, are whole numbers too. */
  seed: z.number().int().min(-9e12).max(9e12),
  /** Independent pairs of runs, of seed, seed + 1, … */
  seeds: z.number().int().min(1).max(MOST_OBSERVATIONS),
  /** The first so many training images, in CIFAR-10's own order. */
  trainSize: z.number().int().min(1).max(50_000),
  smallBatch: z.number().int().min(1),
  largeBatch: z.number().int().min(1),
  smallEpochs: z.number().int().min(1),
  largeEpochs: z.number().int().min(1),
  /** SB's; LB's is it times √(largeBatch / smallBatch), where not given. */
  learningRate: z.number().positive(),
  largeLearningRate: z.number().positive(),
  momentum: z.number().min(0).lt(1),
  weightDecay: z.number().min(0),
  dropout: z.number().min(0).lt(1),
  augment: z.boolean(),
  /** At most 1000, so that two seeds never share one: see directionSeedOf. */
  directions: z.number().int().min(1).max(MOST_OBSERVATIONS),
  alphas: z.array(z.number()).min(2),
  normalization: z.enum(NORMALIZATIONS),
  /** The first so many training images carry the curves. */
  curveImages: z.number().int().min(1),
  /** Also draw the curves of the test loss. */
  testCurves: z.boolean(),
  /** Which running statistics of batch norm the minimizers are evaluated with. */
  evaluationStatistics: z.enum(EVALUATION_STATISTICS).default('recomputed'),
});
export type Settings = z.infer<typeof settingsSchema>;

/** What a comparison may consist of: the experiment itself, its control, and its two tables of sensitivity. */
export const PARTS = ['experiment', 'control', 'sensitivity', 'learningRates'] as const;
export type Part = (typeof PARTS)[number];

/** Images of each split for the table of sensitivity, unless told otherwise. */
export const SENSITIVITY_IMAGES = 2000;

/** A comparison of SB and LB. */
export interface ComparisonSettings {
  readonly settings: Settings;
  /** What is to be computed; the report holds whatever of the other parts is stored already. */
  readonly parts: readonly Part[];
  /** Pairs of SB and SB with another order of its batches. */
  readonly controlSeeds: number;
  readonly sensitivityImages: number;
  /** Another network than SimpleVGG, with the same inputs and classes. */
  readonly architecture?: Architecture;
}

/** The experiment with everything else at its default. */
export function comparisonOf(
  settings: Settings,
  changes: Partial<Omit<ComparisonSettings, 'settings'>> = {},
): ComparisonSettings {
  return {
    settings,
    parts: ['experiment'],
    controlSeeds: settings.seeds,
    sensitivityImages: SENSITIVITY_IMAGES,
    ...changes,
  };
}

type Preset = Omit<Settings, 'preset' | 'seed' | 'largeLearningRate' | 'curveImages'>;

const COMMON = {
  seeds: 1,
  learningRate: 0.01,
  momentum: 0.9,
  weightDecay: 0,
  dropout: 0,
  augment: false,
  directions: 5,
  normalization: 'filter',
  testCurves: false,
  evaluationStatistics: 'recomputed',
} as const;

const FULL: Preset = {
  ...COMMON,
  seeds: 3,
  trainSize: 50_000,
  smallBatch: 256,
  largeBatch: 4096,
  smallEpochs: 15,
  largeEpochs: 60,
  alphas: evenAlphas(25),
};

/** The presets' values; a flag can set every one of them. */
const PRESET_VALUES: Readonly<Record<PresetName, Preset>> = {
  smoke: {
    ...COMMON,
    trainSize: 512,
    smallBatch: 32,
    largeBatch: 256,
    smallEpochs: 3,
    largeEpochs: 3,
    directions: 2,
    alphas: evenAlphas(5),
  },
  // Full's ratio of batch sizes, share of the data in a batch and steps an epoch, on a quarter of the data.
  quick: {
    ...COMMON,
    trainSize: 12_500,
    smallBatch: 64,
    largeBatch: 1024,
    smallEpochs: 15,
    largeEpochs: 30,
    alphas: evenAlphas(11),
  },
  full: FULL,
  // The reference implementation's own training: fixed epochs, converged or not.
  recipe: { ...FULL, seeds: 1, largeEpochs: 15, augment: true, dropout: 0.5, weightDecay: 5e-4 },
};

/** What a preset's verdict depends on. */
export function presetRules(preset: PresetName): { requiresConvergence: boolean; smoke: boolean } {
  return { requiresConvergence: preset === 'quick' || preset === 'full', smoke: preset === 'smoke' };
}

/**
 * A preset with some of its values changed.
 *
 * @throws UserError naming the value that is out of range.
 */
export function settingsOf(preset: PresetName, seed: number, changes: Partial<Settings>): Settings {
  const values = { ...PRESET_VALUES[preset], ...defined(changes) };
  const largeLearningRate =
    changes.largeLearningRate ?? squareRootScaled(values.learningRate, values.smallBatch, values.largeBatch);
  const curveImages = changes.curveImages ?? values.trainSize;
  const parsed = settingsSchema.safeParse({ ...values, largeLearningRate, curveImages, preset, seed });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError(`${flagOf(String(issue.path[0]))}: ${issue.message}.`);
  }
  const settings = parsed.data;
  const { trainSize, alphas } = settings;
  for (const key of ['smallBatch', 'largeBatch', 'curveImages'] as const) {
    if (settings[key] > trainSize) {
      throw new UserError(`${flagOf(key)} ${settings[key]} is more than the ${trainSize} training images.`);
    }
  }
  if (settings.smallBatch > settings.largeBatch) {
    throw new UserError(
      `--small-batch ${settings.smallBatch} is more than --large-batch ${settings.largeBatch}.`,
    );
  }
  if (!alphas.includes(0)) throw new UserError('--alphas must hold 0, since rises are measured from there.');
  return settings;
}

/** What settings were changed from their preset by a flag: not a value that only follows from another. */
export function changedFromPreset(settings: Settings): (keyof Settings)[] {
  const { preset, seed, largeLearningRate: _, curveImages: __, ...others } = settings;
  const original = settingsOf(preset, seed, {});
  const { largeLearningRate, curveImages } = settingsOf(preset, seed, others);
  return differingSettings({ ...original, largeLearningRate, curveImages }, settings);
}

/** The values in which two settings differ. */
function differingSettings(one: Settings, other: Settings): (keyof Settings)[] {
  return (Object.keys(one) as (keyof Settings)[]).filter(
    (key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]),
  );
}

const PROGRAM = 'npx ts-node reproduce.ts';

/**
 * The command that runs an experiment of these settings, and what was done beside it.
 *
 * @param extras sensitivityImages: null where there is no table of sensitivity.
 */
export function commandOf(
  settings: Settings,
  engine: string,
  extras: { readonly sensitivityImages: number | null; readonly learningRates: boolean },
): string {
  const { sensitivityImages, learningRates } = extras;
  return [
    PROGRAM,
    ...flagsOf(settings, engine),
    ...(sensitivityImages === null ? [] : [`--sensitivity-images ${sensitivityImages}`]),
    ...(learningRates ? ['--sensitivity-training'] : []),
  ].join(' ');
}

/** The command that adds a control of so many pairs to it. */
export function controlCommandOf(settings: Settings, engine: string, pairs: number): string {
  const { seeds } = settingsOf(settings.preset, settings.seed, {});
  return [`${PROGRAM} control`, ...flagsOf({ ...settings, seeds }, engine), `--seeds ${pairs}`].join(' ');
}

function flagsOf(settings: Settings, engine: string): string[] {
  const changes = changedFromPreset(settings).map((key) => {
    const value = settings[key];
    if (value === true) return flagOf(key);
    if (value === false) return `--no-${flagOf(key).slice(2)}`;
    return Array.isArray(value) ? `${flagOf(key)}=${value.join(',')}` : `${flagOf(key)} ${value}`;
  });
  return [`--engine ${engine}`, `--preset ${settings.preset}`, `--seed ${settings.seed}`, ...changes];
}

/** The seeds of an experiment's pairs of runs. */
export function seedsOf({ seed, seeds }: Settings, count = seeds): number[] {
  return Array.from({ length: count }, (_, index) => seed + index);
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
