import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { firstImages, type Dataset } from '../../src/data/dataset';
import { sliceBatch } from '../../src/data/batches';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { Interrupted } from '../../src/support/errors';
import {
  isTrainable,
  parameterCount,
  tensorSpecs,
  type Architecture,
  type Layer,
} from '../../src/model/architecture';
import { formulaTensor, formulaWeights } from '../../src/model/formula';
import { shallow, simpleVgg } from '../../src/model/networks';
import { fromVector, toVector } from '../../src/model/vector';
import { tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { lossGradient } from '../../src/training/gradient';
import { hessianProduct } from '../../src/training/hessian';
import { seeds } from '../helpers/arbitraries';
import { describeEngines } from '../helpers/describe-engines';
import { sampleImages, sharpnessReference, softmaxRegression } from '../helpers/fixtures';

jest.setTimeout(300_000);

const reference = sharpnessReference();
const TINY = simpleVgg('tiny', reference.network.widths, reference.network.hidden);
const images = firstImages(sampleImages(), reference.images);

/** Overlapping pooling, batch norm behind linear layers, and a convolution without pooling. */
const TINY_C1: Architecture = {
  name: 'tiny C1',
  layers: shallow('tiny C1', { width: 3, hidden: [6, 5], classes: 10 }).layers.flatMap((layer): Layer[] =>
    layer.kind === 'flatten'
      ? [
          {
            kind: 'convBlock',
            conv: 'features.8',
            batchNorm: 'features.9',
            inputs: 3,
            outputs: 3,
            kernel: 3,
          },
          layer,
        ]
      : [layer],
  ),
};

const norm = (a: Float64Array) => Math.sqrt(dot(a, a));
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const distance = (a: Float64Array, b: Float64Array) => norm(a.map((value, i) => value - b[i])) / norm(b);

function normalVector(architecture: Architecture, seed: number, purpose: string): Float64Array {
  const random = randomStream(seed, purpose);
  return new Float64Array(parameterCount(architecture)).map(() => random.normal());
}

describeEngines('Hessian-vector products', (opened, engineName) => {
  let engine: Engine;
  beforeAll(() => {
    engine = opened();
  });
  /** A direction as a vector, to H · direction as one. */
  async function product(
    architecture: Architecture,
    weights: Weights,
    direction: Float64Array,
    dataset: Dataset = images,
    batchSize = dataset.count,
  ): Promise<Float64Array> {
    const along = fromVector(architecture, weights, direction);
    const result = await hessianProduct(engine, architecture, weights, dataset, along, { batchSize });
    return toVector(architecture, result.product);
  }
  // Where webgpu is tried on a CPU a pass takes a second.
  const there = engineName === 'webgpu' ? test.skip : test;
  const numRuns = 5;

  test("are PyTorch's by double backward", async () => {
    const weights = formulaWeights(TINY);
    const { salt, count } = reference.directions;
    expect(reference.fixed.hessianProducts).toHaveLength(count);
    for (let k = 0; k < count; k++) {
      const direction = new Map<string, HostTensor>();
      tensorSpecs(TINY).forEach((spec, tensor) => {
        if (isTrainable(spec)) direction.set(spec.name, formulaTensor(spec, tensor, salt + k, -1, 1));
      });
      const result = await hessianProduct(engine, TINY, weights, images, direction, {
        batchSize: images.count,
      });
      const ours = toVector(TINY, result.product);
      expect(Math.abs(result.loss / reference.fixed.loss - 1)).toBeLessThan(1e-6);
      expect(Math.abs(norm(toVector(TINY, result.gradient)) / reference.fixed.gradientNorm - 1)).toBeLessThan(
        1e-5,
      );
      expect(distance(ours, Float64Array.from(reference.fixed.hessianProducts[k]))).toBeLessThan(3e-6);
      const form = dot(toVector(TINY, direction), ours);
      expect(Math.abs(form / reference.fixed.quadraticForms[k] - 1)).toBeLessThan(1e-5);
    }
  });

  there('come with the loss and the gradient that a pass without them gives', async () => {
    for (const architecture of [TINY, TINY_C1]) {
      const weights = formulaWeights(architecture);
      const direction = fromVector(architecture, weights, normalVector(architecture, 1, 'direction'));
      const ours = await hessianProduct(engine, architecture, weights, images, direction, { batchSize: 7 });
      const theirs = await lossGradient(engine, architecture, weights, images, {
        statistics: 'fixed',
        batchSize: 7,
      });
      expect(Math.abs(ours.loss - theirs.loss)).toBeLessThan(1e-6);
      expect([...ours.gradient.keys()].sort()).toEqual([...theirs.gradient.keys()].sort());
      expect(
        distance(toVector(architecture, ours.gradient), toVector(architecture, theirs.gradient)),
      ).toBeLessThan(1e-5);
    }
  });

  describe.each([TINY, TINY_C1])('of $name', (architecture) => {
    const weights = formulaWeights(architecture);

    there('are those of a symmetric matrix', async () => {
      await fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const u = normalVector(architecture, seed, 'u');
          const v = normalVector(architecture, seed, 'v');
          const hv = await product(architecture, weights, v);
          const hu = await product(architecture, weights, u);
          expect(Math.abs(dot(u, hv) - dot(v, hu))).toBeLessThan(1e-5 * norm(u) * norm(hv));
          expect(norm(hv)).toBeGreaterThan(0.1);
        }),
        { numRuns },
      );
    });

    there('are linear in the direction', async () => {
      await fc.assert(
        fc.asyncProperty(seeds, async (seed) => {
          const u = normalVector(architecture, seed, 'u');
          const v = normalVector(architecture, seed, 'v');
          const hu = await product(architecture, weights, u);
          const hv = await product(architecture, weights, v);
          const together = await product(
            architecture,
            weights,
            u.map((value, i) => 3 * value - 0.5 * v[i]),
          );
          expect(
            distance(
              together,
              hu.map((value, i) => 3 * value - 0.5 * hv[i]),
            ),
          ).toBeLessThan(1e-5);
        }),
        { numRuns },
      );
    });

    there('are 0 along a direction of zeros', async () => {
      const zeros = await product(architecture, weights, new Float64Array(parameterCount(architecture)));
      expect(zeros.every((value) => value === 0)).toBe(true);
    });

    there('are means over all images, whatever the batch size', async () => {
      const v = normalVector(architecture, 1, 'v');
      const whole = await product(architecture, weights, v);
      expect(distance(await product(architecture, weights, v, images, 5), whole)).toBeLessThan(1e-5);
    });

    there('leave no tensors behind, also where they are interrupted', async () => {
      const direction = fromVector(architecture, weights, normalVector(architecture, 1, 'v'));
      const run = (signal?: AbortSignal) =>
        hessianProduct(engine, architecture, weights, images, direction, { batchSize: 5, signal });
      await run();
      const { numTensors } = tf.memory();
      await run();
      expect(tf.memory().numTensors).toBe(numTensors);
      const controller = new AbortController();
      controller.abort(new Interrupted('interrupted'));
      await expect(run(controller.signal)).rejects.toThrow(Interrupted);
      expect(tf.memory().numTensors).toBe(numTensors);
    });
  });

  there("of softmax regression are the closed form's", async () => {
    const architecture = softmaxRegression();
    const weights = formulaWeights(architecture);
    const v = normalVector(architecture, 1, 'v');
    const ours = await product(architecture, weights, v, images, 6);
    const theirs = softmaxProduct(await pixelsOf(engine, images), weights, v);
    expect(distance(ours, theirs)).toBeLessThan(1e-5);
  });

  there('are the difference of gradients where no kink is crossed', async () => {
    // Large shifts keep every ReLU open. Moving batch norm's scale and shift moves all pixels of a channel alike, which
    // leaves the winners of the pooling behind it as they are; behind the last pooling all may move.
    const weights = new Map(
      [...formulaWeights(TINY_C1)].map(([name, { shape, data }]): [string, HostTensor] => {
        const shift = /^(features\.[159]|classifier\.[15])\.bias$/.test(name) ? 8 : 0;
        return [name, { shape, data: data.map((value) => value + shift) }];
      }),
    );
    const random = randomStream(1, 'smooth direction');
    const direction = new Map(
      tensorSpecs(TINY_C1).map(({ name, shape, fanIn }) => {
        const moves = !/^features\.[014]\./.test(name);
        const size = moves ? 1 / Math.sqrt(fanIn) : 0;
        return [name, { shape, data: tensorNamed(weights, name).data.map(() => size * random.normal()) }];
      }),
    );
    const v = toVector(TINY_C1, direction);
    const at = toVector(TINY_C1, weights);
    const step = 1e-3;
    const gradientAt = async (factor: number) => {
      const there = fromVector(
        TINY_C1,
        weights,
        at.map((value, i) => value + factor * step * v[i]),
      );
      const { gradient } = await lossGradient(engine, TINY_C1, there, images, {
        statistics: 'fixed',
        batchSize: images.count,
      });
      return toVector(TINY_C1, gradient);
    };
    const [ahead, behind] = [await gradientAt(1), await gradientAt(-1)];
    const difference = ahead.map((value, i) => (value - behind[i]) / (2 * step));
    expect(distance(await product(TINY_C1, weights, v), difference)).toBeLessThan(1e-3);
  });
});

/** Standardized pixels of each image as PyTorch flattens them: channel by channel. */
async function pixelsOf(engine: Engine, dataset: Dataset): Promise<Float32Array[]> {
  const batch = standardize(engine, sliceBatch(dataset, 0, dataset.count));
  const planes = batch.transpose([0, 3, 1, 2]).reshape([dataset.count, -1]);
  const data = await planes.data<'float32'>();
  const size = data.length / dataset.count;
  tf.dispose([batch, planes]);
  return Array.from({ length: dataset.count }, (_, i) => data.slice(i * size, (i + 1) * size));
}

/**
 * One linear layer's Hessian times v in double precision: over images x with softmax p, the mean of
 * (diag p − p pᵀ) V x̃ x̃ᵀ, where x̃ is x followed by 1.
 */
function softmaxProduct(pixels: readonly Float32Array[], weights: Weights, v: Float64Array): Float64Array {
  const classes = 10;
  const size = pixels[0].length;
  const [weight, bias] = ['weight', 'bias'].map((kind) => tensorNamed(weights, `classifier.0.${kind}`).data);
  const product = new Float64Array(v.length);
  for (const x of pixels) {
    const logits: number[] = [];
    const along: number[] = [];
    for (let c = 0; c < classes; c++) {
      let [z, change] = [bias[c], v[classes * size + c]];
      for (let i = 0; i < size; i++) {
        z += weight[c * size + i] * x[i];
        change += v[c * size + i] * x[i];
      }
      logits.push(z);
      along.push(change);
    }
    const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
    const p = logits.map((z) => Math.exp(z) / total);
    const mean = p.reduce((sum, share, c) => sum + share * along[c], 0);
    for (let c = 0; c < classes; c++) {
      const pull = (p[c] * (along[c] - mean)) / pixels.length;
      for (let i = 0; i < size; i++) product[c * size + i] += pull * x[i];
      product[classes * size + c] += pull;
    }
  }
  return product;
}
