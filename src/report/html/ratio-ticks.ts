import { logAxis } from '../ticks';

const FINE = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5];
const MEDIUM = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10];
/** As many marks as stand beside each other on a phone. */
const MOST = 7;

/** Where a logarithmic axis of ratios is marked: at 1 and at round ratios around it. */
export function ratioTicks(low: number, high: number): number[] {
  const within = (ticks: readonly number[]) => ticks.filter((tick) => tick >= low && tick <= high);
  const fits = [FINE, MEDIUM].map(within).find((ticks) => ticks.length >= 3 && ticks.length <= MOST);
  if (fits && low >= 0.1 && high <= 10) return fits;
  const fine = within(FINE);
  if (low >= 0.5 && high <= 2.5 && fine.length > MOST)
    return fine.filter((tick) => Number.isInteger(tick * 5));
  return within(logAxis(low, high).ticks.map(({ value }) => value));
}
