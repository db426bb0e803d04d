import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isTrainable, tensorSpecs, type Architecture } from '../../src/model/architecture';
import {
  foldedArchitecture,
  foldedTangent,
  foldedWeights,
  unfoldedGradient,
  unfoldedGradientTangent,
} from '../../src/model/folding';
import { shallow } from '../../src/model/networks';
import { sizeOf, tensorNamed, weightedSum, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { seeds, TINY_VGG } from '../helpers/arbitraries';

/** One without batch norm behind its linear layers, one with. */
const architectures = [TINY_VGG, shallow('tiny C1', { width: 2, hidden: [4, 3], classes: 5 })];

/** Random tensors; variances between a half and one and a half. */
function randomTensors(architecture: Architecture, seed: number, purpose: string): Weights {
  const random = randomStream(seed, purpose);
  return new Map(
    tensorSpecs(architecture).map(({ name, shape }) => {
      const draw = name.endsWith('running_var') ? () => 0.5 + random.uniform() : random.normal;
      return [name, { shape, data: new Float32Array(sizeOf(shape)).map(draw) }];
    }),
  );
}

/** at + step · direction; what the direction does not move stays. */
function moved(architecture: Architecture, at: Weights, direction: Weights, step: number): Weights {
  const movable = new Set(
    tensorSpecs(architecture)
      .filter(isTrainable)
      .map(({ name }) => name),
  );
  return new Map(
    [...at].map(([name, { shape, data }]) => {
      const along = tensorNamed(direction, name).data;
      return [
        name,
        { shape, data: data.map((value, i) => (movable.has(name) ? value + step * along[i] : value)) },
      ];
    }),
  );
}

/** Close relative to the two ends of the difference: each is rounded to float32 before they are subtracted. */
function expectClose(ours: Weights, at: (step: number) => Weights): void {
  const [end, start] = [at(1), at(-1)];
  const theirs = weightedSum([end, start], [0.5, -0.5]);
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  for (const [name, { shape, data }] of theirs) {
    expect(tensorNamed(ours, name).shape).toEqual(shape);
    const size = norm(tensorNamed(end, name).data) + norm(tensorNamed(start, name).data);
    const error = norm(tensorNamed(ours, name).data.map((value, i) => value - data[i]));
    expect(error).toBeLessThan(1e-6 * size);
  }
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

// Folding and its chain rule are of second degree in what moves, and of such functions a central difference is the
// derivative whatever its step; with a step of 1 rounding is not magnified.

describe.each(architectures)('folding batch norm in $name', (architecture) => {
  test("the folded weights' tangent is the difference of folded weights", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const weights = randomTensors(architecture, seed, 'weights');
        const direction = randomTensors(architecture, seed, 'direction');
        expectClose(foldedTangent(architecture, weights, direction), (step) =>
          foldedWeights(architecture, moved(architecture, weights, direction, step)),
        );
      }),
      { numRuns: 10 },
    );
  });

  test("the unfolded gradient's tangent is the difference of unfolded gradients", () => {
    const folded = foldedArchitecture(architecture);
    fc.assert(
      fc.property(seeds, (seed) => {
        const weights = randomTensors(architecture, seed, 'weights');
        const direction = randomTensors(architecture, seed, 'direction');
        const gradient = randomTensors(folded, seed, 'gradient');
        const change = randomTensors(folded, seed, 'change');
        expectClose(unfoldedGradientTangent(architecture, weights, direction, gradient, change), (step) =>
          unfoldedGradient(
            architecture,
            moved(architecture, weights, direction, step),
            moved(folded, gradient, change, step),
          ),
        );
      }),
      { numRuns: 10 },
    );
  });

  test("the gradient by the network's own weights is the transpose of the folded weights' tangent", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const weights = randomTensors(architecture, seed, 'weights');
        const direction = randomTensors(architecture, seed, 'direction');
        const gradient = randomTensors(foldedArchitecture(architecture), seed, 'gradient');
        const [there, back] = [
          dot(gradient, foldedTangent(architecture, weights, direction)),
          dot(unfoldedGradient(architecture, weights, gradient), direction),
        ];
        expect(Math.abs(there.sum - back.sum)).toBeLessThan(1e-6 * there.size);
      }),
      { numRuns: 10 },
    );
  });
});

/** The product of two sets of tensors, and the sum of its terms' magnitudes. */
function dot(a: Weights, b: Weights): { sum: number; size: number } {
  let [sum, size] = [0, 0];
  for (const [name, { data }] of a) {
    const other = tensorNamed(b, name).data;
    data.forEach((value, i) => {
      sum += value * other[i];
      size += Math.abs(value * other[i]);
    });
  }
  return { sum, size };
}
