/** Eigenvalues of a symmetric matrix, in no order, and `vectors[i][j]`, component i of the unit vector of value j. */
export interface Eigen {
  readonly values: readonly number[];
  readonly vectors: readonly (readonly number[])[];
}

/** Each sweep squares what is left off the diagonal; a matrix of 30 rows takes about eight. */
const SWEEPS = 50;

/**
 * All eigenvalues and eigenvectors of a small symmetric matrix by Jacobi's rotations (Golub & Van Loan, section 8.5),
 * to double precision. jstat's `jacobi` stops at an absolute 0.001 off the diagonal.
 */
export function symmetricEigen(matrix: readonly (readonly number[])[]): Eigen {
  const size = matrix.length;
  const a = matrix.map((row) => [...row]);
  const vectors = matrix.map((_, i) => matrix.map((__, j) => (i === j ? 1 : 0)));
  const total = a.flat().reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < SWEEPS && squaresBeside(a) > Number.EPSILON ** 2 * total; sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (a[p][q] === 0) continue;
        // The smaller of the two angles that make a[p][q] 0.
        const tau = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (tau < 0 ? -1 : 1) / (Math.abs(tau) + Math.hypot(1, tau));
        const cos = 1 / Math.hypot(1, t);
        const sin = t * cos;
        for (const row of [...a, ...vectors]) rotate(row, p, q, cos, sin);
        for (let k = 0; k < size; k++) {
          const [x, y] = [a[p][k], a[q][k]];
          a[p][k] = cos * x - sin * y;
          a[q][k] = sin * x + cos * y;
        }
      }
    }
  }
  return { values: a.map((row, i) => row[i]), vectors };
}

function rotate(row: number[], p: number, q: number, cos: number, sin: number): void {
  const [x, y] = [row[p], row[q]];
  row[p] = cos * x - sin * y;
  row[q] = sin * x + cos * y;
}

/** Sum of the squares that are not on the diagonal. */
function squaresBeside(a: readonly (readonly number[])[]): number {
  let sum = 0;
  a.forEach((row, i) => row.forEach((value, j) => (sum += i === j ? 0 : value * value)));
  return sum;
}
