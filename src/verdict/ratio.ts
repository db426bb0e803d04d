import { precision, short, verdictOf, type Claim, type Estimate, type SeedEstimate } from './claim';
import { meanInterval, standardDeviation } from './interval';

/** A figure of both minimizers, measured in the same way, such as along one direction drawn from the same noise. */
export interface PairedFigure {
  /** None where a seed has one figure alone. */
  readonly direction?: number;
  readonly smallBatch: number;
  readonly largeBatch: number;
}

/** The same along a direction. */
export interface DirectionFigure extends PairedFigure {
  readonly direction: number;
}

/** One seed's pair of minimizers, seen along each of its directions. */
export interface SeedPairs {
  readonly seed: number;
  readonly pairs: readonly PairedFigure[];
}

/** How many times SB's figure LB's is. */
export interface Ratio extends Estimate {
  readonly bySeed: readonly SeedEstimate[];
  /** Standard deviation of the observations' log ratios; NaN for a single one. */
  readonly spread: number;
  /** Why there is no ratio; null where there is one. */
  readonly unusable: string | null;
}

/**
 * The ratio LB / SB: the mean of the log ratios with Student's t interval, both exponentiated.
 *
 * One observation a direction with one seed: the interval is about these two minimizers. With several seeds one
 * observation a seed, its mean over directions: the interval is about the two methods. No direction is ever
 * dropped: where any figure is not a positive number there is no ratio. A single observation has no interval.
 *
 * @param seeds at least one, with at least one direction each.
 */
export function ratioOf(seeds: readonly SeedPairs[]): Ratio {
  const over = seeds.length > 1 ? 'seeds' : 'directions';
  const n = seeds.length > 1 ? seeds.length : seeds[0].pairs.length;
  const unusable = unusableFigure(seeds);
  if (unusable) {
    return { estimate: NaN, interval: [NaN, NaN], n, over, bySeed: [], spread: NaN, unusable };
  }
  const logs = seeds.map(({ pairs }) =>
    pairs.map(({ smallBatch, largeBatch }) => Math.log(largeBatch / smallBatch)),
  );
  const bySeed = seeds.map(({ seed }, i) => ({
    seed,
    ...exponentiated(logs[i]),
    over: 'directions' as const,
  }));
  const observations = seeds.length > 1 ? logs.map((own) => meanInterval(own).mean) : logs[0];
  return {
    ...exponentiated(observations),
    over,
    bySeed,
    spread: standardDeviation(observations),
    unusable: null,
  };
}

/** What a claim that a figure is larger for LB says. */
export interface LargerWords {
  readonly id: string;
  readonly statement: string;
  /** As in "LB's rise". */
  readonly figure: string;
  /** The same where another minimizer stands in LB's place, as in "The rise of …"; "LB's" and the figure unless told. */
  readonly subject?: string;
  readonly shownBy: string;
}

/**
 * The claim that a figure is larger for LB: PASS where the interval of the ratio lies above 1, FAIL where it
 * lies below, INCONCLUSIVE where it holds 1 or there is no ratio.
 */
export function largerForLb(
  { id, statement, figure, subject = `LB's ${figure}`, shownBy }: LargerWords,
  { unusable, bySeed, estimate, interval, n, over }: Ratio,
): Claim {
  const claim = { id, statement, unit: 'ratio', shownBy, bySeed, estimate, interval, n, over } as const;
  if (unusable) return { ...claim, verdict: 'INCONCLUSIVE', reason: unusable };
  const verdict = verdictOf(interval, 1);
  const ending = {
    PASS: 'the interval lies above 1',
    FAIL: 'the interval lies below 1, against the claim',
    INCONCLUSIVE: n === 1 ? 'one observation has no interval' : 'the interval holds 1',
  }[verdict];
  const reason = `${subject} is ${short(estimate)} times SB's ${precision(claim)}: ${ending}`;
  return { ...claim, verdict, reason };
}

function exponentiated(logs: readonly number[]): { estimate: number; interval: [number, number]; n: number } {
  const { mean, low, high, n } = meanInterval(logs);
  return { estimate: Math.exp(mean), interval: n > 1 ? [Math.exp(low), Math.exp(high)] : [NaN, NaN], n };
}

function unusableFigure(seeds: readonly SeedPairs[]): string | null {
  for (const { seed, pairs } of seeds) {
    for (const { direction, smallBatch, largeBatch } of pairs) {
      if (isPositive(smallBatch) && isPositive(largeBatch)) continue;
      const where = [
        ...(direction === undefined ? [] : [`direction ${direction}`]),
        ...(direction === undefined || seeds.length > 1 ? [`seed ${seed}`] : []),
      ];
      return (
        `${where.join(' of ')} has a figure that is not a positive number ` +
        `(SB ${short(smallBatch)}, LB ${short(largeBatch)})`
      );
    }
  }
  return null;
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}
