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
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const reach = jStat.studentt.inv((1 + CONFIDENCE) / 2, n - 1) * Math.sqrt(variance / n);
  return { mean, low: mean - reach, high: mean + reach, n };
}
