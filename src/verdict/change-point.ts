import { permutation, randomStream } from '../support/random';
import {
  bestKnot,
  fitBrokenStick,
  fitLine,
  hingesOf,
  withinSeeds,
  type Hinges,
  type SeedPoint,
} from './broken-stick';
import { counted, short } from './claim';
import { lackOfFit, type LackOfFit } from './lack-of-fit';

/** A measure of one training run. */
export interface BatchObservation {
  readonly batchSize: number;
  /** Of the initial weights, which runs of several batch sizes share. */
  readonly seed: number;
  readonly value: number;
}

/** The batch size up to which a measure stays level, and from which on it goes up or down. */
export type ChangePoint =
  | {
      readonly kind: 'change';
      /** Where all of a gap fits alike, next to the largest batch size, the gap's lower end. */
      readonly threshold: number;
      /** 95%, over seeds; within the batch sizes that were run. */
      readonly interval: readonly [number, number];
      /** Whether it was cut at the smallest or the largest batch size, so that the threshold may lie beyond. */
      readonly cut: { readonly below: boolean; readonly above: boolean };
      /** By how much the measure changes with each doubling beyond the threshold. */
      readonly slope: number;
      /** 95%; ends at ±∞ where the interval of the threshold is cut above. */
      readonly slopeInterval: readonly [number, number];
      /** 1 where the measure rises beyond the threshold, −1 where it falls. */
      readonly sign: 1 | -1;
      readonly pValue: number;
      /** How far the means lie from the stick; where they do, threshold and slope are those of no batch size. */
      readonly lackOfFit: LackOfFit | null;
    }
  | {
      readonly kind: 'none';
      readonly pValue: number;
      readonly reason: string;
      /** Of a straight line over all batch sizes, by each doubling: what is not ruled out. */
      readonly slope: number;
      /** 95%, over seeds. */
      readonly slopeInterval: readonly [number, number];
    }
  /** Where the data cannot tell either. */
  | { readonly kind: 'unknown'; readonly reason: string };

const SIGNIFICANT = 0.05;

/**
 * Looks for the batch size beyond which a measure changes, by the broken stick
 *
 *     value = a_seed + b · max(0, log2(batch size) − τ) + noise
 *
 * fitted by exact least squares. The level is each seed's own, since its runs share their initial weights.
 *
 * Under b = 0 no τ exists, so that no F or t test of b holds its level (Davies 1987; Muggeo 2003). Whether there is
 * a change is told by the best fit over all τ, set among the best fits to permutations of each seed's values over
 * its batch sizes: exact where these values are exchangeable, as they are when the batch size plays no part. The
 * interval of τ inverts the F test, whose coverage `spec/verdict/change-point-simulation.spec.ts` measures.
 *
 * It takes the model for granted: noise of one size, independent from run to run; one threshold and one slope for
 * all seeds; a straight line beyond the threshold. What it says where that is wrong stands in docs/verdict.md.
 *
 * @param observations at most one of each batch size and seed, in any order; any may be missing.
 * @param permutations how many are drawn: no p-value is below 1 / (permutations + 1).
 */
export function changePoint(observations: readonly BatchObservation[], permutations = 4999): ChangePoint {
  const points = observations
    .map(({ seed, batchSize, value }) => ({ seed, x: Math.log2(batchSize), y: value }))
    .filter(({ seed }, i, all) => all.some((other, j) => other.seed === seed && j !== i))
    .sort((one, other) => one.seed - other.seed || one.x - other.x);
  const unknown = flawOf(observations) ?? shortageOf(points);
  if (unknown) return { kind: 'unknown', reason: unknown };

  const hinges = hingesOf(points);
  const y = withinSeeds(points, (point) => point.y);
  const pValue = permutationP(points, hinges, y, permutations);
  const none = (reason: string): ChangePoint => ({ kind: 'none', pValue, reason, ...fitLine(hinges, y) });
  if (pValue > SIGNIFICANT) {
    return none(
      `${short(100 * pValue)}% of the permutations of each seed's values over its batch sizes fit a change as well`,
    );
  }
  const { knot, knotInterval, slope, slopeInterval } = fitBrokenStick(hinges, y);
  if (slopeInterval[0] <= 0 && slopeInterval[1] >= 0) return none('the interval of the slope holds 0');
  const [low, high] = knotInterval;
  return {
    kind: 'change',
    threshold: 2 ** knot,
    interval: [2 ** low, 2 ** high],
    cut: { below: low === hinges.gaps[0].low, above: high === hinges.largest },
    slope,
    slopeInterval,
    sign: slope > 0 ? 1 : -1,
    pValue,
    lackOfFit: lackOfFit(points, y, bestKnot(hinges, y).explained),
  };
}

/** What is wrong with an observation; null where nothing is. */
function flawOf(observations: readonly BatchObservation[]): string | null {
  const seen = new Set<string>();
  for (const { batchSize, seed, value } of observations) {
    const run = `batch size ${batchSize} of seed ${seed}`;
    if (!Number.isFinite(Math.log2(batchSize)) || !Number.isFinite(value)) return `${run} has value ${value}`;
    if (seen.has(run)) return `${run} is there twice`;
    seen.add(run);
  }
  return null;
}

/** Of what there is too little to find a change in; null where there is enough. */
function shortageOf(points: readonly SeedPoint[]): string | null {
  const batchSizes = new Set(points.map(({ x }) => x)).size;
  if (batchSizes < 3) {
    return `a threshold takes three batch sizes in seeds that have two or more, and here there are ${batchSizes}`;
  }
  const runs = runsBySeed(points);
  if (points.length - runs.length - 2 < 1) {
    return `${points.length} runs of ${counted(runs.length, 'seeds')} leave no residual to tell noise by`;
  }
  const orders = runs.reduce((product, n) => product * factorial(n), 1);
  return orders * SIGNIFICANT < 1 ? `${orders} permutations cannot make a p-value of ${SIGNIFICANT}` : null;
}

/**
 * The share of permutations whose best broken stick explains as much as that of y, which counts as one of them
 * (Phipson & Smyth 2010). The whole sum of squares stays, so that the same is true of the largest F.
 */
function permutationP(
  points: readonly SeedPoint[],
  hinges: Hinges,
  y: Float64Array,
  permutations: number,
): number {
  const random = randomStream(0, 'permutations of a change point');
  // What differs by rounding alone counts as equal.
  const asMuch = bestKnot(hinges, y).explained * (1 - 1e-9);
  const runs = runsBySeed(points);
  const permuted = new Float64Array(y.length);
  let count = 1;
  for (let i = 0; i < permutations; i++) {
    let first = 0;
    for (const n of runs) {
      permutation(n, random).forEach((from, to) => (permuted[first + to] = y[first + from]));
      first += n;
    }
    if (bestKnot(hinges, permuted).explained >= asMuch) count++;
  }
  return count / (permutations + 1);
}

/** How many points each seed has, in the order of the seeds. */
function runsBySeed(points: readonly SeedPoint[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const { seed } of points) counts.set(seed, (counts.get(seed) ?? 0) + 1);
  return [...counts.values()];
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}
