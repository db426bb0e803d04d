import { slotOf, type LimitedMemory } from './limited-memory';

/**
 * Inner products of the pairs of a memory over the free variables (F) and the bound ones (A), [capacity,
 * capacity] by slots. They follow the set of free variables by what changes in it, at a cost of O(m²) for each
 * variable that changes and O(m n) for a new pair, instead of O(m² n) at every iteration.
 */
export interface FreeProducts {
  /** Y_Fᵀ Y_F. */
  readonly yy: Float64Array;
  /** S_Aᵀ S_A. */
  readonly ss: Float64Array;
  /** For a step and a change of the gradient: over F where the step is not younger, over A where it is. */
  readonly sy: Float64Array;
  /** Which variables were bound when the products were last brought up to date, [n] of 0 and 1. */
  readonly bound: Uint8Array;
}

/** The products of no pairs, with all variables free. */
export function noProducts(n: number, capacity: number): FreeProducts {
  const matrix = () => new Float64Array(capacity * capacity);
  return { yy: matrix(), ss: matrix(), sy: matrix(), bound: new Uint8Array(n) };
}

/** How many variables are summed up at a time: what is read of them again for each pair stays in the cache. */
const BLOCK = 1024;

/**
 * Brings the products up to date. It has to be called at every iteration that has pairs: a
 * pair that it does not see while it is the youngest would be missing from then on.
 *
 * @param memory with at least one pair.
 * @param bound which variables are bound now, [n] of 0 and 1.
 */
export function follow(products: FreeProducts, memory: LimitedMemory, bound: Uint8Array): void {
  const slots = Array.from({ length: memory.size }, (_, age) => slotOf(memory, age));
  moveChanged(products, memory, slots.slice(0, -1), bound);
  renewYoungest(products, memory, slots);
}

/** Takes the variables that have changed into F or out of it, in the products of all pairs but the youngest. */
function moveChanged(
  products: FreeProducts,
  memory: LimitedMemory,
  slots: readonly number[],
  bound: Uint8Array,
): void {
  const changed = new Int32Array(BLOCK);
  const buffers = { y: vectors(slots.length), s: vectors(slots.length), signs: new Float64Array(BLOCK) };
  let count = 0;
  for (let i = 0; i < bound.length; i++) {
    if (bound[i] === products.bound[i]) continue;
    products.bound[i] = bound[i];
    changed[count++] = i;
    if (count < BLOCK) continue;
    move(products, memory, slots, changed, buffers);
    count = 0;
  }
  move(products, memory, slots, changed.subarray(0, count), buffers);
}

const vectors = (count: number) => Array.from({ length: count }, () => new Float64Array(BLOCK));

/** Entries of all pairs at the variables that have changed, by age, and 1 for those that are free now, −1 else. */
interface MoveBuffers {
  readonly y: readonly Float64Array[];
  readonly s: readonly Float64Array[];
  readonly signs: Float64Array;
}

function move(
  { yy, ss, sy, bound }: FreeProducts,
  { capacity, s, y }: LimitedMemory,
  slots: readonly number[],
  changed: Int32Array,
  buffers: MoveBuffers,
): void {
  for (let k = 0; k < changed.length; k++) buffers.signs[k] = bound[changed[k]] === 0 ? 1 : -1;
  slots.forEach((slot, age) => {
    gather(y[slot], changed, buffers.y[age]);
    gather(s[slot], changed, buffers.s[age]);
  });
  const sums = new Float64Array(4);
  const signedY = new Float64Array(changed.length);
  const signedS = new Float64Array(changed.length);
  for (let a = 0; a < slots.length; a++) {
    for (let k = 0; k < changed.length; k++) {
      signedY[k] = buffers.signs[k] * buffers.y[a][k];
      signedS[k] = buffers.signs[k] * buffers.s[a][k];
    }
    for (let b = 0; b <= a; b++) {
      sums.fill(0);
      addProducts(signedY, signedS, buffers.y[b], buffers.s[b], 0, changed.length, sums);
      const at = slots[a] * capacity + slots[b];
      const mirrored = slots[b] * capacity + slots[a];
      yy[at] += sums[0];
      ss[at] -= sums[1];
      sy[mirrored] += sums[2];
      if (a === b) continue;
      yy[mirrored] = yy[at];
      ss[mirrored] = ss[at];
      sy[at] -= sums[3];
    }
  }
}

function gather(from: Float64Array, indices: Int32Array, into: Float64Array): void {
  for (let k = 0; k < indices.length; k++) into[k] = from[indices[k]];
}

/** Adds y·y′, s·s′, y·s′ and s·y′ to the four sums, y and s from their beginning, y′ and s′ from `from`. */
function addProducts(
  y: Float64Array,
  s: Float64Array,
  otherY: Float64Array,
  otherS: Float64Array,
  from: number,
  count: number,
  sums: Float64Array,
): void {
  let yy = sums[0];
  let ss = sums[1];
  let ys = sums[2];
  let sy = sums[3];
  for (let k = 0, i = from; k < count; k++, i++) {
    const yk = y[k];
    const sk = s[k];
    const yi = otherY[i];
    const si = otherS[i];
    yy += yk * yi;
    ss += sk * si;
    ys += yk * si;
    sy += sk * yi;
  }
  sums[0] = yy;
  sums[1] = ss;
  sums[2] = ys;
  sums[3] = sy;
}

/** Sums up anew what the youngest pair has part in; as a rule it has come since the last call. */
function renewYoungest(
  { yy, ss, sy, bound }: FreeProducts,
  { capacity, s, y }: LimitedMemory,
  slots: readonly number[],
): void {
  const youngest = slots[slots.length - 1];
  const freeY = new Float64Array(BLOCK);
  const boundS = new Float64Array(BLOCK);
  const sums = slots.map(() => new Float64Array(4));
  for (let from = 0; from < bound.length; from += BLOCK) {
    const count = Math.min(BLOCK, bound.length - from);
    for (let k = 0; k < count; k++) {
      const isBound = bound[from + k];
      freeY[k] = (1 - isBound) * y[youngest][from + k];
      boundS[k] = isBound * s[youngest][from + k];
    }
    slots.forEach((slot, age) => addProducts(freeY, boundS, y[slot], s[slot], from, count, sums[age]));
  }
  slots.forEach((slot, age) => {
    const [yyFree, ssBound, ysFree, syBound] = sums[age];
    yy[youngest * capacity + slot] = yy[slot * capacity + youngest] = yyFree;
    ss[youngest * capacity + slot] = ss[slot * capacity + youngest] = ssBound;
    sy[youngest * capacity + slot] = syBound;
    // Of a pair's own step and change it is the free part that counts, which stands here last.
    sy[slot * capacity + youngest] = ysFree;
  });
}

/** Adds W_Fᵀ W_F c to `sum`, 2 · `size` numbers each, where W_F are the rows of W = [Y, θS] in F. */
export function addFreeProduct(
  { yy, ss, sy }: FreeProducts,
  memory: LimitedMemory,
  c: Float64Array,
  sum: Float64Array,
): void {
  const { capacity, size, theta } = memory;
  for (let i = 0; i < size; i++) {
    const row = slotOf(memory, i) * capacity;
    for (let j = 0; j < size; j++) {
      const at = row + slotOf(memory, j);
      const stepAndChange = theta * (i > j ? memory.sy[at] - sy[at] : sy[at]);
      const steps = theta * theta * (memory.ss[at] - ss[at]);
      sum[i] += yy[at] * c[j];
      sum[j] += stepAndChange * c[size + i];
      sum[size + i] += stepAndChange * c[j] + steps * c[size + j];
    }
  }
}
