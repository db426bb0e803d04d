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

/**
 * Brings the products up to date. It has to be called at every iteration that has pairs: a
 * pair that it does not see while it is the youngest would be missing from then on.
 *
 * @param memory with at least one pair.
 * @param bound which variables are bound now, [n] of 0 and 1.
 */
export function follow(products: FreeProducts, memory: LimitedMemory, bound: Uint8Array): void {
  const slots = Array.from({ length: memory.size }, (_, age) => slotOf(memory, age));
  for (let i = 0; i < bound.length; i++) {
    if (bound[i] === products.bound[i]) continue;
    products.bound[i] = bound[i];
    move(products, memory, slots, i, bound[i] === 0 ? 1 : -1);
  }
  renewYoungest(products, memory, slots);
}

/** Moves variable i into F (`sign` 1) or out of it (−1). */
function move(
  { yy, ss, sy }: FreeProducts,
  { capacity, s, y }: LimitedMemory,
  slots: readonly number[],
  i: number,
  sign: number,
): void {
  for (let a = 0; a < slots.length; a++) {
    const row = slots[a] * capacity;
    const yi = sign * y[slots[a]][i];
    const si = sign * s[slots[a]][i];
    for (let b = 0; b < slots.length; b++) {
      const at = row + slots[b];
      const yj = y[slots[b]][i];
      yy[at] += yi * yj;
      ss[at] -= si * s[slots[b]][i];
      sy[at] += a <= b ? si * yj : -si * yj;
    }
  }
}

/** Sums up anew what the youngest pair has part in; as a rule it has come since the last call. */
function renewYoungest(
  { yy, ss, sy, bound }: FreeProducts,
  { capacity, s, y }: LimitedMemory,
  slots: readonly number[],
): void {
  const youngest = slots[slots.length - 1];
  const newS = s[youngest];
  const newY = y[youngest];
  for (const slot of slots) {
    const oldS = s[slot];
    const oldY = y[slot];
    let yyFree = 0;
    let syFree = 0;
    let ssBound = 0;
    let syBound = 0;
    for (let i = 0; i < bound.length; i++) {
      if (bound[i] === 0) {
        yyFree += newY[i] * oldY[i];
        syFree += oldS[i] * newY[i];
      } else {
        ssBound += newS[i] * oldS[i];
        syBound += newS[i] * oldY[i];
      }
    }
    yy[youngest * capacity + slot] = yy[slot * capacity + youngest] = yyFree;
    ss[youngest * capacity + slot] = ss[slot * capacity + youngest] = ssBound;
    sy[youngest * capacity + slot] = syBound;
    // Of a pair's own step and change it is the free part that counts, which stands here last.
    sy[slot * capacity + youngest] = syFree;
  }
}
