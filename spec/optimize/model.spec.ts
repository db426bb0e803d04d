import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findCauchyPoint } from '../../src/optimize/cauchy-point';
import { follow, noProducts } from '../../src/optimize/free-products';
import {
  addCombination,
  emptyMemory,
  forget,
  project,
  remember,
  slotOf,
  timesMiddle,
} from '../../src/optimize/limited-memory';
import { goToSubspaceMinimum } from '../../src/optimize/subspace-minimum';
import { evenly } from '../helpers/arbitraries';
import { inner, models, times, type Model } from './model';

function buffersFor({ x, memory }: Pick<Model, 'x' | 'memory'>) {
  const n = x.length;
  return {
    point: new Float64Array(n),
    bound: new Uint8Array(n),
    displacement: new Float64Array(2 * memory.capacity),
    onward: new Float64Array(2 * memory.capacity),
    direction: new Float64Array(n),
    times: new Float64Array(n),
    order: new Int32Array(n),
    backup: new Float64Array(n),
  };
}

function expectClose(one: ArrayLike<number>, other: ArrayLike<number>): void {
  expect(one).toHaveLength(other.length);
  for (let i = 0; i < one.length; i++) {
    expect(Math.abs(one[i] - other[i])).toBeLessThanOrEqual(1e-7 * (1 + Math.abs(other[i])));
  }
}

const pathAt = ({ x, gradient, lower, upper }: Model, t: number) =>
  Array.from(x, (value, i) => Math.min(Math.max(value - t * gradient[i], lower[i]), upper[i]));

function modelValue({ x, gradient, dense }: Model, point: ArrayLike<number>): number {
  const s = Array.from(x, (value, i) => point[i] - value);
  return inner(gradient, s) + inner(s, times(dense, s)) / 2;
}

/** The first local minimum along the path, from segment to segment by the dense matrix. */
function cauchyPointByHand(model: Model): number[] {
  const { x, gradient, lower, upper, dense } = model;
  const bends = Array.from(gradient, (g, i) =>
    g === 0 ? Infinity : ((g > 0 ? lower : upper)[i] - x[i]) / -g,
  );
  const ends = [...new Set(bends.filter((t) => t > 0))].sort((a, b) => a - b);
  let from = 0;
  for (const end of [...ends, Infinity]) {
    const at = pathAt(model, from);
    const d = Array.from(gradient, (g, i) => (bends[i] > from ? -g : 0));
    const s = at.map((value, i) => value - x[i]);
    const slope = inner(gradient, d) + inner(d, times(dense, s));
    if (slope >= 0) return at;
    const t = -slope / inner(d, times(dense, d));
    if (from + t <= end) return pathAt(model, from + t);
    from = end;
  }
  return pathAt(model, from);
}

describe('the limited memory', () => {
  test('stands for the matrix that BFGS makes of a multiple of the identity', () => {
    fc.assert(
      fc.property(models, ({ memory, dense, gradient }) => {
        const small = new Float64Array(2 * memory.size);
        const middle = new Float64Array(2 * memory.size);
        project(memory, gradient, small);
        timesMiddle(memory, small, middle);
        const product = gradient.map((value) => memory.theta * value);
        addCombination(memory, middle, -1, product);
        expectClose(product, times(dense, gradient));
      }),
    );
  });

  test('knows its inner products over the free variables, whichever these have been before', () => {
    const sets = fc.array(fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(models, sets, ({ memory, x }, everyBound) => {
        fc.pre(memory.size > 0);
        const products = noProducts(x.length, memory.capacity);
        const { capacity, s, y } = memory;
        const { size, head } = memory;
        let bound = new Uint8Array(x.length);
        // Pair by pair, as they come: the youngest is new, then the free variables change.
        for (let known = 1; known <= size; known++) {
          const partial = { ...memory, size: known, head };
          for (const isBound of everyBound) {
            bound = Uint8Array.from(x, (_, i) => (isBound[(i + known) % 6] ? 1 : 0));
            follow(products, partial, bound);
          }
        }
        const over = (one: Float64Array, other: Float64Array, which: number) =>
          one.reduce((sum, value, i) => sum + (bound[i] === which ? value * other[i] : 0), 0);
        for (let i = 0; i < size; i++) {
          for (let j = 0; j < size; j++) {
            const [a, b] = [slotOf(memory, i), slotOf(memory, j)];
            const at = a * capacity + b;
            const got = [products.yy[at], products.ss[at], products.sy[at]];
            expectClose(got, [over(y[a], y[b], 0), over(s[a], s[b], 1), over(s[a], y[b], i > j ? 1 : 0)]);
          }
        }
      }),
    );
  });
});

describe('a step', () => {
  test('whose curvature is not to be believed spoils the memory, which says so', () => {
    const memory = emptyMemory(1, 2);
    const ends = { before: Float64Array.of(0), after: Float64Array.of(1e160), direction: Float64Array.of(1) };
    expect(remember(memory, { ...ends, length: 1, curvature: 1 })).toBe(false);
    forget(memory);
    expect(remember(memory, { ...ends, after: Float64Array.of(2), length: 1, curvature: 2 })).toBe(true);
    expect(memory).toMatchObject({ size: 1, theta: 2 });
  });
});

describe('the Cauchy point', () => {
  test('is the first local minimum of the model along the projected gradient', () => {
    fc.assert(
      fc.property(models, (model) => {
        const buffers = buffersFor(model);
        findCauchyPoint(model, model.x, model.gradient, model.memory, buffers);
        expectClose(buffers.point, cauchyPointByHand(model));
      }),
      { numRuns: 500 },
    );
  });

  test('comes with what the memory says of the way to it, and with the variables that met a bound', () => {
    fc.assert(
      fc.property(models, (model) => {
        const { x, memory, lower, upper, gradient } = model;
        const { size } = memory;
        const buffers = buffersFor(model);
        findCauchyPoint(model, x, gradient, memory, buffers);
        const way = buffers.point.map((value, i) => value - x[i]);
        const expected = new Float64Array(2 * size);
        project(memory, way, expected);
        expectClose(buffers.displacement.subarray(0, 2 * size), expected);
        buffers.bound.forEach((isBound, i) => {
          if (isBound) expect([lower[i], upper[i]]).toContain(buffers.point[i]);
        });
      }),
    );
  });
});

describe('the search for the Cauchy point', () => {
  const search = (lower: number[], upper: number[], x: number[], gradient: number[]) => {
    const model = { x: Float64Array.from(x), memory: emptyMemory(x.length, 1) };
    const buffers = buffersFor(model);
    const box = { lower: Float64Array.from(lower), upper: Float64Array.from(upper) };
    findCauchyPoint(box, model.x, Float64Array.from(gradient), model.memory, buffers);
    return { point: [...buffers.point], bound: [...buffers.bound] };
  };

  test('keeps at its bound what is pushed against it or not at all, and lets go what is not', () => {
    const at = search(
      [0, 0, 0, -9, -9, -9, 3, -9],
      [9, 9, 9, 0, 0, 0, 3, 9],
      [0, 0, 0, 0, 0, 0, 3, 0],
      [1, 0, -1, 1, 0, -1, 1, 0],
    );
    expect(at.bound).toEqual([1, 1, 0, 0, 1, 1, 1, 0]);
    expect(at.point).toEqual([0, 0, 1, -1, 0, 0, 3, 0]);
  });

  test('stays finite where rounding has eaten up what is left of the curvature', () => {
    const entries = fc.tuple(evenly(0.1, 1), fc.constantFrom(1, 1e-9), fc.constantFrom(0.3, 0.77, Infinity));
    fc.assert(
      fc.property(fc.array(entries, { minLength: 2, maxLength: 6 }), (variables) => {
        const { point } = search(
          variables.map(() => -Infinity),
          variables.map(([size, unit, part]) => size * unit * part),
          variables.map(() => 0),
          variables.map(([size, unit]) => -size * unit),
        );
        point.forEach((value, i) => expect(value).toBeLessThan(1e9 * variables[i][0] * variables[i][1]));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the minimum over the free variables', () => {
  const solved = (model: Model) => {
    const { x, gradient, memory } = model;
    const buffers = buffersFor(model);
    const time = findCauchyPoint(model, x, gradient, memory, buffers);
    const cauchy = buffers.point.slice();
    const products = noProducts(x.length, memory.capacity);
    for (let known = 1; known <= memory.size; known++) {
      follow(products, { ...memory, size: known }, buffers.bound);
    }
    expect(goToSubspaceMinimum(model, x, gradient, memory, products, time, buffers)).toBe(true);
    return { ...buffers, cauchy };
  };

  test('is where the model is flat, unless a bound is in the way', () => {
    fc.assert(
      fc.property(models, (model) => {
        fc.pre(model.memory.size > 0);
        const { x, gradient, lower, upper, dense } = model;
        const { point, bound } = solved(model);
        const inside = point.every((value, i) => bound[i] === 1 || (value > lower[i] && value < upper[i]));
        fc.pre(inside);
        const slope = times(
          dense,
          point.map((value, i) => value - x[i]),
        );
        slope.forEach((value, i) => {
          if (bound[i] === 0) expect(Math.abs(value + gradient[i])).toBeLessThan(1e-7);
        });
      }),
    );
  });

  test('lies in the box and downhill, and leaves bound variables alone', () => {
    fc.assert(
      fc.property(models, (model) => {
        fc.pre(model.memory.size > 0);
        const { x, gradient, lower, upper } = model;
        const { point, bound, cauchy } = solved(model);
        point.forEach((value, i) => {
          expect(value >= lower[i] && value <= upper[i]).toBe(true);
          if (bound[i] === 1) expect(value).toBe(cauchy[i]);
        });
        expect(
          inner(
            gradient,
            point.map((value, i) => value - x[i]),
          ),
        ).toBeLessThanOrEqual(1e-12);
      }),
      { numRuns: 500 },
    );
  });

  test('is cut short at the first bound where the nearest point of the box would be uphill', () => {
    let cut = 0;
    fc.assert(
      fc.property(models, (model) => {
        fc.pre(model.memory.size > 0);
        const { x, gradient, lower, upper } = model;
        const { point, direction, cauchy } = solved(model);
        const nearest = cauchy.map((value, i) =>
          Math.min(Math.max(value + direction[i], lower[i]), upper[i]),
        );
        const uphill = inner(
          gradient,
          nearest.map((value, i) => value - x[i]),
        );
        if (uphill <= 0) {
          expectClose(point, nearest);
          return;
        }
        cut++;
        const parts = Array.from(direction, (d, i) => ((d < 0 ? lower : upper)[i] - cauchy[i]) / d);
        const part = Math.min(1, ...parts.filter((value) => value >= 0));
        expectClose(
          point,
          cauchy.map((value, i) => value + part * direction[i]),
        );
        // The bound itself is met to the last bit.
        const meets = point.some((value, i) => direction[i] !== 0 && [lower[i], upper[i]].includes(value));
        expect(meets).toBe(true);
        expect(modelValue(model, point)).toBeLessThanOrEqual(modelValue(model, cauchy) + 1e-9);
      }),
      { numRuns: 3000, seed: 1 },
    );
    expect(cut).toBeGreaterThan(0);
  });

  test.each<'yy' | 'ss'>(['yy', 'ss'])(
    'is not looked for where rounding has spoilt the products %s',
    (which) => {
      fc.assert(
        fc.property(models, (model) => {
          fc.pre(model.memory.size > 0);
          const { x, gradient, memory } = model;
          const buffers = buffersFor(model);
          const time = findCauchyPoint(model, x, gradient, memory, buffers);
          const cauchy = buffers.point.slice();
          const products = noProducts(x.length, memory.capacity);
          follow(products, memory, buffers.bound);
          products[which].fill(-1e9);
          expect(goToSubspaceMinimum(model, x, gradient, memory, products, time, buffers)).toBe(false);
          expect(buffers.point).toEqual(cauchy);
        }),
      );
    },
  );
});
