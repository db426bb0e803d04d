import { jStat } from 'jstat';
import { dot } from '../optimize/limited-memory';
import { withinSeeds, type SeedPoint } from './broken-stick';

/** How far the means of each x lie from a broken stick, set against the noise of the runs around these means. */
export interface LackOfFit {
  /** Fisher's F. */
  readonly statistic: number;
  /** Of what the stick leaves to a level for each x, and of what those levels leave. */
  readonly freedom: readonly [number, number];
  /** How often a true stick would lie as far from them. */
  readonly pValue: number;
}

/** τ and b. */
const PARAMETERS = 2;

/** The share of the whole sum of squares up to which a part of it is rounding. */
const ROUNDING = 1e-12;

/**
 * Tests a broken stick against a level for each x, each seed having one of its own in both (Fisher 1922). τ counts as
 * any other parameter; how often true sticks are found at fault, `spec/verdict/change-point-simulation.spec.ts` measures.
 *
 * @param y less the seeds' means, in the order of the points.
 * @param explained the part of its sum of squares that the stick explains.
 * @returns null where nothing is left to tell it by: three x or fewer, one seed, or no noise at all.
 */
export function lackOfFit(
  points: readonly SeedPoint[],
  y: Float64Array,
  explained: number,
): LackOfFit | null {
  const total = dot(y, y);
  const levels = levelsOf(points);
  const byLevels = levels.reduce((sum, level) => sum + dot(level, y) ** 2, 0);
  const seeds = new Set(points.map(({ seed }) => seed)).size;
  const freedom = [levels.length - PARAMETERS, points.length - seeds - levels.length] as const;
  const noise = total - byLevels;
  if (Math.min(...freedom) < 1 || noise <= ROUNDING * total) return null;
  const statistic = Math.max(0, byLevels - explained) / freedom[0] / (noise / freedom[1]);
  return { statistic, freedom, pValue: 1 - jStat.centralF.cdf(statistic, ...freedom) };
}

/** An orthonormal basis of all that levels for each x can fit, seeds' means apart (Gram & Schmidt). */
function levelsOf(points: readonly SeedPoint[]): readonly Float64Array[] {
  const basis: Float64Array[] = [];
  for (const level of new Set(points.map(({ x }) => x))) {
    const left = withinSeeds(points, ({ x }) => (x === level ? 1 : 0));
    const before = dot(left, left);
    for (const other of basis) {
      const along = dot(left, other);
      left.forEach((_, i) => (left[i] -= along * other[i]));
    }
    const length = Math.sqrt(dot(left, left));
    // The last level is the others' complement.
    if (length ** 2 > 1e-9 * before) basis.push(left.map((value) => value / length));
  }
  return basis;
}
