import { rise } from '../../landscape/curve';
import { fitQuadratic } from '../../landscape/shape';
import { figuresOf, type Results } from '../../jobs/results';
import type { Training } from '../../jobs/training';
import type { CurveReport, RunReport } from '../../report/report';
import type { Split } from '../../data/dataset';
import type { Evaluation } from '../../training/evaluate';
import type { Regime } from '../../training/regime';
import type { DirectionFigure } from '../../verdict/ratio';
import { curveJobs, wholeEvaluation, type ComparisonSetup, type CurveJobs, type Grid } from './jobs';

// From stored results to the runs and curves of a report.

/** A training's run, as the report holds it; undefined where it is not there or diverged. */
export function runReport(
  setup: ComparisonSetup,
  results: Results,
  regime: Regime,
  training: Training,
): RunReport | undefined {
  const trained = results.training(training);
  const train = figuresOf(results.measure(wholeEvaluation(setup, training, 'train')));
  const test = figuresOf(results.measure(wholeEvaluation(setup, training, 'test')));
  if (trained.state !== 'done' || !train || !test) return undefined;
  const { history, distanceFromStart, weightsSha256 } = trained.figures;
  return {
    regime,
    seed: training.seed,
    batchSize: training.batchSize,
    epochs: history.length,
    learningRate: training.learningRate,
    train,
    test,
    distanceFromStart,
    weightsSha256,
    seconds: trained.result.seconds,
    history,
  };
}

/** The points of a curve, one for each of its alphas; undefined where one is missing. */
export function pointsOf(
  results: Results,
  { alphas, atMinimizer, around }: CurveJobs,
): readonly Evaluation[] | undefined {
  const centre = figuresOf(results.measure(atMinimizer));
  const curve = figuresOf(results.measure(around));
  if (!centre || !curve) return undefined;
  return alphas.map((alpha) => (alpha === 0 ? centre : curve.points[around.alphas.indexOf(alpha)]));
}

/** A curve as the report holds it; undefined where it is not there. */
function curveReport(
  setup: ComparisonSetup,
  results: Results,
  regime: Regime,
  training: Training,
  key: { readonly grid: Grid; readonly split: Split; readonly direction: number },
): CurveReport | undefined {
  const jobs = curveJobs(setup, training, key);
  const points = pointsOf(results, jobs);
  if (!points) return undefined;
  const { alphas, around } = jobs;
  const { normalization, trainSize } = setup.settings.settings;
  const images = around.images.to;
  // A sample drawn without replacement: its error vanishes as it comes to hold everything.
  const sampled = key.split === 'train' ? Math.sqrt(1 - images / trainSize) : 0;
  const loss = points.map((point) => point.loss);
  const accuracy = points.map((point) => point.accuracy);
  return {
    regime,
    seed: training.seed,
    direction: key.direction,
    directionSeed: around.directionSeed,
    split: key.split,
    normalization,
    images,
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

/** The curves around a minimizer along the first directions, as far as they are there without a gap. */
export function curvesAround(
  setup: ComparisonSetup,
  results: Results,
  regime: Regime,
  training: Training,
  grid: Grid,
  split: Split,
): CurveReport[] {
  const curves: CurveReport[] = [];
  for (let direction = 0; direction < setup.settings.settings.directions; direction++) {
    const curve = curveReport(setup, results, regime, training, { grid, split, direction });
    if (!curve) break;
    curves.push(curve);
  }
  return curves;
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
