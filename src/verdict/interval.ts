import { jStat } from 'jstat';

/** A mean with the interval that covers it with 95% confidence. */
export interface MeanInterval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly n: number;
}

const CONFIDENCE = 0.95;

/**
 * Mean and 95% interval by Student's t (Student 1908). The values count as independent draws of a normal law.
 * One value alone has the interval (−∞, ∞): it says nothing of its own spread.
 *
 * @param values at least one, all finite.
 */
export function meanInterval(values: readonly number[]): MeanInterval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { mean, low: -Infinity, high: Infinity, n };
  const reach = criticalT(n) * (standardDeviation(values) / Math.sqrt(n));
  return { mean, low: mean - reach, high: mean + reach, n };
}

/** Of a sample, with n − 1 in the denominator; NaN for one value. */
export function standardDeviation(values: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
}

/** How many standard errors a 95% interval of n values reaches to each side. */
export function criticalT(n: number): number {
  return jStat.studentt.inv((1 + CONFIDENCE) / 2, n - 1);
}

/**
 * The exact 95% interval of a probability (Clopper & Pearson 1934).
 *
 * @param successes out of n ≥ 1 independent trials.
 */
export function proportionInterval(successes: number, n: number): readonly [number, number] {
  const tail = (1 - CONFIDENCE) / 2;
  return [
    successes === 0 ? 0 : jStat.beta.inv(tail, successes, n - successes + 1),
    successes === n ? 1 : jStat.beta.inv(1 - tail, successes + 1, n - successes),
  ];
}

/** Two-sided p-value of n fair coins of which `heads` show heads. */
export function fairCoinP(heads: number, n: number): number {
  if (n === 0) return 1;
  return Math.min(1, 2 * jStat.binomial.cdf(Math.min(heads, n - heads), n, 0.5));
}
