import { choleskyInPlace, solveLower, solveLowerTransposed } from './small-matrix';

/**
 * What the last few steps say of the curvature: B = θI − W M Wᵀ with W = [Y, θS] and
 * M⁻¹ = [−D, Lᵀ; L, θSᵀS], where D is the diagonal of SᵀY and L what lies below it (Byrd, Nocedal & Schnabel
 * 1994, equation 3.5). B is never formed.
 *
 * A pair is named by its age, 0 for the oldest; small matrices are kept by slot, so that nothing moves when the
 * oldest pair gives way.
 */
export interface LimitedMemory {
  /** Most pairs that are kept. */
  readonly capacity: number;
  /** Pairs that are kept now. */
  size: number;
  /** The slot of the oldest pair. */
  head: number;
  /** B without any pair is θI. */
  theta: number;
  /** Steps and changes of the gradient, [n] each, in a ring of `capacity` slots. */
  readonly s: readonly Float64Array[];
  readonly y: readonly Float64Array[];
  /** Sᵀ S, and Sᵀ Y where the step is not older than the change; [capacity, capacity] by slots. */
  readonly ss: Float64Array;
  readonly sy: Float64Array;
  /** Lower Cholesky factor of θSᵀS + L D⁻¹ Lᵀ, [capacity, capacity] by ages. */
  readonly factor: Float64Array;
}

/** A memory that holds nothing, so that B is the identity. */
export function emptyMemory(n: number, capacity: number): LimitedMemory {
  const vectors = () => Array.from({ length: capacity }, () => new Float64Array(n));
  const matrix = () => new Float64Array(capacity * capacity);
  return {
    capacity,
    size: 0,
    head: 0,
    theta: 1,
    s: vectors(),
    y: vectors(),
    ss: matrix(),
    sy: matrix(),
    factor: matrix(),
  };
}

/** Drops all pairs. */
export function forget(memory: LimitedMemory): void {
  memory.size = 0;
  memory.head = 0;
  memory.theta = 1;
}

/** Where the pair of an age lies in the ring. */
export function slotOf(memory: LimitedMemory, age: number): number {
  const slot = memory.head + age;
  return slot < memory.capacity ? slot : slot - memory.capacity;
}

/** What is known of a step when it has been made. */
export interface Step {
  /** The direction, [n], and how many times it was gone. */
  readonly direction: Float64Array;
  readonly length: number;
  /** Gradients at both ends, [n] each. */
  readonly before: Float64Array;
  readonly after: Float64Array;
  /** sᵀy, which is positive. */
  readonly curvature: number;
}

/**
 * Takes in a step; the oldest one gives way where there is no room.
 *
 * @returns false where rounding has left B indefinite. The memory is of no use then until it is emptied.
 */
export function remember(memory: LimitedMemory, step: Step): boolean {
  const { capacity, ss, sy } = memory;
  if (memory.size === capacity) memory.head = (memory.head + 1) % capacity;
  else memory.size++;
  const newest = slotOf(memory, memory.size - 1);
  const s = memory.s[newest];
  const y = memory.y[newest];
  const { direction, length, before, after, curvature } = step;
  let squaredChange = 0;
  let squaredStep = 0;
  for (let i = 0; i < s.length; i++) {
    const change = after[i] - before[i];
    s[i] = length * direction[i];
    y[i] = change;
    squaredChange += change * change;
    squaredStep += s[i] * s[i];
  }
  for (let age = 0; age < memory.size - 1; age++) {
    const other = slotOf(memory, age);
    const [withChange, withStep] = dotBoth(memory.y[other], memory.s[other], s);
    sy[newest * capacity + other] = withChange;
    ss[newest * capacity + other] = ss[other * capacity + newest] = withStep;
  }
  sy[newest * capacity + newest] = curvature;
  ss[newest * capacity + newest] = squaredStep;
  memory.theta = squaredChange / curvature;
  return factorize(memory);
}

function factorize(memory: LimitedMemory): boolean {
  const { capacity, size, theta, ss, sy, factor } = memory;
  for (let i = 0; i < size; i++) {
    const row = slotOf(memory, i) * capacity;
    for (let j = 0; j <= i; j++) {
      const other = slotOf(memory, j) * capacity;
      let sum = theta * ss[row + slotOf(memory, j)];
      for (let k = 0; k < j; k++) {
        const slot = slotOf(memory, k);
        sum += (sy[row + slot] * sy[other + slot]) / sy[slot * capacity + slot];
      }
      factor[i * capacity + j] = sum;
    }
  }
  return choleskyInPlace(factor, size, capacity);
}

/** Wᵀv, written into `product`: Yᵀv, then θSᵀv, 2 · `size` numbers by age. */
export function project(memory: LimitedMemory, v: Float64Array, product: Float64Array): void {
  const { size, theta } = memory;
  for (let age = 0; age < size; age++) {
    const slot = slotOf(memory, age);
    const [withChange, withStep] = dotBoth(memory.y[slot], memory.s[slot], v);
    product[age] = withChange;
    product[size + age] = theta * withStep;
  }
}

/** Row i of W, written into `row`: 2 · `size` numbers by age. */
export function rowOf(memory: LimitedMemory, i: number, row: Float64Array): void {
  const { size, theta } = memory;
  for (let age = 0; age < size; age++) {
    const slot = slotOf(memory, age);
    row[age] = memory.y[slot][i];
    row[size + age] = theta * memory.s[slot][i];
  }
}

/** Adds scale · W c to v. */
export function addCombination(memory: LimitedMemory, c: Float64Array, scale: number, v: Float64Array): void {
  const { size, theta } = memory;
  for (let age = 0; age < size; age++) {
    const slot = slotOf(memory, age);
    const y = memory.y[slot];
    const s = memory.s[slot];
    const ofChange = scale * c[age];
    const ofStep = scale * theta * c[size + age];
    for (let i = 0; i < v.length; i++) v[i] += y[i] * ofChange + s[i] * ofStep;
  }
}

/** M v, written into `product`: 2 · `size` numbers each. */
export function timesMiddle(memory: LimitedMemory, v: Float64Array, product: Float64Array): void {
  // Eliminates the first block: the second is J Jᵀ p₂ = v₂ + L D⁻¹ v₁, and then p₁ = D⁻¹ (Lᵀ p₂ − v₁).
  const { capacity, size, sy, factor } = memory;
  for (let i = 0; i < size; i++) {
    const slot = slotOf(memory, i);
    product[i] = v[i] / sy[slot * capacity + slot];
  }
  for (let i = 0; i < size; i++) {
    const row = slotOf(memory, i) * capacity;
    let sum = v[size + i];
    for (let k = 0; k < i; k++) sum += sy[row + slotOf(memory, k)] * product[k];
    product[size + i] = sum;
  }
  solveLower(factor, size, capacity, product, size);
  solveLowerTransposed(factor, size, capacity, product, size);
  for (let i = 0; i < size; i++) {
    const slot = slotOf(memory, i);
    let sum = -v[i];
    for (let k = i + 1; k < size; k++) sum += sy[slotOf(memory, k) * capacity + slot] * product[size + k];
    product[i] = sum / sy[slot * capacity + slot];
  }
}

/** The inner products of two vectors with a third, which do not wait for each other. */
function dotBoth(one: Float64Array, other: Float64Array, third: Float64Array): [number, number] {
  let ofOne = 0;
  let ofOther = 0;
  for (let i = 0; i < third.length; i++) {
    ofOne += one[i] * third[i];
    ofOther += other[i] * third[i];
  }
  return [ofOne, ofOther];
}

/** The inner product of two vectors of one length. */
export function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return sum;
}
