import { dot } from '../optimize/limited-memory';
import { criticalT } from './interval';

/** A value of a seed at x. */
export interface SeedPoint {
  readonly seed: number;
  readonly x: number;
  readonly y: number;
}

/** The least-squares fit of y = a_seed + b · max(0, x − τ), with 95% intervals. */
export interface BrokenStick {
  /** τ, between the smallest x and the largest but one. */
  readonly knot: number;
  /** Where it ends at the smallest or at the largest x, every value beyond fits as well. */
  readonly knotInterval: readonly [number, number];
  /** b. */
  readonly slope: number;
  /** Ends at ±∞ where τ may come close to the largest x. */
  readonly slopeInterval: readonly [number, number];
}

/**
 * The hinges max(0, x − τ) of every τ = low + t between two adjacent x: u − t v, where u is the hinge at the lower
 * x and v the step 1[x > low], each less its seeds' means.
 */
interface Gap {
  readonly low: number;
  readonly width: number;
  readonly u: Float64Array;
  readonly v: Float64Array;
  readonly uu: number;
  readonly uv: number;
  readonly vv: number;
}

/** All that a fit takes from where the points are, whatever is observed there. */
export interface Hinges {
  /** From the smallest x to the largest but one: nearer to the largest, a hinge is a multiple of the last one here. */
  readonly gaps: readonly Gap[];
  readonly largest: number;
  /** Degrees of freedom of the residuals: points less seeds less 2. */
  readonly freedom: number;
}

/** @param points at three different x or more, each seed at two or more of them. */
export function hingesOf(points: readonly Omit<SeedPoint, 'y'>[]): Hinges {
  const knots = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const gaps = knots.slice(0, -2).map((low, i) => {
    const u = withinSeeds(points, ({ x }) => Math.max(0, x - low));
    const v = withinSeeds(points, ({ x }) => (x > low ? 1 : 0));
    return { low, width: knots[i + 1] - low, u, v, uu: dot(u, u), uv: dot(u, v), vv: dot(v, v) };
  });
  const freedom = points.length - new Set(points.map(({ seed }) => seed)).size - 2;
  return { gaps, largest: knots[knots.length - 1], freedom };
}

/** A figure of each point, less the mean of its seed: what is left when each seed has an intercept of its own. */
export function withinSeeds<P extends { readonly seed: number }>(
  points: readonly P[],
  figure: (point: P) => number,
): Float64Array {
  const bySeed = new Map<number, number[]>();
  for (const point of points) {
    bySeed.set(point.seed, [...(bySeed.get(point.seed) ?? []), figure(point)]);
  }
  const means = new Map(
    [...bySeed].map(([seed, own]) => [seed, own.reduce((sum, value) => sum + value, 0) / own.length]),
  );
  return Float64Array.from(points, (point) => figure(point) - means.get(point.seed)!);
}

/**
 * The best τ, and the part of the sum of squares that it explains.
 *
 * Within a gap that is E(t) = (p − t q)² / (uu − 2t uv + t² vv), with p = u·y and q = v·y. On the whole real line E
 * has a single maximum, where u and v would fit best with coefficients of their own, so that within a gap it is
 * greatest there or at an end (Hudson 1966).
 *
 * @param y less the seeds' means, in the order of the points.
 */
export function bestKnot(
  { gaps }: Hinges,
  y: Float64Array,
): { knot: number; slope: number; explained: number } {
  let best = { knot: NaN, slope: NaN, explained: -Infinity };
  for (const gap of gaps) {
    const { low, width, uu, uv, vv } = gap;
    const [p, q] = [dot(gap.u, y), dot(gap.v, y)];
    const inner = (uu * q - uv * p) / (uv * q - vv * p);
    for (const t of [0, inner > 0 && inner < width ? inner : width, width]) {
      const explained = explainedAt(gap, p, q, t);
      if (explained > best.explained) best = { knot: low + t, slope: slopeAt(gap, p, q, t), explained };
    }
  }
  return best;
}

/**
 * Fits a broken stick by least squares, with intervals that invert the F test: that of τ holds whatever τ leaves a
 * sum of squares of at most (1 + F / ν) times the least, F being the 95% quantile of F(1, ν), and all between;
 * that of b holds every slope that some τ brings below the same bound. Both are exact roots, gap by gap.
 *
 * @param hinges with one degree of freedom or more.
 * @param y as in {@link bestKnot}, not all 0.
 */
export function fitBrokenStick(hinges: Hinges, y: Float64Array): BrokenStick {
  const { knot, slope, explained } = bestKnot(hinges, y);
  const residual = Math.max(0, dot(y, y) - explained);
  const enough = explained - (residual * criticalT(hinges.freedom + 1) ** 2) / hinges.freedom;
  const knots = [knot];
  const slopes = [slope];
  let beyond: readonly number[] = [];
  for (const gap of hinges.gaps) {
    const { low, width, uu, uv, vv } = gap;
    const [p, q] = [dot(gap.u, y), dot(gap.v, y)];
    for (const t of roots(q * q - enough * vv, p * q - enough * uv, p * p - enough * uu)) {
      if (t > 0 && t < width) knots.push(low + t);
    }
    for (const t of [0, width]) {
      const room = explainedAt(gap, p, q, t) - enough;
      const reach = Math.sqrt(room / normAt(gap, t));
      beyond = room < 0 ? [] : [slopeAt(gap, p, q, t) - reach, slopeAt(gap, p, q, t) + reach];
      if (room >= 0) knots.push(low + t);
      slopes.push(...beyond);
    }
    // The ends of b where u and v have coefficients of their own, as long as their τ is of this gap.
    const determinant = uu * vv - uv * uv;
    const free = (vv * p - uv * q) / determinant;
    const room = (vv * p * p - 2 * uv * p * q + uu * q * q) / determinant - enough;
    for (const side of [-1, 1]) {
      const b = free + side * Math.sqrt((room * vv) / determinant);
      const t = (uv - q / b) / vv;
      if (t > 0 && t < width) slopes.push(b);
    }
  }
  // From the largest x but one on, only the height at the largest is told: any τ will do with a slope to match.
  const high = beyond.length > 0 ? hinges.largest : Math.max(...knots);
  slopes.push(...beyond.map((b) => b * Infinity));
  return {
    knot,
    knotInterval: [Math.min(...knots), high],
    slope,
    slopeInterval: [Math.min(...slopes), Math.max(...slopes)],
  };
}

/**
 * Fits the straight line y = a_seed + b · x by least squares: a stick that bends at the smallest x.
 *
 * @param hinges with a degree of freedom for the residuals of a line, one more than those of a stick.
 * @param y as in {@link bestKnot}.
 */
export function fitLine(
  { gaps: [{ u, uu }], freedom }: Hinges,
  y: Float64Array,
): { slope: number; slopeInterval: readonly [number, number] } {
  const slope = dot(u, y) / uu;
  const residual = Math.max(0, dot(y, y) - slope * slope * uu);
  const reach = criticalT(freedom + 2) * Math.sqrt(residual / (freedom + 1) / uu);
  return { slope, slopeInterval: [slope - reach, slope + reach] };
}

/** The squared length of a gap's hinge. */
function normAt({ uu, uv, vv }: Gap, t: number): number {
  return uu - 2 * t * uv + t * t * vv;
}

function slopeAt(gap: Gap, p: number, q: number, t: number): number {
  return (p - t * q) / normAt(gap, t);
}

function explainedAt(gap: Gap, p: number, q: number, t: number): number {
  return (p - t * q) ** 2 / normAt(gap, t);
}

/** The real roots of a t² − 2 b t + c. */
function roots(a: number, b: number, c: number): readonly number[] {
  const discriminant = b * b - a * c;
  if (!(discriminant >= 0)) return [];
  const farther = b + (b < 0 ? -1 : 1) * Math.sqrt(discriminant);
  return [farther / a, c / farther];
}
