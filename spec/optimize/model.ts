import fc from 'fast-check';
import { emptyMemory, remember, type LimitedMemory } from '../../src/optimize/limited-memory';
import { evenly } from '../helpers/arbitraries';

/** A point in a box, a gradient, and a memory with the dense matrix that it stands for. */
export interface Model {
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly x: Float64Array;
  readonly gradient: Float64Array;
  readonly memory: LimitedMemory;
  /** B by the recursion of BFGS from θI, over the pairs that are kept. */
  readonly dense: number[][];
}

const entries = evenly(-1, 1);
const vector = (n: number) => fc.array(entries, { minLength: n, maxLength: n });

/** Models of up to 6 variables, with steps over a strictly convex quadratic; more of them than are kept. */
export const models: fc.Arbitrary<Model> = fc
  .record({ n: fc.integer({ min: 1, max: 6 }), capacity: fc.integer({ min: 1, max: 4 }) })
  .chain(({ n, capacity }) =>
    fc.record({
      capacity: fc.constant(capacity),
      x: vector(n),
      gradient: vector(n),
      room: fc.array(fc.constantFrom(0, 0.05, 0.3, 1, 5, Infinity), { minLength: 2 * n, maxLength: 2 * n }),
      steps: fc.array(vector(n), { maxLength: 6 }),
      diagonal: fc.array(evenly(0.05, 4), { minLength: n, maxLength: n }),
      coupling: vector(n),
    }),
  )
  .map(({ capacity, x, gradient, room, steps, diagonal, coupling }) => {
    const memory = emptyMemory(x.length, capacity);
    const pairs: [number[], number[]][] = [];
    steps.forEach((step, k) => {
      // Of a length that differs from step to step, and never 0.
      const s = step.map((value, i) => (1 + k) * (value + (i === 0 ? 1.5 : 0)));
      // The Hessian is diagonal but for a matrix of rank one.
      const y = s.map((value, i) => diagonal[i] * value + 4 * coupling[i] * inner(coupling, s));
      const before = Float64Array.from(y, (value) => 0.5 * value);
      const after = Float64Array.from(y, (value) => 1.5 * value);
      const direction = Float64Array.from(s, (value) => value / 2);
      if (!remember(memory, { direction, length: 2, before, after, curvature: inner(s, y) })) {
        throw new Error('The memory is indefinite.');
      }
      pairs.push([s, y]);
    });
    return {
      lower: Float64Array.from(x, (value, i) => value - room[2 * i]),
      upper: Float64Array.from(x, (value, i) => value + room[2 * i + 1]),
      x: Float64Array.from(x),
      gradient: Float64Array.from(gradient),
      memory,
      dense: bfgs(x.length, pairs.slice(-capacity)),
    };
  });

function bfgs(n: number, pairs: readonly [number[], number[]][]): number[][] {
  const last = pairs[pairs.length - 1];
  const theta = last ? inner(last[1], last[1]) / inner(...last) : 1;
  let b = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? theta : 0)));
  for (const [s, y] of pairs) {
    const bs = times(b, s);
    b = b.map((row, i) =>
      row.map((value, j) => value - (bs[i] * bs[j]) / inner(s, bs) + (y[i] * y[j]) / inner(s, y)),
    );
  }
  return b;
}

export function times(matrix: readonly number[][], v: ArrayLike<number>): number[] {
  return matrix.map((row) => inner(row, v));
}

export function inner(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i] * other[i];
  return sum;
}
