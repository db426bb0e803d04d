import { fitQuadratic, growthExponent, minimumOf } from '../../landscape/shape';
import type { CurveReport, Report } from '../../report/report';
import { REGIMES, type Regime } from '../../training/regime';
import { meanOf } from '../../verdict/measure';
import type { OpenBecause } from '../../verdict/overall';
import { decidingNumber, powerToFind } from '../../verdict/power';
import { ratioOf, type Ratio } from '../../verdict/ratio';
import { pairs } from './stored-curves';

// What is reported beside the claims, without a verdict.

/** The ratio whose chance to be found the report tells. */
export const POWER_RATIO = 1.3;

/** Error rate, shape and place of the minimum, each with its interval. */
export function measuresOf(
  seeds: readonly number[],
  curves: readonly CurveReport[],
  curvatureCurves: readonly CurveReport[],
): Report['measures'] {
  const perSeed = (from: readonly CurveReport[], regime: Regime, figure: (curve: CurveReport) => number) =>
    seeds.map((seed) => ({
      seed,
      figures: from
        .filter((curve) => curve.seed === seed && curve.regime === regime && curve.split === 'train')
        .map(figure),
    }));
  const minimum = ({ alphas, loss }: CurveReport) => minimumOf(fitQuadratic(alphas, loss));
  const shift = (curve: CurveReport) => {
    const test = curvatureCurves.find(
      ({ seed, regime, direction, split }) =>
        split === 'test' && seed === curve.seed && regime === curve.regime && direction === curve.direction,
    );
    return test ? minimum(test) - minimum(curve) : NaN;
  };
  const { estimate, interval, n, over } = ratioOf(pairs(seeds, curves, 'train', 'errorRise'));
  const hasTest = curvatureCurves.some(({ split }) => split === 'test');
  return [
    {
      id: 'error-rise-ratio',
      statement: "LB's rise of the training error rate over SB's, which does not depend on the logits' scale",
      regime: null,
      estimate,
      interval,
      n,
      over,
    },
    ...REGIMES.map((regime) => ({
      id: 'growth-exponent',
      statement:
        'exponent of the log rise on log |α| over the whole curve, far from the minimizer too: about 2 for a wide ' +
        'bowl, 1 or less for a narrow V',
      regime,
      ...meanOf(perSeed(curves, regime, ({ alphas, loss }) => growthExponent(alphas, loss))),
    })),
    ...(hasTest ? REGIMES : []).map((regime) => ({
      id: 'minimum-shift',
      statement:
        'shift along a direction, in α, from the minimum of the training loss to that of the test loss',
      regime,
      ...meanOf(perSeed(curvatureCurves, regime, shift)),
    })),
  ];
}

/** What the experiment could have found, and where more of the same would have decided it, how much more. */
export function powerOf({ estimate, spread, n, over }: Ratio, open: OpenBecause | null): Report['power'] {
  return {
    ratio: POWER_RATIO,
    n,
    over: over === 'seeds' ? 'seeds' : 'directions',
    spread,
    power: n > 1 && spread > 0 ? powerToFind(POWER_RATIO, n, spread) : NaN,
    open,
    deciding: open === 'interval' ? decidingNumber(Math.log(estimate), spread) : NaN,
  };
}
