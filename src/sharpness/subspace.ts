import type { RandomStream } from '../support/random';

/**
 * The points x + Az that sharpness is looked for in: A maps a vector z of p numbers to all n parameters (Keskar et al.
 * 2017, Metric 2.1).
 */
export interface Subspace {
  /** p. */
  readonly dimension: number;
  /** Writes Az, [n], into `out`. */
  apply(z: Float64Array, out: Float64Array): void;
  /** Writes Aᵀg, [p], into `out`. */
  transpose(g: Float64Array, out: Float64Array): void;
  /** A⁺x, [p], by which the box around x is measured; A⁺ is the pseudo-inverse. */
  coordinates(x: Float64Array): Float64Array;
}

/** All parameters: A is the identity. */
export function fullSpace(size: number): Subspace {
  return {
    dimension: size,
    apply: (z, out) => out.set(z),
    transpose: (g, out) => out.set(g),
    coordinates: (x) => x,
  };
}

/**
 * A random subspace: A is n x p with standard normal entries.
 *
 * A is held as float32, 4np bytes (0.7 GB for C1 and p = 100). A⁺ = (AᵀA)⁻¹Aᵀ is never written down: with
 * the Cholesky factor of the p x p matrix AᵀA, made once at np²/2 multiplications, A⁺x costs np for Aᵀx and p² to
 * solve, so all of it is linear in n.
 *
 * @param orthonormal replaces A by the orthonormal columns AR⁻¹ that span the same subspace, with AᵀA = RᵀR; then A⁺ = Aᵀ.
 */
export function randomSubspace(
  size: number,
  dimension: number,
  random: RandomStream,
  { orthonormal = false }: { readonly orthonormal?: boolean } = {},
): Subspace {
  const entries = new Float32Array(size * dimension);
  for (let i = 0; i < entries.length; i++) entries[i] = random.normal();
  return subspaceOf(entries, dimension, orthonormal);
}

/**
 * The subspace of a matrix.
 *
 * @param entries n x p, row by row, of rank p; taken over.
 */
export function subspaceOf(entries: Float32Array, dimension: number, orthonormal = false): Subspace {
  let factor = choleskyFactor(gramMatrix(entries, dimension), dimension);
  if (orthonormal) {
    const row = new Float64Array(dimension);
    for (let at = 0; at < entries.length; at += dimension) {
      for (let j = 0; j < dimension; j++) row[j] = entries[at + j];
      solveLower(factor, row);
      entries.set(row, at);
    }
    factor = choleskyFactor(gramMatrix(entries, dimension), dimension);
  }

  layInPanels(entries, dimension);
  return {
    dimension,
    apply: (z, out) => multiply(entries, z, out),
    transpose: (g, out) => multiplyTransposed(entries, g, out),
    coordinates(x) {
      const solution = new Float64Array(dimension);
      multiplyTransposed(entries, x, solution);
      solveLower(factor, solution);
      solveLowerTransposed(factor, solution);
      return solution;
    },
  };
}

/** Rows of a panel. */
const PANEL = 8;

/**
 * Lays A out for the products below, in place: of each panel of rows entry 0 of all, then entry 1 of all, and so on;
 * rows that fill no panel stay row by row. A product then takes a panel's rows side by side, so that no sum waits for
 * another and what it shares is fetched once, at addresses that need no sums. Each sum keeps its order.
 */
function layInPanels(a: Float32Array, p: number): void {
  const panel = new Float32Array(PANEL * p);
  for (let at = 0; at + panel.length <= a.length; at += panel.length) {
    for (let row = 0; row < PANEL; row++) {
      for (let j = 0; j < p; j++) panel[PANEL * j + row] = a[at + p * row + j];
    }
    a.set(panel, at);
  }
}

/** Writes Az, [n], into `out`. */
function multiply(a: Float32Array, z: Float64Array, out: Float64Array): void {
  const p = z.length;
  let at = 0;
  let i = 0;
  for (; i + PANEL <= out.length; i += PANEL) {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let j = 0; j < p; j++, at += PANEL) {
      const zj = z[j];
      s0 += a[at] * zj;
      s1 += a[at + 1] * zj;
      s2 += a[at + 2] * zj;
      s3 += a[at + 3] * zj;
      s4 += a[at + 4] * zj;
      s5 += a[at + 5] * zj;
      s6 += a[at + 6] * zj;
      s7 += a[at + 7] * zj;
    }
    out[i] = s0;
    out[i + 1] = s1;
    out[i + 2] = s2;
    out[i + 3] = s3;
    out[i + 4] = s4;
    out[i + 5] = s5;
    out[i + 6] = s6;
    out[i + 7] = s7;
  }
  for (; i < out.length; i++) {
    let sum = 0;
    for (let j = 0; j < p; j++, at++) sum += a[at] * z[j];
    out[i] = sum;
  }
}

/** Writes Aᵀg, [p], into `out`. */
function multiplyTransposed(a: Float32Array, g: Float64Array, out: Float64Array): void {
  const p = out.length;
  let at = 0;
  let i = 0;
  out.fill(0);
  for (; i + PANEL <= g.length; i += PANEL) {
    const [g0, g1, g2, g3] = [g[i], g[i + 1], g[i + 2], g[i + 3]];
    const [g4, g5, g6, g7] = [g[i + 4], g[i + 5], g[i + 6], g[i + 7]];
    for (let j = 0; j < p; j++, at += PANEL) {
      const half = out[j] + a[at] * g0 + a[at + 1] * g1 + a[at + 2] * g2 + a[at + 3] * g3;
      out[j] = half + a[at + 4] * g4 + a[at + 5] * g5 + a[at + 6] * g6 + a[at + 7] * g7;
    }
  }
  for (; i < g.length; i++) {
    for (let j = 0; j < p; j++, at++) out[j] += a[at] * g[i];
  }
}

/** AᵀA, [p, p]; only its lower triangle is filled. */
function gramMatrix(entries: Float32Array, p: number): Float64Array {
  const gram = new Float64Array(p * p);
  const row = new Float64Array(p);
  for (let at = 0; at < entries.length; at += p) {
    for (let j = 0; j < p; j++) row[j] = entries[at + j];
    for (let i = 0; i < p; i++) {
      const value = row[i];
      for (let j = 0; j <= i; j++) gram[i * p + j] += value * row[j];
    }
  }
  return gram;
}

/** The lower triangle L with LLᵀ = the matrix; overwrites it. */
function choleskyFactor(matrix: Float64Array, p: number): Float64Array {
  for (let i = 0; i < p; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * p + j];
      for (let k = 0; k < j; k++) sum -= matrix[i * p + k] * matrix[j * p + k];
      matrix[i * p + j] = i === j ? Math.sqrt(sum) : sum / matrix[j * p + j];
    }
  }
  return matrix;
}

/** Overwrites b with the solution of Ly = b. */
function solveLower(factor: Float64Array, b: Float64Array): void {
  const p = b.length;
  for (let i = 0; i < p; i++) {
    let sum = b[i];
    for (let k = 0; k < i; k++) sum -= factor[i * p + k] * b[k];
    b[i] = sum / factor[i * p + i];
  }
}

/** Overwrites b with the solution of Lᵀy = b. */
function solveLowerTransposed(factor: Float64Array, b: Float64Array): void {
  const p = b.length;
  for (let i = p - 1; i >= 0; i--) {
    let sum = b[i];
    for (let k = i + 1; k < p; k++) sum -= factor[k * p + i] * b[k];
    b[i] = sum / factor[i * p + i];
  }
}
