import { clamp, type Box } from './box';
import { addFreeProduct, type FreeProducts } from './free-products';
import { addCombination, dot, slotOf, timesMiddle, type LimitedMemory } from './limited-memory';
import { choleskyInPlace, solveLower, solveLowerTransposed } from './small-matrix';

/** Where the subspace is, and what its minimum is written to. */
export interface SubspaceBuffers {
  /** [n]: the Cauchy point; the minimum takes its place. */
  readonly point: Float64Array;
  /** [n] of 0 and 1: which variables have to stay. */
  readonly bound: Uint8Array;
  /** [2 m] each: Wᵀ(point − x), and −Wᵀg over the free variables. */
  readonly displacement: Float64Array;
  readonly onward: Float64Array;
  /** [n] each, for use in between. */
  readonly direction: Float64Array;
  readonly backup: Float64Array;
}

/**
 * Goes on from the Cauchy point to the minimum of the model over the free variables, and back into the box: to
 * the nearest point of it where that is downhill from x (Morales & Nocedal 2011), else along the way to the
 * minimum as far as the first bound (Byrd, Lu, Nocedal & Zhu 1995, section 5).
 *
 * @param memory with at least one pair.
 * @param time t, where the free variables of the Cauchy point are at x − t g.
 * @returns false where rounding has made the model indefinite. The point is then still the Cauchy point.
 */
export function goToSubspaceMinimum(
  box: Box,
  x: Float64Array,
  gradient: Float64Array,
  memory: LimitedMemory,
  products: FreeProducts,
  time: number,
  buffers: SubspaceBuffers,
): boolean {
  const { point, bound, direction, backup } = buffers;
  if (!writeModelStep(x, gradient, memory, products, time, buffers)) return false;

  const { lower, upper } = box;
  let slope = 0;
  for (let i = 0; i < point.length; i++) {
    direction[i] *= 1 - bound[i];
    backup[i] = point[i];
    point[i] = clamp(point[i] + direction[i], lower[i], upper[i]);
    slope += (point[i] - x[i]) * gradient[i];
  }
  if (slope > 0) {
    point.set(backup);
    goToFirstBound(box, buffers);
  }
  return true;
}

/** As far along the direction as the box allows, at most to its end. */
function goToFirstBound({ lower, upper }: Box, { point, direction }: SubspaceBuffers): void {
  let part = 1;
  let first = -1;
  for (let i = 0; i < point.length; i++) {
    const d = direction[i];
    if (d === 0) continue;
    const room = (d < 0 ? lower[i] : upper[i]) - point[i];
    if (Math.abs(d) * part > Math.abs(room)) {
      part = room / d;
      first = i;
    }
  }
  for (let i = 0; i < point.length; i++) {
    const end = direction[i] < 0 ? lower[i] : upper[i];
    point[i] = i === first ? end : clamp(point[i] + part * direction[i], lower[i], upper[i]);
  }
}

/**
 * Writes −(Zᵀ B Z)⁻¹ r, where r is the model's gradient at the Cauchy point and Z picks the free variables; what it
 * writes for bound ones means nothing. With q = −Zᵀ(g + θ(point − x)) and c = M Wᵀ(point − x), −r is
 * q + Zᵀ W c, and by the formula of Sherman, Morrison and Woodbury the step is −(r + Zᵀ W K⁻¹ Wᵀ Z r / θ) / θ.
 */
function writeModelStep(
  x: Float64Array,
  gradient: Float64Array,
  memory: LimitedMemory,
  products: FreeProducts,
  time: number,
  { point, displacement, onward, direction }: SubspaceBuffers,
): boolean {
  const { size, theta } = memory;
  const c = new Float64Array(2 * size);
  timesMiddle(memory, displacement, c);
  // Over the free variables q is −(1 − θt) g.
  const small = onward.slice(0, 2 * size).map((value) => (1 - theta * time) * value);
  addFreeProduct(products, memory, c, small);
  if (!solveReduced(memory, products, small)) return false;
  for (let k = 0; k < 2 * size; k++) c[k] += small[k] / theta;

  for (let i = 0; i < x.length; i++) direction[i] = -(point[i] - x[i]) - gradient[i] / theta;
  addCombination(memory, c, 1 / theta, direction);
  return true;
}

/**
 * Solves K x = b in place, K = [−A, Cᵀ; C, E] with A = D + Y_Fᵀ Y_F / θ, C = L_A − R_F and E = θ S_Aᵀ S_A:
 * L_A is what lies below the diagonal of S_Aᵀ Y_A, R_F the rest of S_Fᵀ Y_F.
 */
function solveReduced(memory: LimitedMemory, { yy, ss, sy }: FreeProducts, b: Float64Array): boolean {
  const { capacity, size, theta } = memory;
  const a = new Float64Array(size * size);
  const e = new Float64Array(size * size);
  // A = G Gᵀ; row i of `c` becomes G⁻¹ times row i of C.
  const c = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = slotOf(memory, i) * capacity;
    for (let j = 0; j < size; j++) {
      const at = row + slotOf(memory, j);
      a[i * size + j] = yy[at] / theta;
      e[i * size + j] = theta * ss[at];
      c[i * size + j] = i > j ? sy[at] : -sy[at];
    }
    a[i * size + i] += memory.sy[row + slotOf(memory, i)];
  }
  if (!choleskyInPlace(a, size, size)) return false;
  const rows = Array.from({ length: size }, (_, i) => c.subarray(i * size, (i + 1) * size));
  for (const row of rows) solveLower(a, size, size, row);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) e[i * size + j] += dot(rows[i], rows[j]);
  }
  if (!choleskyInPlace(e, size, size)) return false;

  // With u = G⁻¹b₁ and c for C G⁻ᵀ: (E + c cᵀ) x₂ = b₂ + c u, then x₁ = G⁻ᵀ (cᵀ x₂ − u).
  solveLower(a, size, size, b);
  const u = b.subarray(0, size);
  for (let i = 0; i < size; i++) b[size + i] += dot(rows[i], u);
  solveLower(e, size, size, b, size);
  solveLowerTransposed(e, size, size, b, size);
  for (let j = 0; j < size; j++) {
    let sum = -u[j];
    for (let i = 0; i < size; i++) sum += rows[i][j] * b[size + i];
    u[j] = sum;
  }
  solveLowerTransposed(a, size, size, b);
  return true;
}
