import type { Compute } from '../compute/compute';
import type { Dataset } from '../data/dataset';
import { parameterCount, type Architecture } from '../model/architecture';
import { fromVector, toVector } from '../model/vector';
import type { Weights } from '../model/weights';
import type { RandomStream } from '../support/random';
import type { HessianOptions } from '../training/hessian';
import { symmetricEigen } from './eigen';
import { meanOf } from './estimate';

/** A symmetric matrix that is known by its products. */
export interface HessianOperator {
  /** Its rows. */
  readonly size: number;
  /** Writes H v into `out`; both [size]. */
  product(v: Float64Array, out: Float64Array): Promise<void>;
}

/** The Hessian of a network's loss over a data set, in evaluation mode, by all its trainable parameters (see vector.ts). */
export function hessianOperator(
  compute: Compute,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  options: HessianOptions,
): HessianOperator {
  return {
    size: parameterCount(architecture),
    async product(v, out) {
      const direction = fromVector(architecture, weights, v);
      const { product } = await compute.hessianProduct(architecture, weights, dataset, direction, options);
      toVector(architecture, product, out);
    },
  };
}

/** An approximate eigenvalue (a Ritz value). */
export interface RitzValue {
  readonly value: number;
  /**
   * A bound of the error: an eigenvalue lies within so much of `value` (the norm of what H y is away from value · y for
   * the unit vector y that belongs to it), up to the rounding of the products.
   */
  readonly residual: number;
}

/** The ends of a symmetric matrix's spectrum. */
export interface SpectrumEnds {
  /** Not above the largest eigenvalue, and within its residual of an eigenvalue. */
  readonly largest: RitzValue;
  /** Not below the smallest eigenvalue, and within its residual of an eigenvalue. */
  readonly smallest: RitzValue;
  /** Products with the matrix that it took. */
  readonly products: number;
}

export interface LanczosOptions {
  /** Products at most; each keeps a vector of 4 bytes a row. */
  readonly steps?: number;
  /** Ends as soon as the largest value's residual is not above so much of the largest magnitude. */
  readonly tolerance?: number;
}

/** Where the next vector is so much shorter than the matrix could make it, float32's rounding is all that is left. */
const NOTHING_LEFT = 1e-7;

/**
 * The largest eigenvalue of a symmetric matrix, and the smallest beside it, by Lanczos' method with every new vector
 * made orthogonal to all before it (Golub & Van Loan, section 10.3).
 *
 * @param random where the first vector comes from.
 */
export async function topEigenvalue(
  { size, product }: HessianOperator,
  random: RandomStream,
  { steps = 20, tolerance = 1e-3 }: LanczosOptions = {},
): Promise<SpectrumEnds> {
  // The network's weights are float32, so a direction need not be held with more digits.
  const basis: Float32Array[] = [];
  const diagonal: number[] = [];
  const beside: number[] = [];
  const w = new Float64Array(size).map(() => random.normal());
  for (;;) {
    const length = norm(w);
    const v = w.map((value) => value / length);
    basis.push(new Float32Array(v));
    v.set(basis.at(-1)!);
    await product(v, w);
    diagonal.push(dot(v, w));
    // A second round takes away what the first one's rounding left.
    for (let round = 0; round < 2; round++) {
      for (const before of basis) subtractPart(w, before);
    }
    const left = norm(w);
    const { largest, smallest } = ritzValues(diagonal, beside, left);
    const magnitude = Math.max(Math.abs(largest.value), Math.abs(smallest.value));
    const products = basis.length;
    const converged = largest.residual <= tolerance * magnitude || left <= NOTHING_LEFT * magnitude;
    if (converged || products >= Math.min(steps, size)) return { largest, smallest, products };
    beside.push(left);
  }
}

/**
 * Ends of the spectrum of the tridiagonal matrix that Lanczos' method has made.
 *
 * @param left the length of the vector that comes next, β: a Ritz vector's residual is β times its last component.
 */
function ritzValues(
  diagonal: readonly number[],
  beside: readonly number[],
  left: number,
): { largest: RitzValue; smallest: RitzValue } {
  const rows = diagonal.map((value, i) =>
    diagonal.map((_, j) => (i === j ? value : Math.abs(i - j) === 1 ? beside[Math.min(i, j)] : 0)),
  );
  const { values, vectors } = symmetricEigen(rows);
  const ritz = (value: number): RitzValue => ({
    value,
    residual: left * Math.abs(vectors.at(-1)![values.indexOf(value)]),
  });
  return { largest: ritz(Math.max(...values)), smallest: ritz(Math.min(...values)) };
}

/** The trace of a symmetric matrix by sampling. */
export interface HessianTrace {
  readonly trace: number;
  /** Of the mean over the samples: how much the random vectors spread it; NaN where there is one sample. */
  readonly standardError: number;
  /** Products with the matrix that it took. */
  readonly samples: number;
}

/**
 * The trace of a symmetric matrix as the mean of vᵀHv over vectors of random signs (Hutchinson 1990). Its variance is
 * twice the sum of the squares beside the diagonal over the number of samples, so that of a diagonal matrix is exact.
 *
 * @param samples at least 2 for an error.
 */
export async function hessianTrace(
  { size, product }: HessianOperator,
  random: RandomStream,
  samples: number,
): Promise<HessianTrace> {
  const forms: number[] = [];
  const v = new Float64Array(size);
  const w = new Float64Array(size);
  for (let sample = 0; sample < samples; sample++) {
    for (let i = 0; i < size; i++) v[i] = random.bits() < 0 ? -1 : 1;
    await product(v, w);
    forms.push(dot(v, w));
  }
  const { value, standardError } = meanOf(forms);
  return { trace: value, standardError, samples };
}

/** Takes away from w its part along a unit vector. */
function subtractPart(w: Float64Array, unit: Float32Array): void {
  const part = dot(unit, w);
  for (let i = 0; i < w.length; i++) w[i] -= part * unit[i];
}

function dot(a: Float32Array | Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}
