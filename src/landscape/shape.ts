// What a curve's losses say of its shape. All take one loss an alpha; not-a-number goes in and comes out.

/** a + bα + cα². */
export interface Quadratic {
  readonly constant: number;
  readonly slope: number;
  readonly curvature: number;
}

/**
 * The quadratic of least squares through a curve.
 *
 * @param alphas at least three different ones.
 */
export function fitQuadratic(alphas: readonly number[], losses: readonly number[]): Quadratic {
  // Polynomials orthogonal over the alphas (Forsythe 1957): their coefficients are plain projections.
  const n = alphas.length;
  const center = sum(alphas) / n;
  const p1 = alphas.map((alpha) => alpha - center);
  const p1Norm = dot(p1, p1);
  const tilt =
    dot(
      p1.map((value) => value * value),
      p1,
    ) / p1Norm;
  const p2 = p1.map((value) => value * value - tilt * value - p1Norm / n);
  const c0 = sum(losses) / n;
  const c1 = dot(p1, losses) / p1Norm;
  const c2 = dot(p2, losses) / dot(p2, p2);
  // c0 + c1 (α − m) + c2 ((α − m)² − t (α − m) − s), with the powers of α collected.
  const linear = c1 - c2 * tilt;
  return {
    constant: c0 - linear * center + c2 * (center * center - p1Norm / n),
    slope: linear - 2 * c2 * center,
    curvature: c2,
  };
}

/** Where a quadratic is least; not a number where it has no minimum. */
export function minimumOf({ slope, curvature }: Quadratic): number {
  return curvature > 0 ? -slope / (2 * curvature) : NaN;
}

/**
 * The exponent p of L(θ + αd) − L(θ) ∝ |α|^p: the slope of least squares of log rise on log |α|, over all α
 * other than 0. About 2 for a wide bowl, 1 or less for a narrow V.
 *
 * @param alphas with 0 among them, and at least two different distances from it.
 * @returns NaN where the loss does not rise everywhere.
 */
export function growthExponent(alphas: readonly number[], losses: readonly number[]): number {
  const atMinimizer = losses[alphas.indexOf(0)];
  const away = alphas.map((alpha, i) => ({ alpha, loss: losses[i] })).filter(({ alpha }) => alpha !== 0);
  const x = away.map(({ alpha }) => Math.log(Math.abs(alpha)));
  const y = away.map(({ loss }) => (loss > atMinimizer ? Math.log(loss - atMinimizer) : NaN));
  const center = sum(x) / x.length;
  const centered = x.map((value) => value - center);
  return dot(centered, y) / dot(centered, centered);
}

/** The alphas within a distance of the minimizer, with their losses. */
export function within(
  reach: number,
  alphas: readonly number[],
  losses: readonly number[],
): { alphas: number[]; losses: number[] } {
  const near = alphas
    .map((alpha, i) => ({ alpha, loss: losses[i] }))
    .filter(({ alpha }) => Math.abs(alpha) <= reach);
  return { alphas: near.map(({ alpha }) => alpha), losses: near.map(({ loss }) => loss) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function dot(one: readonly number[], other: readonly number[]): number {
  return one.reduce((total, value, i) => total + value * other[i], 0);
}
