export type Verdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE';

/** What the observations behind an interval are: it tells only of what would be drawn anew among them. */
export type Over = 'directions' | 'seeds' | 'images' | 'points';

/** A figure with its 95% interval. What is not known is NaN. */
export interface Estimate {
  readonly estimate: number;
  readonly interval: readonly [number, number];
  /** Observations behind the interval. */
  readonly n: number;
  readonly over: Over;
}

/** The same of one seed's pair of minimizers; its interval is over directions or images, never over seeds. */
export interface SeedEstimate extends Estimate {
  readonly seed: number;
}

/** Something that the data can bear out or contradict. */
export interface Claim extends Estimate {
  readonly id: string;
  readonly statement: string;
  readonly verdict: Verdict;
  /** Why the verdict is what it is, in a sentence. */
  readonly reason: string;
  /** What the estimate is: a ratio (1 = no difference), a loss in nats or a share of the images (0 = none). */
  readonly unit: 'ratio' | 'nats' | 'share';
  /** Where the estimate must lie, for a claim that is not judged by its interval. */
  readonly band?: readonly [number, number];
  /** The section of the report whose figure or table shows it. */
  readonly shownBy: string;
  /** Each seed by itself. */
  readonly bySeed: readonly SeedEstimate[];
}

/** Seeds that have one number each, without an interval. */
export function singleNumbers(
  seeds: readonly { readonly seed: number }[],
  estimates: readonly number[],
): SeedEstimate[] {
  return seeds.map(({ seed }, i) => ({
    seed,
    estimate: estimates[i],
    interval: [NaN, NaN],
    n: 1,
    over: 'seeds',
  }));
}

/** Whether an interval lies above, below or around the value of no difference. */
export function verdictOf([low, high]: readonly [number, number], noDifference: number): Verdict {
  if (low > noDifference) return 'PASS';
  return high < noDifference ? 'FAIL' : 'INCONCLUSIVE';
}

/** What the interval of a ratio says by itself, whatever a control took away from the claim. */
export function ownVerdict({ interval }: Pick<Estimate, 'interval'>): Verdict {
  return verdictOf(interval, 1);
}

/** "5 directions", "1 seed". */
export function counted(n: number, over: Over): string {
  return `${n} ${n === 1 ? over.slice(0, -1) : over}`;
}

/** Three significant digits, without an exponent where that stays short. */
export function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** "(95% interval 1.43 to 1.79, 5 directions)". */
export function precision({ interval: [low, high], n, over }: Estimate, write = short): string {
  const known = Number.isFinite(low) && Number.isFinite(high);
  return `(${known ? `95% interval ${write(low)} to ${write(high)}, ` : ''}${counted(n, over)})`;
}
