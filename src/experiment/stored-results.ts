import type { Split } from '../data/dataset';
import { UserError } from '../support/errors';
import { rise } from '../landscape/curve';
import { fitQuadratic } from '../landscape/shape';
import type { CurveReport, RunReport } from '../report/report';
import type { Regime } from '../training/regime';
import type { DirectionFigure } from '../verdict/ratio';
import { alphasOf, findCurve, type CurveKey } from './curves';
import type { Training } from './minimizers';
import type { FinishedCurve, RunFolder, TrainedRun } from './run-folder';

// From what a folder holds to the runs and curves of a report.

/** A curve of the report, and which grid it is of. */
export type GridCurve = CurveReport & Pick<FinishedCurve, 'grid'>;

/** Whether a training is over and these curves around its minimizer are drawn. */
export function isComplete(folder: RunFolder, { name }: Training, wanted: readonly CurveKey[]): boolean {
  const curves = folder.curves(name).read() ?? [];
  return folder.run(name).read() !== undefined && wanted.every((key) => findCurve(curves, key));
}

/**
 * Along how many directions, from the first on, all of these trainings have the curves: fewer than the experiment
 * asks for where it has grown since.
 *
 * @returns 0 where a training is not over.
 */
export function directionsHeld(
  folder: RunFolder,
  trainings: readonly Training[],
  wanted: readonly CurveKey[],
): number {
  if (!trainings.every((training) => isComplete(folder, training, []))) return 0;
  const stored = trainings.map(({ name }) => folder.curves(name).read() ?? []);
  const missing = wanted.filter((key) => !stored.every((curves) => findCurve(curves, key)));
  return Math.min(folder.beginning.settings.directions, ...missing.map(({ direction }) => direction));
}

/** A training's run, for the report. */
export function runReport(folder: RunFolder, regime: Regime, training: Training): RunReport {
  const { batchSize, epochs, learningRate } = training.config;
  return { regime, seed: training.seed, batchSize, epochs, learningRate, ...trainedRun(folder, training) };
}

/** @throws UserError if the training is not done or diverged. */
export function trainedRun(folder: Pick<RunFolder, 'run'>, { name }: Training): TrainedRun {
  const run = required(folder.run(name).read());
  if ('diverged' in run) throw new UserError(run.diverged);
  return run;
}

/**
 * The curves around a training's minimizer.
 *
 * @throws UserError if one is not done.
 */
export function curvesOf(
  folder: RunFolder,
  regime: Regime,
  { name, seed }: Training,
  wanted: readonly CurveKey[],
): GridCurve[] {
  const stored = folder.curves(name).read() ?? [];
  return wanted.map((key) => curveReport(folder, regime, seed, required(findCurve(stored, key))));
}

/** The curves of one grid, as the report holds them. */
export function ofGrid(grid: FinishedCurve['grid'], curves: readonly GridCurve[]): CurveReport[] {
  return curves
    .filter((curve) => curve.grid === grid)
    .map((curve) => {
      const { grid: _, ...rest } = curve;
      return rest;
    });
}

/** A figure of each direction's curves of SB and LB, seed by seed. */
export function pairs(
  seeds: readonly number[],
  curves: readonly CurveReport[],
  split: Split,
  figure: 'rise' | 'errorRise' | 'curvature',
): { readonly seed: number; readonly pairs: readonly DirectionFigure[] }[] {
  return seeds.map((seed) => {
    const figures = (regime: Regime) =>
      curves
        .filter((curve) => curve.seed === seed && curve.split === split && curve.regime === regime)
        .map((curve) => curve[figure]);
    const [small, large] = [figures('SB'), figures('LB')];
    return {
      seed,
      pairs: small.map((smallBatch, direction) => ({ direction, smallBatch, largeBatch: large[direction] })),
    };
  });
}

function curveReport(folder: RunFolder, regime: Regime, seed: number, curve: FinishedCurve): GridCurve {
  const { settings } = folder.beginning;
  const { grid, split, direction, directionSeed, points } = curve;
  const { normalization, trainSize, curveImages } = settings;
  const alphas = alphasOf(settings, grid);
  // A sample drawn without replacement: its error vanishes as it comes to hold everything.
  const sampled = split === 'train' ? Math.sqrt(1 - curveImages / trainSize) : 0;
  const loss = points.map((point) => point.loss);
  const accuracy = points.map((point) => point.accuracy);
  return {
    grid,
    regime,
    seed,
    direction,
    directionSeed,
    split,
    normalization,
    images: split === 'train' ? curveImages : required(folder.pairedTest(seed).read()).images,
    alphas,
    loss,
    lossStandardError: points.map((point) => sampled * point.lossStandardError),
    accuracy,
    rise: rise(alphas, loss),
    errorRise: rise(
      alphas,
      accuracy.map((share) => 1 - share),
    ),
    curvature: fitQuadratic(alphas, loss).curvature,
  };
}

/** What an experiment cannot be judged without. */
export function required<T>(value: T | undefined): T {
  if (value === undefined) {
    throw new UserError('The experiment is not finished: run the command that began it again.');
  }
  return value;
}
