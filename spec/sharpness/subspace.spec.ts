import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { randomStream } from '../../src/support/random';
import { fullSpace, randomSubspace, subspaceOf, type Subspace } from '../../src/sharpness/subspace';
import { seeds } from '../helpers/arbitraries';

/** More parameters than dimensions, and a seed. */
const cases = fc
  .record({
    dimension: fc.integer({ min: 1, max: 6 }),
    more: fc.integer({ min: 10, max: 40 }),
    seed: seeds,
    orthonormal: fc.boolean(),
  })
  .map(({ dimension, more, seed, orthonormal }) => ({
    size: dimension + more,
    dimension,
    seed,
    orthonormal,
    subspace: randomSubspace(dimension + more, dimension, randomStream(seed), { orthonormal }),
  }));

const normals = (count: number, seed: number) => {
  const random = randomStream(seed, 'vector');
  return Float64Array.from({ length: count }, () => random.normal());
};
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const applied = (subspace: Subspace, size: number, z: Float64Array) => {
  const out = new Float64Array(size);
  subspace.apply(z, out);
  return out;
};
const transposed = (subspace: Subspace, g: Float64Array) => {
  const out = new Float64Array(subspace.dimension);
  subspace.transpose(g, out);
  return out;
};

describe('a random subspace', () => {
  test('maps as its matrix does, and back as the transposed one, to the last bit', () => {
    fc.assert(
      fc.property(cases, ({ size, dimension, seed }) => {
        const entries = Float32Array.from(normals(size * dimension, seed));
        const subspace = subspaceOf(entries.slice(), dimension);
        const [z, g] = [normals(dimension, seed + 1), normals(size, seed + 2)];
        const rows = Array.from({ length: size }, (_, i) =>
          entries.slice(i * dimension, (i + 1) * dimension),
        );
        const there = rows.map((row) => row.reduce((sum, value, j) => sum + value * z[j], 0));
        const back = Array.from(z, (_, j) => rows.reduce((sum, row, i) => sum + row[j] * g[i], 0));
        expect([...applied(subspace, size, z)]).toEqual(there);
        expect([...transposed(subspace, g)]).toEqual(back);
      }),
    );
  });

  test('maps back by the transpose of what it maps by', () => {
    fc.assert(
      fc.property(cases, ({ size, dimension, seed, subspace }) => {
        const [z, g] = [normals(dimension, seed), normals(size, seed + 1)];
        const [there, back] = [dot(applied(subspace, size, z), g), dot(z, transposed(subspace, g))];
        expect(Math.abs(there - back)).toBeLessThan(1e-9 * (1 + Math.abs(there)));
      }),
    );
  });

  test('has coordinates by which what is left of x is orthogonal to it (least squares)', () => {
    fc.assert(
      fc.property(cases, ({ size, seed, subspace }) => {
        const x = normals(size, seed);
        const projection = applied(subspace, size, subspace.coordinates(x));
        const rest = x.map((value, i) => value - projection[i]);
        for (const value of transposed(subspace, rest)) expect(Math.abs(value)).toBeLessThan(1e-7);
      }),
    );
  });

  test('gives back the coordinates of a point that lies in it', () => {
    fc.assert(
      fc.property(cases, ({ size, dimension, seed, subspace }) => {
        const z = normals(dimension, seed);
        subspace
          .coordinates(applied(subspace, size, z))
          .forEach((value, j) => expect(Math.abs(value - z[j])).toBeLessThan(1e-6));
      }),
    );
  });

  test('with orthonormal columns keeps lengths, and spans what its matrix spans', () => {
    fc.assert(
      fc.property(cases, ({ size, dimension, seed }) => {
        const [plain, orthonormal] = [false, true].map((choice) =>
          randomSubspace(size, dimension, randomStream(seed), { orthonormal: choice }),
        );
        const z = normals(dimension, seed);
        const there = applied(orthonormal, size, z);
        // Its entries are float32.
        expect(Math.abs(Math.sqrt(dot(there, there) / dot(z, z)) - 1)).toBeLessThan(1e-5);
        const again = applied(plain, size, plain.coordinates(there));
        there.forEach((value, i) => expect(Math.abs(value - again[i])).toBeLessThan(1e-5));
      }),
    );
  });

  test('has entries of mean 0 and variance 1, the same under one seed', () => {
    const [size, dimension] = [2000, 20];
    const [one, same, other] = [3, 3, 4].map((seed) => randomSubspace(size, dimension, randomStream(seed)));
    const entries = Array.from({ length: dimension }, (_, j) => {
      const unit = new Float64Array(dimension);
      unit[j] = 1;
      return [...applied(one, size, unit)];
    }).flat();
    const mean = entries.reduce((sum, value) => sum + value, 0) / entries.length;
    const variance = entries.reduce((sum, value) => sum + (value - mean) ** 2, 0) / entries.length;
    // Four standard errors of 40,000 normal numbers.
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.0283);
    const z = normals(dimension, 1);
    expect(applied(same, size, z)).toEqual(applied(one, size, z));
    expect(applied(other, size, z)).not.toEqual(applied(one, size, z));
  });

  test('that is as large as the space is the space', () => {
    // [[2, 0], [1, 1]]
    const subspace = subspaceOf(Float32Array.from([2, 0, 1, 1]), 2);
    expect([...applied(subspace, 2, Float64Array.from([1, 3]))]).toEqual([2, 4]);
    expect([...transposed(subspace, Float64Array.from([1, 3]))]).toEqual([5, 3]);
    const [a, b] = subspace.coordinates(Float64Array.from([2, 4]));
    expect(a).toBeCloseTo(1, 10);
    expect(b).toBeCloseTo(3, 10);
  });
});

test('the full space is its own coordinates', () => {
  const space = fullSpace(3);
  const x = Float64Array.from([1, -2, 3]);
  expect([...applied(space, 3, x)]).toEqual([1, -2, 3]);
  expect([...transposed(space, x)]).toEqual([1, -2, 3]);
  expect([...space.coordinates(x)]).toEqual([1, -2, 3]);
});
