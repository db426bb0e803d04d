import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inThisThread } from '../../src/compute/compute';
import type { Engine } from '../../src/engine/engine';
import { computeSharpnessCurve, evenAlphas, rise } from '../../src/landscape/curve';
import { normalizeDirection, randomDirection, type Normalization } from '../../src/landscape/directions';
import { SIMPLE_VGG } from '../../src/model/networks';
import { encodeSafetensors } from '../../src/model/safetensors';
import { tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { sha256 } from '../../src/support/sha256';
import { evaluate } from '../../src/training/evaluate';
import { trainRegime, type TrainingConfig } from '../../src/training/train';
import { specEngine } from '../helpers/engine';
import { sampleImages } from '../helpers/fixtures';

const images = sampleImages();
const ALPHAS = [-1, 0, 0.5];
/** Millions of draws: made once. */
const NOISE = [3, 4].map((seed) => randomDirection(SIMPLE_VGG, seed));

describe('the loss curve', () => {
  let engine: Engine;
  let weights: Weights;
  beforeAll(async () => {
    engine = await specEngine();
    // A little training makes running statistics and batch norm's parameters differ from their start.
    const config: TrainingConfig = {
      batchSize: 16,
      epochs: 2,
      learningRate: 0.01,
      schedule: 'cosine',
      optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
      augment: false,
      testEvery: 2,
    };
    ({ weights } = await trainRegime(engine, SIMPLE_VGG, { train: images, test: images }, config, 1));
  });

  const curve = async (
    of: Weights,
    normalization: Normalization,
    alphas: readonly number[] = ALPHAS,
    noise = NOISE[0],
    sign = 1,
  ) => {
    const direction = normalizeDirection(SIMPLE_VGG, noise, of, normalization);
    const signed = mapTensors(direction, (value) => sign * value);
    const { points } = await computeSharpnessCurve(
      inThisThread(engine),
      SIMPLE_VGG,
      images,
      of,
      signed,
      alphas,
    );
    return points.map(({ loss }) => loss);
  };

  test('at α = 0 is the evaluated loss, to the last bit', async () => {
    const { loss } = await evaluate(engine, SIMPLE_VGG, weights, images);
    expect((await curve(weights, 'filter'))[1]).toBe(loss);
  });

  test('is the same for (α, d) and (−α, −d), to the last bit', async () => {
    const there = await curve(weights, 'filter');
    const back = await curve(
      weights,
      'filter',
      ALPHAS.map((alpha) => -alpha),
      NOISE[0],
      -1,
    );
    expect(back).toEqual(there);
    expect(await curve(weights, 'filter', ALPHAS, NOISE[1])).not.toEqual(there);
  });

  test('leaves the weights bit for bit as they were, also when evaluation throws', async () => {
    const bits = () => sha256(encodeSafetensors(weights));
    const before = bits();
    await curve(weights, 'reference');
    expect(bits()).toBe(before);
    const broken = {
      ...engine,
      kernels: {
        ...engine.kernels,
        relu: () => {
          throw new Error('no ReLU today');
        },
      },
    };
    const direction = normalizeDirection(SIMPLE_VGG, NOISE[0], weights, 'filter');
    await expect(
      computeSharpnessCurve(inThisThread(broken), SIMPLE_VGG, images, weights, direction, ALPHAS),
    ).rejects.toThrow('no ReLU today');
    expect(bits()).toBe(before);
  });

  test('reuses an evaluation of θ that it is given', async () => {
    const known = { loss: 123, accuracy: 1, lossStandardError: 0 };
    const { points } = await computeSharpnessCurve(
      inThisThread(engine),
      SIMPLE_VGG,
      images,
      weights,
      NOISE[0],
      [0],
      {
        known,
      },
    );
    expect(points).toEqual([known]);
  });

  describe('with filter normalization does not depend on the scale of a layer (Dinh et al. 2017)', () => {
    // Only ε in batch norm tells the scaled network from the original.
    test('when a convolution and its running statistics are scaled', async () => {
      const original = await curve(weights, 'filter');
      for (const factor of [0.5, 2]) {
        const scaled = await curve(scaledConv(weights, 'features.4', 'features.5', factor), 'filter');
        scaled.forEach((loss, i) => expect(Math.abs(loss / original[i] - 1)).toBeLessThan(1e-3));
      }
    });

    test('when one linear layer is multiplied and the next divided', async () => {
      const original = await curve(weights, 'filter');
      for (const factor of [0.5, 16]) {
        const scaled = await curve(scaledLinear(weights, factor), 'filter');
        scaled.forEach((loss, i) => expect(Math.abs(loss / original[i] - 1)).toBeLessThan(1e-5));
      }
    });

    test('while the unnormalised curve does', async () => {
      const original = await curve(weights, 'none');
      for (const other of [scaledConv(weights, 'features.4', 'features.5', 2), scaledLinear(weights, 16)]) {
        const scaled = await curve(other, 'none');
        expect(Math.abs(scaled[1] / original[1] - 1)).toBeLessThan(1e-3);
        expect(Math.abs(scaled[0] / original[0] - 1)).toBeGreaterThan(1e-2);
      }
    });
  });
});

describe('a rise', () => {
  test('is the mean over the alphas of the loss less that at 0', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 3, maxLength: 25 }),
        fc.double({ min: -5, max: 5, noNaN: true }),
        (losses, shift) => {
          const alphas = losses.map((_, i) => i - 1);
          const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
          expect(rise(alphas, losses)).toBeCloseTo(mean - losses[1], 8);
          expect(
            rise(
              alphas,
              losses.map((loss) => loss + shift),
            ),
          ).toBeCloseTo(mean - losses[1], 8);
        },
      ),
    );
  });

  test('of a parabola kα² over a symmetric grid is k times the mean of α²', () => {
    const alphas = evenAlphas(11);
    const meanSquare = alphas.reduce((sum, alpha) => sum + alpha ** 2, 0) / 11;
    expect(
      rise(
        alphas,
        alphas.map((alpha) => 0.3 + 2 * alpha ** 2),
      ),
    ).toBeCloseTo(2 * meanSquare, 12);
  });

  test('does not exist where the alphas lack 0', () => {
    expect(rise([-1, 1], [1, 2])).toBeNaN();
  });

  test('even alphas run from −1 to 1 and hold 0 when their count is odd', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), (half) => {
        const alphas = evenAlphas(2 * half + 1);
        expect(alphas.length).toBe(2 * half + 1);
        expect([alphas[0], alphas[half], alphas.at(-1)]).toEqual([-1, 0, 1]);
        alphas.slice(1).forEach((alpha, i) => expect(alpha - alphas[i]).toBeCloseTo(1 / half, 12));
      }),
    );
  });
});

function mapTensors(weights: Weights, change: (value: number) => number): Weights {
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.map(change) }]));
}

function withTensors(weights: Weights, changes: Readonly<Record<string, number>>): Weights {
  const changed = new Map<string, HostTensor>(weights);
  for (const [name, factor] of Object.entries(changes)) {
    const { shape, data } = tensorNamed(weights, name);
    changed.set(name, { shape, data: data.map((value) => value * factor) });
  }
  return changed;
}

function scaledConv(weights: Weights, conv: string, batchNorm: string, c: number): Weights {
  return withTensors(weights, {
    [`${conv}.weight`]: c,
    [`${conv}.bias`]: c,
    [`${batchNorm}.running_mean`]: c,
    [`${batchNorm}.running_var`]: c * c,
  });
}

function scaledLinear(weights: Weights, c: number): Weights {
  return withTensors(weights, {
    'classifier.0.weight': c,
    'classifier.0.bias': c,
    'classifier.3.weight': 1 / c,
  });
}
