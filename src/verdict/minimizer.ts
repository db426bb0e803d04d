import { short, singleNumbers, type Claim } from './claim';
import { meanInterval } from './interval';

/** A loss curve around a minimizer, and which one it is. */
export interface NamedCurve {
  readonly regime: string;
  readonly seed: number;
  readonly direction: number;
  readonly alphas: readonly number[];
  readonly loss: readonly number[];
}

/**
 * The claim that both are minimizers as far as the curves see: L(θ + αd) ≥ L(θ) at every α and direction. The
 * estimate is the least L(θ + αd) − L(θ) over all α other than 0.
 */
export function lossNeverFalls(curves: readonly NamedCurve[]): Claim {
  const points = curves.flatMap(({ regime, seed, direction, alphas, loss }) => {
    const atMinimizer = loss[alphas.indexOf(0)];
    return alphas
      .map((alpha, i) => ({ regime, seed, direction, alpha, change: loss[i] - atMinimizer }))
      .filter(({ alpha }) => alpha !== 0);
  });
  const unknown = points.find(({ change }) => !Number.isFinite(change));
  const falling = points.filter(({ change }) => change < 0);
  const lowest = points.reduce((least, point) => (point.change < least.change ? point : least));
  const where = ({ regime, seed, direction, alpha }: typeof lowest) =>
    `${regime} of seed ${seed}, direction ${direction}, α = ${short(alpha)}`;
  return {
    id: 'loss-never-falls',
    statement: 'The training loss is nowhere lower than at the minimizer: L(θ + αd) ≥ L(θ).',
    verdict: falling.length > 0 ? 'FAIL' : unknown ? 'INCONCLUSIVE' : 'PASS',
    reason:
      falling.length > 0
        ? `it is lower at ${falling.length} of ${points.length} points, most by ${short(-lowest.change)} nats (${where(lowest)})`
        : unknown
          ? `the loss is not a number at ${where(unknown)}`
          : `the least change over ${points.length} points is ${short(lowest.change)} nats (${where(lowest)})`,
    estimate: unknown ? NaN : lowest.change,
    interval: [NaN, NaN],
    n: points.length,
    over: 'points',
    unit: 'nats',
    shownBy: 'The curves',
    bySeed: [],
  };
}

/** How far a seed's minimizers lie from their common start, over all trainable parameters. */
export interface SeedDistances {
  readonly seed: number;
  readonly smallBatch: number;
  readonly largeBatch: number;
}

/**
 * The claim that SB ends farther from its start than LB: ‖θ_SB − θ₀‖ / ‖θ_LB − θ₀‖ above 1. Keskar et al.
 * (section 3) found 3 to 10. One seed has one ratio, without an interval; several have Student's t on their logs.
 */
export function smallBatchGoesFarther(seeds: readonly SeedDistances[]): Claim {
  const ratios = seeds.map(({ smallBatch, largeBatch }) => smallBatch / largeBatch);
  const { mean, low, high, n } = meanInterval(ratios.map(Math.log));
  const estimate = Math.exp(mean);
  const interval: [number, number] = n > 1 ? [Math.exp(low), Math.exp(high)] : [NaN, NaN];
  const [least, most] = n > 1 ? interval : [estimate, estimate];
  const verdict = least > 1 ? 'PASS' : most < 1 ? 'FAIL' : 'INCONCLUSIVE';
  const range = n > 1 ? ` (95% interval ${short(least)} to ${short(most)}, ${n} seeds)` : '';
  const contradiction = verdict === 'FAIL' ? ', against the claim' : '';
  const paper = estimate >= 3 && estimate <= 10 ? 'within' : 'not within';
  return {
    id: 'sb-farther-from-start',
    statement: 'SB ends farther from its initial weights than LB.',
    verdict,
    reason: `SB ends ${short(estimate)} times as far from its start as LB${range}${contradiction}; ${paper} the paper's 3 to 10`,
    estimate,
    interval,
    n,
    over: 'seeds',
    unit: 'ratio',
    shownBy: 'The runs',
    bySeed: singleNumbers(seeds, ratios),
  };
}
