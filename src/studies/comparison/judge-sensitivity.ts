import { rise } from '../../landscape/curve';
import { NORMALIZATIONS, type Normalization } from '../../landscape/directions';
import { fitQuadratic, within } from '../../landscape/shape';
import { SPLITS, type Split } from '../../data/dataset';
import type { EvaluationStatistics } from '../../jobs/measure';
import type { Results } from '../../jobs/results';
import type { Report } from '../../report/report';
import type { Regime } from '../../training/regime';
import { verdictOf } from '../../verdict/claim';
import { comparableTrainingLoss } from '../../verdict/comparable';
import { ratioOf, type Ratio } from '../../verdict/ratio';
import {
  LEARNING_RATES,
  learningRateTraining,
  otherStatistics,
  regimeTraining,
  sensitivityCurve,
  sensitivityDirections,
  sensitivityImages,
  sensitivityKeys,
  type ComparisonSetup,
  type SensitivityKey,
} from './jobs';
import { curvesAround, pairs, pointsOf, runReport } from './stored-curves';

type Sensitivity = NonNullable<Report['sensitivity']>;
type TrainingSensitivity = NonNullable<Report['trainingSensitivity']>;

/** Largest |α| that a row of the table takes. */
const RANGES = [0.25, 0.5, 1] as const;

/** What may be taken as a curve's rise. */
const RISES = {
  mean: rise,
  maximum: (alphas: readonly number[], loss: readonly number[]) =>
    Math.max(...loss) - loss[alphas.indexOf(0)],
  curvature: (alphas: readonly number[], loss: readonly number[]) => fitQuadratic(alphas, loss).curvature,
} as const;
const KINDS = ['mean', 'maximum', 'curvature'] as const;

interface Row {
  readonly normalization: Normalization;
  readonly split: Split;
  readonly range: number;
  readonly rise: (typeof KINDS)[number];
  readonly statistics: EvaluationStatistics;
}

/** The headline's ratio under every choice that was made for it; null where the table's curves are not all stored. */
export function judgeSensitivity(setup: ComparisonSetup, results: Results): Sensitivity | null {
  const { settings } = setup.settings;
  const keys = sensitivityKeys(setup);
  const losses = new Map<string, readonly number[]>();
  for (const key of keys) {
    const points = pointsOf(results, sensitivityCurve(setup, key));
    if (!points) return null;
    losses.set(
      nameOf(key),
      points.map(({ loss }) => loss),
    );
  }
  const { alphas } = sensitivityCurve(setup, keys[0]);
  const directions = sensitivityDirections(settings);
  const { seed, evaluationStatistics: own } = settings;
  const choices: Row[] = [
    ...NORMALIZATIONS.flatMap((normalization) =>
      SPLITS.flatMap((split) =>
        RANGES.flatMap((range) =>
          KINDS.map((kind) => ({ normalization, split, range, rise: kind, statistics: own })),
        ),
      ),
    ),
    {
      normalization: settings.normalization,
      split: 'train',
      range: 1,
      rise: 'mean',
      statistics: otherStatistics(own),
    },
  ];
  const rows = choices.map((choice) => {
    const figure = (regime: Regime, direction: number) => {
      const near = within(choice.range, alphas, losses.get(nameOf({ ...choice, regime, direction }))!);
      return RISES[choice.rise](near.alphas, near.losses);
    };
    const along = Array.from({ length: directions }, (_, direction) => ({
      direction,
      smallBatch: figure('SB', direction),
      largeBatch: figure('LB', direction),
    }));
    return { ...choice, ...judged(ratioOf([{ seed, pairs: along }])) };
  });
  return {
    seed,
    directions,
    images: { train: sensitivityImages(setup, 'train'), test: sensitivityImages(setup, 'test') },
    alphas,
    rows,
    curves: keys.map((key) => ({ ...key, loss: losses.get(nameOf(key))! })),
  };
}

function nameOf({ normalization, split, direction, regime, statistics }: SensitivityKey): string {
  return [normalization, split, direction, regime, statistics].join();
}

/**
 * LB at each learning rate against the first seed's SB, along the directions that all of them have; null where one is
 * not done.
 */
export function judgeLearningRates(setup: ComparisonSetup, results: Results): TrainingSensitivity | null {
  const { seed } = setup.settings.settings;
  const small = regimeTraining(setup, 'SB', seed);
  const smallRun = runReport(setup, results, 'SB', small);
  const trainings = LEARNING_RATES.map((learningRate) => {
    const training = learningRateTraining(setup, learningRate);
    return {
      learningRate,
      outcome: results.training(training),
      run: runReport(setup, results, 'LB', training),
      curves: curvesAround(setup, results, 'LB', training, 'curve', 'train'),
    };
  });
  const smallCurves = curvesAround(setup, results, 'SB', small, 'curve', 'train');
  const converged = trainings.filter(({ outcome }) => outcome.state !== 'diverged');
  const directions = Math.min(smallCurves.length, ...converged.map(({ curves }) => curves.length));
  if (!smallRun || directions === 0 || converged.some(({ run }) => !run)) return null;
  const rows = trainings.map(
    ({ learningRate, outcome, run, curves }): TrainingSensitivity['rows'][number] => {
      if (outcome.state === 'diverged') {
        return {
          learningRate,
          diverged: outcome.reason,
          train: null,
          test: null,
          comparable: false,
          rises: [],
          curves: [],
          verdict: 'INCONCLUSIVE',
          estimate: NaN,
          interval: [NaN, NaN],
          n: 0,
          over: 'directions',
        };
      }
      const own = curves.slice(0, directions);
      const along = pairs([seed], [...smallCurves.slice(0, directions), ...own], 'train', 'rise');
      const ends = { seed, smallBatch: smallRun.train, largeBatch: run!.train };
      return {
        learningRate,
        diverged: null,
        train: run!.train,
        test: run!.test,
        comparable: comparableTrainingLoss([ends]).verdict === 'PASS',
        rises: along[0].pairs,
        curves: own.map(({ direction, loss }) => ({ direction, loss })),
        ...judged(ratioOf(along)),
      };
    },
  );
  return { seed, rows };
}

function judged({ estimate, interval, n, over }: Ratio) {
  return { verdict: verdictOf(interval, 1), estimate, interval, n, over };
}
