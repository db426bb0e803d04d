import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  perturbed,
  NORMALIZATIONS,
  normalizeDirection,
  randomDirection,
} from '../../src/landscape/directions';
import { initialWeights, isFilterWeight, isTrainable, tensorSpecs } from '../../src/model/architecture';
import { tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { seeds, TINY_VGG } from '../helpers/arbitraries';

const specs = tensorSpecs(TINY_VGG);
const weightsOf = (seed: number) => initialWeights(TINY_VGG, randomStream(seed, 'weights'));
const directionOf = (weights: Weights, seed: number, normalization: (typeof NORMALIZATIONS)[number]) =>
  normalizeDirection(TINY_VGG, randomDirection(TINY_VGG, seed), weights, normalization);

function norm(values: Float32Array): number {
  return Math.hypot(...values);
}

/** The filters of a convolution, or the neurons of a linear layer. */
function rows({ shape, data }: HostTensor): Float32Array[] {
  const size = data.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

function times(weights: Weights, name: string, factor: number): Weights {
  const { shape, data } = tensorNamed(weights, name);
  return new Map(weights).set(name, { shape, data: data.map((value) => value * factor) });
}

describe('filter normalization', () => {
  test("gives each filter and each neuron the norm of the weights' own", () => {
    fc.assert(
      fc.property(seeds, seeds, (weightSeed, seed) => {
        const weights = weightsOf(weightSeed);
        const direction = directionOf(weights, seed, 'filter');
        for (const { name } of specs.filter(isFilterWeight)) {
          const own = rows(tensorNamed(weights, name));
          rows(tensorNamed(direction, name)).forEach((row, i) => {
            expect(Math.abs(norm(row) / norm(own[i]) - 1)).toBeLessThan(1e-5);
          });
        }
      }),
      { numRuns: 20 },
    );
  });

  test('leaves biases and batch norm untouched', () => {
    const direction = directionOf(weightsOf(1), 2, 'filter');
    expect([...direction.keys()]).toEqual(specs.filter(isFilterWeight).map(({ name }) => name));
  });

  test('gives a filter of zeros a direction of zeros', () => {
    const weights = weightsOf(1);
    const conv = tensorNamed(weights, 'features.4.weight');
    const dead = new Float32Array(conv.data);
    const size = dead.length / conv.shape[0];
    dead.fill(0, size, 2 * size);
    const direction = directionOf(
      new Map(weights).set('features.4.weight', { ...conv, data: dead }),
      3,
      'filter',
    );
    const [first, second] = rows(tensorNamed(direction, 'features.4.weight'));
    expect(norm(first)).toBeGreaterThan(0);
    expect(second.every((value) => value === 0)).toBe(true);
  });

  test('leaves noise of zeros at zero', () => {
    const zeros: Weights = new Map(
      [...randomDirection(TINY_VGG, 1)].map(([name, { shape, data }]) => [
        name,
        { shape, data: new Float32Array(data.length) },
      ]),
    );
    for (const { data } of normalizeDirection(TINY_VGG, zeros, weightsOf(1), 'filter').values()) {
      expect(data.every((value) => value === 0)).toBe(true);
    }
  });

  test('scales with the weights and not with the noise', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 100, noNaN: true }), seeds, (factor, seed) => {
        const weights = weightsOf(1);
        const noise = randomDirection(TINY_VGG, seed);
        const name = 'classifier.0.weight';
        const at = (w: Weights, d: Weights) =>
          tensorNamed(normalizeDirection(TINY_VGG, d, w, 'filter'), name).data;
        const plain = at(weights, noise);
        at(times(weights, name, factor), noise).forEach((value, i) => {
          if (Math.abs(value - factor * plain[i]) > 1e-5 * Math.abs(factor * plain[i]))
            throw new Error(`${i}`);
        });
        at(weights, times(noise, name, factor)).forEach((value, i) => {
          if (Math.abs(value - plain[i]) > 1e-5 * Math.abs(plain[i])) throw new Error(`${i}`);
        });
      }),
      { numRuns: 20 },
    );
  });

  test('keeps the direction of the noise within each filter', () => {
    const noise = tensorNamed(randomDirection(TINY_VGG, 5), 'features.0.weight');
    const scaled = tensorNamed(directionOf(weightsOf(1), 5, 'filter'), 'features.0.weight');
    rows(noise).forEach((row, i) => {
      const other = rows(scaled)[i];
      const cosine = row.reduce((sum, value, k) => sum + value * other[k], 0) / norm(row) / norm(other);
      expect(cosine).toBeCloseTo(1, 5);
    });
  });
});

describe('the other normalizations', () => {
  const weights = weightsOf(1);

  test('layer gives each weight tensor as a whole the norm of the weights, biases and batch norm untouched', () => {
    const direction = directionOf(weights, 2, 'layer');
    expect([...direction.keys()]).toEqual(specs.filter(isFilterWeight).map(({ name }) => name));
    for (const [name, { data }] of direction) {
      expect(norm(data) / norm(tensorNamed(weights, name).data)).toBeCloseTo(1, 5);
    }
    const [row] = rows(tensorNamed(direction, 'classifier.0.weight'));
    const [own] = rows(tensorNamed(weights, 'classifier.0.weight'));
    expect(Math.abs(norm(row) / norm(own) - 1)).toBeGreaterThan(1e-3);
  });

  test('reference works per filter on convolutions and on every other trainable tensor as a whole', () => {
    const direction = directionOf(weights, 2, 'reference');
    expect([...direction.keys()]).toEqual(specs.filter(isTrainable).map(({ name }) => name));
    for (const { name, role } of specs.filter(isTrainable)) {
      const [ours, own] = [tensorNamed(direction, name), tensorNamed(weights, name)];
      if (role === 'conv.weight') {
        rows(ours).forEach((row, i) => expect(norm(row) / norm(rows(own)[i])).toBeCloseTo(1, 5));
      } else if (norm(own.data) === 0) expect(norm(ours.data)).toBe(0);
      else expect(norm(ours.data) / norm(own.data)).toBeCloseTo(1, 5);
    }
  });

  test('none gives weights the standard deviation 1/√(3 · fan_in), whatever they are', () => {
    const direction = directionOf(weights, 2, 'none');
    expect([...direction.keys()]).toEqual(specs.filter(isFilterWeight).map(({ name }) => name));
    expect(direction).toEqual(directionOf(times(weights, 'classifier.0.weight', 7), 2, 'none'));
    const { data } = tensorNamed(direction, 'classifier.0.weight');
    const deviation = norm(data) / Math.sqrt(data.length);
    // Four standard errors of a standard deviation.
    const expected = 1 / Math.sqrt(3 * 384);
    expect(Math.abs(deviation - expected)).toBeLessThan((4 * expected) / Math.sqrt(2 * data.length));
  });

  test('a tensor that the direction lacks stays out of it', () => {
    const noise = new Map([...randomDirection(TINY_VGG, 1)].slice(0, 1));
    for (const normalization of NORMALIZATIONS) {
      expect([...normalizeDirection(TINY_VGG, noise, weights, normalization).keys()]).toEqual([
        'features.0.weight',
      ]);
    }
  });
});

describe('random directions', () => {
  test('are decided by their seed, and differ from seed to seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const first = randomDirection(TINY_VGG, seed);
        expect(randomDirection(TINY_VGG, seed)).toEqual(first);
        expect(randomDirection(TINY_VGG, seed + 1)).not.toEqual(first);
      }),
      { numRuns: 10 },
    );
  });

  test('are the same noise for every minimizer', () => {
    const [a, b] = [weightsOf(1), weightsOf(2)].map((weights) =>
      tensorNamed(directionOf(weights, 9, 'filter'), 'features.0.weight'),
    );
    rows(a).forEach((row, i) => {
      const other = rows(b)[i];
      const cosine = row.reduce((sum, value, k) => sum + value * other[k], 0) / norm(row) / norm(other);
      expect(cosine).toBeCloseTo(1, 5);
    });
  });
});

describe('a perturbed network', () => {
  test('is θ + αd, and leaves θ and d as they were', () => {
    fc.assert(
      fc.property(fc.double({ min: -2, max: 2, noNaN: true }), (alpha) => {
        const weights = weightsOf(1);
        const direction = directionOf(weights, 2, 'filter');
        const [before, along] = [structuredClone(weights), structuredClone(direction)];
        const moved = perturbed(weights, direction, alpha);
        expect(weights).toEqual(before);
        expect(direction).toEqual(along);
        for (const { name } of specs) {
          const [w, d, m] = [
            tensorNamed(weights, name).data,
            direction.get(name)?.data,
            tensorNamed(moved, name).data,
          ];
          expect(m).toEqual(w.map((value, i) => value + alpha * (d?.[i] ?? 0)));
        }
      }),
      { numRuns: 20 },
    );
  });
});
