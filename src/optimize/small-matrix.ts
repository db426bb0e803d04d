// Dense matrices of a few rows, row by row in one array; `stride` is how far apart two rows begin.

/**
 * Replaces the lower triangle of a symmetric matrix by its Cholesky factor G, where A = G Gᵀ. The rest is left.
 *
 * @returns whether A is positive definite; if not, what stands in it is of no use.
 */
export function choleskyInPlace(a: Float64Array, size: number, stride: number): boolean {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * stride + j];
      for (let k = 0; k < j; k++) sum -= a[i * stride + k] * a[j * stride + k];
      if (j < i) {
        a[i * stride + j] = sum / a[j * stride + j];
      } else if (sum > 0 && sum < Infinity) {
        a[i * stride + i] = Math.sqrt(sum);
      } else {
        return false;
      }
    }
  }
  return true;
}

/** Solves G x = b for a lower triangle G. x takes the place of b, which begins at `from`. */
export function solveLower(g: Float64Array, size: number, stride: number, b: Float64Array, from = 0): void {
  for (let i = 0; i < size; i++) {
    let sum = b[from + i];
    for (let k = 0; k < i; k++) sum -= g[i * stride + k] * b[from + k];
    b[from + i] = sum / g[i * stride + i];
  }
}

/** Solves Gᵀ x = b for a lower triangle G. x takes the place of b, which begins at `from`. */
export function solveLowerTransposed(
  g: Float64Array,
  size: number,
  stride: number,
  b: Float64Array,
  from = 0,
): void {
  for (let i = size - 1; i >= 0; i--) {
    let sum = b[from + i];
    for (let k = i + 1; k < size; k++) sum -= g[k * stride + i] * b[from + k];
    b[from + i] = sum / g[i * stride + i];
  }
}
