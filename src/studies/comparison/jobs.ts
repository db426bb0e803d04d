import type { Split } from '../../data/dataset';
import { evenAlphas } from '../../landscape/curve';
import { NORMALIZATIONS, type Normalization } from '../../landscape/directions';
import type { Job } from '../../jobs/job';
import {
  directionSeedOf,
  type CurveMeasure,
  type EvaluationMeasure,
  type EvaluationStatistics,
} from '../../jobs/measure';
import { networkContent, type Training } from '../../jobs/training';
import type { Architecture } from '../../model/architecture';
import { simpleVggWith } from '../../model/networks';
import { REGIMES, type Regime } from '../../training/regime';
import type { KnownData, Setup } from '../study';
import { seedsOf, type ComparisonSettings, type Settings } from './settings';

// Which jobs the comparison of SB and LB consists of.

export type ComparisonSetup = Setup<ComparisonSettings>;

/** Near the minimizer: the grid that `lb-curvature` is fitted to. */
const NEAR_ALPHAS: readonly number[] = [-0.25, -0.125, 0, 0.125, 0.25];

/** The grids on which curves are drawn: over the whole range of α, and near the minimizer. */
export const GRIDS = ['curve', 'curvature'] as const;
export type Grid = (typeof GRIDS)[number];

/** Learning rates of LB for `--sensitivity-training`. */
export const LEARNING_RATES = [0.01, 0.04, 0.16] as const;

/** Directions of the table of sensitivity, at most. */
const MAX_SENSITIVITY_DIRECTIONS = 5;
/** Steps of ⅛, so that each of the ranges ¼, ½ and 1 has a grid of its own within. */
const SENSITIVITY_ALPHAS = evenAlphas(17);

function alphasOf(settings: Settings, grid: Grid): readonly number[] {
  return grid === 'curve' ? settings.alphas : NEAR_ALPHAS;
}

function dataOf({ data }: ComparisonSetup): KnownData {
  return data.cifar10!;
}

/** SB's or LB's training of a seed. */
export function regimeTraining(setup: ComparisonSetup, regime: Regime, seed: number): Training {
  const { settings } = setup.settings;
  const { momentum, weightDecay, augment, trainSize } = settings;
  const { train, test } = dataOf(setup);
  const [batchSize, epochs, learningRate] =
    regime === 'SB'
      ? [settings.smallBatch, settings.smallEpochs, settings.learningRate]
      : [settings.largeBatch, settings.largeEpochs, settings.largeLearningRate];
  return {
    network: networkContent(architectureFor(setup)),
    data: { train, test, images: trainSize },
    engine: setup.engine,
    batchSize,
    seed,
    optimizer: { kind: 'sgd', momentum, weightDecay },
    learningRate,
    schedule: 'cosine',
    stopAfter: { epochs },
    augment,
  };
}

function architectureFor({ settings: { settings, architecture } }: ComparisonSetup): Architecture {
  return architecture ?? simpleVggWith(settings.dropout);
}

/** SB once more, from the same initial weights, with another order of its batches. */
export function controlTraining(setup: ComparisonSetup, seed: number): Training {
  return { ...regimeTraining(setup, 'SB', seed), batchOrder: 1 };
}

/** The first seed's LB with another learning rate. */
export function learningRateTraining(setup: ComparisonSetup, learningRate: number): Training {
  return { ...regimeTraining(setup, 'LB', setup.settings.settings.seed), learningRate };
}

/** How a minimizer does on all training images of its training, or on the whole test set. */
export function wholeEvaluation(setup: ComparisonSetup, training: Training, split: Split): EvaluationMeasure {
  const images = split === 'train' ? training.data.images : dataOf(setup).testImages;
  return {
    kind: 'evaluation',
    of: [{ training }],
    split,
    images: { to: images },
    statistics: setup.settings.settings.evaluationStatistics,
  };
}

/** A curve around a minimizer: the points at every α but 0, and the evaluation that is its point at 0. */
export interface CurveJobs {
  readonly alphas: readonly number[];
  readonly atMinimizer: EvaluationMeasure;
  readonly around: CurveMeasure;
}

/** A curve of the experiment's own. */
export function curveJobs(
  setup: ComparisonSetup,
  training: Training,
  { grid, split, direction }: { readonly grid: Grid; readonly split: Split; readonly direction: number },
): CurveJobs {
  const { settings } = setup.settings;
  return curveAlong(training, {
    alphas: alphasOf(settings, grid),
    split,
    images: split === 'train' ? settings.curveImages : dataOf(setup).testImages,
    directionSeed: directionSeedOf(training.seed, direction),
    normalization: settings.normalization,
    statistics: settings.evaluationStatistics,
  });
}

function curveAlong(
  training: Training,
  options: {
    readonly alphas: readonly number[];
    readonly split: Split;
    readonly images: number;
    readonly directionSeed: number;
    readonly normalization: Normalization;
    readonly statistics: EvaluationStatistics;
  },
): CurveJobs {
  const { alphas, split, images, directionSeed, normalization, statistics } = options;
  const common = { of: [{ training }], split, images: { to: images }, statistics };
  return {
    alphas,
    atMinimizer: { kind: 'evaluation', ...common },
    around: {
      kind: 'curve',
      ...common,
      directionSeed,
      normalization,
      alphas: alphas.filter((alpha) => alpha !== 0),
    },
  };
}

function measures({ atMinimizer, around }: CurveJobs): Job[] {
  return [{ measure: atMinimizer }, { measure: around }];
}

/** Curves of both grids and of some splits, direction by direction, around each of some minimizers. */
function curvesAround(
  setup: ComparisonSetup,
  trainings: readonly Training[],
  grids: readonly Grid[],
  splits: readonly Split[],
): Job[] {
  const { directions } = setup.settings.settings;
  return Array.from({ length: directions }, (_, direction) =>
    trainings.flatMap((training) =>
      grids.flatMap((grid) =>
        splits.flatMap((split) => measures(curveJobs(setup, training, { grid, split, direction }))),
      ),
    ),
  ).flat();
}

/** Everything that the experiment needs of a seed. */
function seedJobs(setup: ComparisonSetup, seed: number): Job[] {
  const trainings = REGIMES.map((regime) => regimeTraining(setup, regime, seed));
  const splits: Split[] = setup.settings.settings.testCurves ? ['train', 'test'] : ['train'];
  return [
    ...trainings.map((train) => ({ train })),
    ...trainings.flatMap((training) =>
      (['train', 'test'] as const).map((split) => ({ measure: wholeEvaluation(setup, training, split) })),
    ),
    ...curvesAround(setup, trainings, GRIDS, splits),
  ];
}

/** What the control of a seed needs, SB's own curves included. */
function controlJobs(setup: ComparisonSetup, seed: number): Job[] {
  const [own, other] = [regimeTraining(setup, 'SB', seed), controlTraining(setup, seed)];
  return [
    { train: own },
    { train: other },
    ...(['train', 'test'] as const).map((split) => ({ measure: wholeEvaluation(setup, other, split) })),
    ...curvesAround(setup, [own, other], GRIDS, ['train']),
  ];
}

/** What LB at one learning rate needs. */
function learningRateJobs(setup: ComparisonSetup, learningRate: number): Job[] {
  const training = learningRateTraining(setup, learningRate);
  return [
    { train: training },
    ...(['train', 'test'] as const).map((split) => ({ measure: wholeEvaluation(setup, training, split) })),
    ...curvesAround(setup, [training], ['curve'], ['train']),
  ];
}

/** Which curve of the table of sensitivity. */
export interface SensitivityKey {
  readonly normalization: Normalization;
  readonly split: Split;
  readonly direction: number;
  readonly regime: Regime;
  readonly statistics: EvaluationStatistics;
}

/** Every curve of the table of sensitivity, in order. */
export function sensitivityKeys({ settings: { settings } }: ComparisonSetup): SensitivityKey[] {
  const directions = sensitivityDirections(settings);
  const own = settings.evaluationStatistics;
  const keys = (normalization: Normalization, split: Split, statistics: EvaluationStatistics) =>
    Array.from({ length: directions }, (_, direction) =>
      REGIMES.map((regime) => ({ normalization, split, direction, regime, statistics })),
    ).flat();
  return [
    ...NORMALIZATIONS.flatMap((normalization) =>
      (['train', 'test'] as const).flatMap((split) => keys(normalization, split, own)),
    ),
    // The other choice of batch-norm statistics.
    ...keys(settings.normalization, 'train', otherStatistics(own)),
  ];
}

export function otherStatistics(statistics: EvaluationStatistics): EvaluationStatistics {
  return statistics === 'recomputed' ? 'running' : 'recomputed';
}

export function sensitivityDirections({ directions }: Settings): number {
  return Math.min(MAX_SENSITIVITY_DIRECTIONS, directions);
}

/** How many images of a split the table of sensitivity takes. */
export function sensitivityImages(setup: ComparisonSetup, split: Split): number {
  const { settings, sensitivityImages: wanted } = setup.settings;
  return Math.min(wanted, split === 'train' ? settings.trainSize : dataOf(setup).testImages);
}

export function sensitivityCurve(setup: ComparisonSetup, key: SensitivityKey): CurveJobs {
  const { seed } = setup.settings.settings;
  return curveAlong(regimeTraining(setup, key.regime, seed), {
    alphas: SENSITIVITY_ALPHAS,
    split: key.split,
    images: sensitivityImages(setup, key.split),
    directionSeed: directionSeedOf(seed, key.direction),
    normalization: key.normalization,
    statistics: key.statistics,
  });
}

/** Every job of a comparison, seed by seed, so that whole seeds are there first. */
export function comparisonJobs(setup: ComparisonSetup): Job[] {
  const { settings, parts, controlSeeds } = setup.settings;
  return [
    ...(parts.includes('experiment') ? seedsOf(settings).flatMap((seed) => seedJobs(setup, seed)) : []),
    ...(parts.includes('control')
      ? seedsOf(settings, controlSeeds).flatMap((seed) => controlJobs(setup, seed))
      : []),
    ...(parts.includes('sensitivity')
      ? sensitivityKeys(setup).flatMap((key) => measures(sensitivityCurve(setup, key)))
      : []),
    ...(parts.includes('learningRates')
      ? LEARNING_RATES.flatMap((rate) => learningRateJobs(setup, rate))
      : []),
  ];
}
