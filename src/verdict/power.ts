import { jStat } from 'jstat';
import { criticalT } from './interval';

/**
 * The probability that the interval of n log ratios leaves 1 out on the right side where the true ratio is
 * `ratio`: the power of the two-sided t-test at 5%, by the noncentral t law.
 *
 * @param ratio above 1.
 * @param n at least 2.
 * @param spread standard deviation of one log ratio, above 0.
 */
export function powerToFind(ratio: number, n: number, spread: number): number {
  return 1 - jStat.noncentralt.cdf(criticalT(n), n - 1, (Math.log(ratio) * Math.sqrt(n)) / spread);
}

/** As many directions or seeds as an experiment may have. */
export const MOST_OBSERVATIONS = 1000;

/**
 * The smallest number of observations whose interval would leave out 0, if their mean and spread stayed what
 * they are.
 *
 * @returns NaN where not even {@link MOST_OBSERVATIONS} would do, or where mean or spread are not known.
 */
export function decidingNumber(mean: number, spread: number): number {
  const decides = (n: number) => (criticalT(n) * spread) / Math.sqrt(n) < Math.abs(mean);
  if (!decides(MOST_OBSERVATIONS)) return NaN;
  let [tooFew, enough] = [1, MOST_OBSERVATIONS];
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (decides(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}
