import type { Estimate } from './claim';
import { meanInterval } from './interval';

/** A figure of each direction of one seed's minimizer, or pair of minimizers. */
export interface SeedFigures {
  readonly seed: number;
  readonly figures: readonly number[];
}

/**
 * The mean of a figure with its interval: over directions with one seed, over the seeds' means with several.
 * NaN where a direction has no such figure, since none is dropped.
 */
export function meanOf(seeds: readonly SeedFigures[]): Estimate {
  const means = seeds.map(({ figures }) => figures.reduce((sum, value) => sum + value, 0) / figures.length);
  const observations = seeds.length > 1 ? means : seeds[0].figures;
  const over = seeds.length > 1 ? 'seeds' : 'directions';
  const { mean, low, high, n } = meanInterval(observations);
  return { estimate: mean, interval: n > 1 ? [low, high] : [NaN, NaN], n, over };
}
