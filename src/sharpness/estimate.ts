/** An estimate, and the standard deviation that it has over repetitions; NaN where that cannot be told. */
export interface Estimate {
  readonly value: number;
  readonly standardError: number;
}

/** The mean of independent values; its error needs two of them. */
export function meanOf(values: ArrayLike<number>): Estimate {
  const n = values.length;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += values[i];
  const value = sum / n;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (values[i] - value) ** 2;
  return { value, standardError: Math.sqrt(squares / (n - 1) / n) };
}

/**
 * An estimate's standard error by the jackknife (Efron & Stein 1981).
 *
 * @param without the same estimate without each of the observations in turn.
 */
export function jackknifeError(without: readonly number[]): number {
  const n = without.length;
  const mean = without.reduce((sum, value) => sum + value, 0) / n;
  const squares = without.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(((n - 1) / n) * squares);
}
