import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { initialWeights, tensorSpecs } from '../../src/model/architecture';
import { layouts } from '../../src/model/layout';
import { tensorNamed } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { seeds, TINY_VGG } from '../helpers/arbitraries';

const layoutOf = layouts(TINY_VGG);

describe("the engine's layout", () => {
  test('goes there and back without a change', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const weights = initialWeights(TINY_VGG, randomStream(seed));
        for (const { name } of tensorSpecs(TINY_VGG)) {
          const layout = layoutOf.get(name)!;
          expect(layout.fromEngine(layout.toEngine(tensorNamed(weights, name)))).toEqual(
            tensorNamed(weights, name),
          );
        }
      }),
      { numRuns: 10 },
    );
  });

  test('of a convolution puts element [o, i, y, x] at [y, x, i, o]', () => {
    const [O, I] = [6, 4];
    const layout = layoutOf.get('features.4.weight')!;
    const data = Float32Array.from({ length: O * I * 9 }, (_, i) => i);
    const engine = layout.toEngine({ shape: [O, I, 3, 3], data });
    expect(layout.engineShape).toEqual([3, 3, I, O]);
    for (const [o, i, y, x] of [
      [0, 0, 0, 0],
      [5, 3, 2, 1],
      [2, 1, 0, 2],
    ]) {
      expect(engine[((y * 3 + x) * I + i) * O + o]).toBe(data[((o * I + i) * 3 + y) * 3 + x]);
    }
  });

  test('of the linear layer behind the flatten reorders [channel, row, column] to [row, column, channel]', () => {
    const layout = layoutOf.get('classifier.0.weight')!;
    const data = Float32Array.from({ length: 12 * 384 }, (_, i) => i);
    const engine = layout.toEngine({ shape: [12, 384], data });
    for (const [out, c, y, x] of [
      [0, 0, 0, 0],
      [11, 5, 7, 7],
      [3, 2, 4, 1],
    ]) {
      expect(engine[out * 384 + (y * 8 + x) * 6 + c]).toBe(data[out * 384 + (c * 8 + y) * 8 + x]);
    }
  });

  test('of every other tensor is unchanged', () => {
    for (const name of ['classifier.3.weight', 'features.0.bias', 'features.1.running_var']) {
      const data = Float32Array.of(1, 2, 3);
      expect(layoutOf.get(name)!.toEngine({ shape: [3], data })).toBe(data);
    }
  });
});
