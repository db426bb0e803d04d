import { SPLITS, type Split } from '../data/dataset';
import { rise } from '../landscape/curve';
import { NORMALIZATIONS, type Normalization } from '../landscape/directions';
import { fitQuadratic, within } from '../landscape/shape';
import type { Report } from '../report/report';
import type { Regime } from '../training/regime';
import { verdictOf } from '../verdict/claim';
import { comparableTrainingLoss } from '../verdict/comparable';
import { ratioOf, type Ratio } from '../verdict/ratio';
import { learningRateCurves } from './curves';
import { learningRateTraining, regimeTraining } from './minimizers';
import type { RunFolder, SensitivityCurves } from './run-folder';
import { LEARNING_RATES } from './sensitivity';
import { curvesOf, directionsHeld, ofGrid, pairs, required, trainedRun } from './stored-results';

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

/** The headline's ratio under every choice that was made for it; null where --sensitivity is not done. */
export function judgeSensitivity(folder: RunFolder): Sensitivity | null {
  const stored = folder.sensitivity.read();
  if (!stored || stored.curves.length < stored.wanted) return null;
  const { seed } = folder.beginning.settings;
  const { images, directions, alphas, curves } = stored;
  const choices = NORMALIZATIONS.flatMap((normalization) =>
    SPLITS.flatMap((split) =>
      RANGES.flatMap((range) => KINDS.map((kind) => ({ normalization, split, range, rise: kind }))),
    ),
  );
  const rows = choices.map((choice) => {
    const figure = (regime: Regime, direction: number) => {
      const loss = lossOf(curves, { ...choice, regime, direction });
      const near = within(choice.range, alphas, loss);
      return RISES[choice.rise](near.alphas, near.losses);
    };
    const along = Array.from({ length: directions }, (_, direction) => ({
      direction,
      smallBatch: figure('SB', direction),
      largeBatch: figure('LB', direction),
    }));
    return { ...choice, ...judged(ratioOf([{ seed, pairs: along }])) };
  });
  return { seed, directions, images, alphas, rows, curves };
}

function lossOf(
  curves: SensitivityCurves['curves'],
  wanted: { normalization: Normalization; split: Split; direction: number; regime: Regime },
): readonly number[] {
  return curves.find(
    (curve) =>
      curve.normalization === wanted.normalization &&
      curve.split === wanted.split &&
      curve.direction === wanted.direction &&
      curve.regime === wanted.regime,
  )!.loss;
}

/**
 * LB at each learning rate against the first seed's SB, along the directions that all of them have; null where
 * --sensitivity-training is not done.
 */
export function judgeLearningRates(folder: RunFolder): TrainingSensitivity | null {
  const { settings } = folder.beginning;
  const trainings = LEARNING_RATES.map((learningRate) => ({
    learningRate,
    training: learningRateTraining(settings, learningRate),
  }));
  const { seed } = settings;
  const small = regimeTraining(settings, 'SB', seed);
  const converged = trainings
    .map(({ training }) => training)
    .filter(({ name }) => !('diverged' in (folder.run(name).read() ?? {})));
  const directions = directionsHeld(folder, [small, ...converged], learningRateCurves(settings));
  if (directions === 0) return null;
  const wanted = learningRateCurves({ ...settings, directions });
  const rows = trainings.map(({ learningRate, training }): TrainingSensitivity['rows'][number] => {
    const run = required(folder.run(training.name).read());
    if ('diverged' in run) {
      return {
        learningRate,
        diverged: run.diverged,
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
    const own = ofGrid('curve', curvesOf(folder, 'LB', training, wanted));
    const along = pairs(
      [seed],
      [...ofGrid('curve', curvesOf(folder, 'SB', small, wanted)), ...own],
      'train',
      'rise',
    );
    const ends = { seed, smallBatch: trainedRun(folder, small).train, largeBatch: run.train };
    return {
      learningRate,
      diverged: null,
      train: run.train,
      test: run.test,
      comparable: comparableTrainingLoss([ends]).verdict === 'PASS',
      rises: along[0].pairs,
      curves: own.map(({ direction, loss }) => ({ direction, loss })),
      ...judged(ratioOf(along)),
    };
  });
  return { seed, rows };
}

function judged({ estimate, interval, n, over }: Ratio) {
  return { verdict: verdictOf(interval, 1), estimate, interval, n, over };
}
