import type { RandomStream } from '../random';

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
 * A is held row by row as float32, 4np bytes (0.7 GB for C1 and p = 100). A⁺ = (AᵀA)⁻¹Aᵀ is never written down: with
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
  const size = entries.length / dimension;
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

  const transpose = (g: Float64Array, out: Float64Array) => {
    out.fill(0);
    for (let i = 0, at = 0; i < size; i++, at += dimension) {
      const value = g[i];
      for (let j = 0; j < dimension; j++) out[j] += entries[at + j] * value;
    }
  };
  return {
    dimension,
    apply(z, out) {
      for (let i = 0, at = 0; i < size; i++, at += dimension) {
        let sum = 0;
        for (let j = 0; j < dimension; j++) sum += entries[at + j] * z[j];
        out[i] = sum;
      }
    },
    transpose,
    coordinates(x) {
      const solution = new Float64Array(dimension);
      transpose(x, solution);
      solveLower(factor, solution);
      solveLowerTransposed(factor, solution);
      return solution;
    },
  };
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
