import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import fc from 'fast-check';
import type * as TfNode from '@tensorflow/tfjs-node-gpu';
import type { Engine, Kernels } from '../../src/engine/engine';
import { composedCrossEntropy } from '../../src/engine/tensorflow/cross-entropy';
import { relativeDistance } from '../../src/model/weights';
import { specEngine } from '../support/engine';

const TOLERANCE = 1e-5;
const EPSILON = 1e-5;

interface Shape {
  batch: number;
  side: number;
  inputs: number;
  outputs: number;
  seed: number;
}

/** [batch, side, side, in] and out channels; sides even, so that they can be pooled. */
const shapes: fc.Arbitrary<Shape> = fc.record({
  batch: fc.integer({ min: 1, max: 5 }),
  side: fc.integer({ min: 1, max: 5 }).map((half) => 2 * half),
  inputs: fc.integer({ min: 1, max: 20 }),
  outputs: fc.integer({ min: 1, max: 20 }),
  seed: fc.nat(10_000),
});

function close(ours: Tensor, theirs: Tensor, tolerance = TOLERANCE): void {
  expect(ours.shape).toEqual(theirs.shape);
  expect(relativeDistance(ours.dataSync<'float32'>(), theirs.dataSync<'float32'>())).toBeLessThanOrEqual(
    tolerance,
  );
}

describe("the engine's kernels against tfjs's own operations and gradients", () => {
  let engine: Engine;
  let kernels: Kernels;
  beforeAll(async () => {
    engine = await specEngine();
    kernels = engine.kernels;
  });

  const property = (check: (shape: Shape) => void, numRuns = 15) =>
    fc.assert(
      fc.property(shapes, (shape) => tf.tidy(() => check(shape))),
      { numRuns },
    );
  const normal = <T extends Tensor>(shape: number[], seed: number) =>
    tf.randomNormal(shape, 0, 1, 'float32', seed) as T;

  test('convolution and its two gradients', () => {
    property(({ batch, side, inputs, outputs, seed }) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const filter = normal<Tensor4D>([3, 3, inputs, outputs], seed + 1);
      const dy = normal<Tensor4D>([batch, side, side, outputs], seed + 2);
      const conv = (a: Tensor, b: Tensor) => tf.conv2d(a as Tensor4D, b as Tensor4D, 1, 'same');
      const [dx, dFilter] = tf.grads(conv)([x, filter], dy);
      close(kernels.conv2d(x, filter), conv(x, filter));
      close(kernels.conv2dInputGradient(dy, filter), dx);
      close(kernels.conv2dFilterGradient(dy, x, filter.shape), dFilter);
    });
  });

  // A spread of 0.003 has a variance about as large as ε.
  test.each([2, 0.003])('batch norm and its three gradients, at a spread of %d', (spread) => {
    property(({ batch, side, inputs, seed }) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed)
        .mul<Tensor4D>(spread)
        .add<Tensor4D>(0.5 * spread);
      const scale = tf.randomUniform<tf.Rank.R1>([inputs], 0.5, 1.5, 'float32', seed + 1);
      const offset = normal<Tensor1D>([inputs], seed + 2);
      const dy = normal<Tensor4D>([batch, side, side, inputs], seed + 3);
      const plain = (a: Tensor, s: Tensor, o: Tensor) => {
        const { mean, variance } = tf.moments(a, [0, 1, 2]);
        return tf.batchNorm(
          a as Tensor4D,
          mean as Tensor1D,
          variance as Tensor1D,
          o as Tensor1D,
          s as Tensor1D,
          EPSILON,
        );
      };
      const [dx, dScale, dOffset] = tf.grads(plain)([x, scale, offset], dy);
      const pass = kernels.batchNorm(x, scale, offset, EPSILON);
      const ours = kernels.batchNormGradient(dy, x, scale, pass.saved, EPSILON);
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      const n = batch * side * side;
      close(pass.output, plain(x, scale, offset));
      close(pass.mean, mean, 1e-4);
      close(pass.unbiasedVariance, variance.mul(n / (n - 1)));
      close(ours.input, dx, 1e-4);
      close(ours.scale, dScale, 1e-4);
      close(ours.offset, dOffset);
    });
  });

  test('max-pooling and its gradient', () => {
    property(({ batch, side, inputs, seed }) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const dy = normal<Tensor4D>([batch, side / 2, side / 2, inputs], seed + 1);
      const plain = (a: Tensor) => tf.maxPool(a as Tensor4D, 2, 2, 'valid');
      const { output, saved } = kernels.maxPool(x);
      close(output, plain(x));
      close(kernels.maxPoolGradient(dy, x.shape, output, saved), tf.grad(plain)(x, dy));
    });
  });

  test("max-pooling's gradient needs no more of the output than its shape", () => {
    property(({ batch, side, inputs, seed }) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const { output, saved } = kernels.maxPool(x);
      const dy = normal<Tensor4D>(output.shape, seed + 1);
      close(
        kernels.maxPoolGradient(dy, x.shape, kernels.relu(output), saved),
        kernels.maxPoolGradient(dy, x.shape, output, saved),
        0,
      );
    });
  });

  test('max-pooling and ReLU commute, forwards and backwards', () => {
    property(({ batch, side, inputs, seed }) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const pooled = kernels.maxPool(x);
      const output = kernels.relu(pooled.output);
      const dy = normal<Tensor4D>(output.shape, seed + 1);
      const dx = kernels.maxPoolGradient(kernels.reluGradient(dy, output), x.shape, output, pooled.saved);
      const reluFirst = (a: Tensor) => tf.maxPool(tf.relu(a) as Tensor4D, 2, 2, 'valid');
      close(output, reluFirst(x), 0);
      close(dx, tf.grad(reluFirst)(x, dy));
    });
  });

  test('ReLU and its gradient', () => {
    property(({ batch, inputs, seed }) => {
      const x = normal<Tensor2D>([batch, inputs * 5], seed);
      const dy = normal<Tensor2D>([batch, inputs * 5], seed + 1);
      const y = kernels.relu(x);
      close(y, tf.relu(x), 0);
      close(kernels.reluGradient(dy, y), tf.grad((a: Tensor) => tf.relu(a))(x, dy), 0);
    });
  });

  test('products of matrices, each side transposed or not', () => {
    property(({ batch, inputs, outputs, seed }) => {
      for (const [ta, tb] of [
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ]) {
        const a = normal<Tensor2D>(ta ? [inputs, batch] : [batch, inputs], seed);
        const b = normal<Tensor2D>(tb ? [outputs, inputs] : [inputs, outputs], seed + 1);
        close(kernels.matMul(a, b, ta, tb), tf.matMul(a, b, ta, tb));
      }
    });
  });

  test('bias along the last axis', () => {
    property(({ batch, side, inputs, seed }) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const bias = normal<Tensor1D>([inputs], seed + 1);
      close(kernels.addBias(x, bias), x.add(bias), 0);
    });
  });

  test('cross entropy and its gradient', () => {
    property(({ batch, seed }) => {
      const logits = normal<Tensor2D>([batch, 10], seed).mul<Tensor2D>(5);
      const labels = tf.randomUniform<tf.Rank.R1>([batch], 0, 10, 'int32', seed);
      const oneHot = tf.oneHot(labels, 10) as Tensor2D;
      const plain = (z: Tensor) =>
        tf
          .logSoftmax(z as Tensor2D)
          .mul(oneHot)
          .sum(1)
          .neg();
      const ours = kernels.softmaxCrossEntropy(logits, labels);
      close(ours.losses, plain(logits));
      close(ours.gradient, tf.grad(plain)(logits));
      // What runs on a GPU instead.
      const composed = composedCrossEntropy(tf as unknown as typeof TfNode, logits, labels);
      close(composed.losses, ours.losses);
      close(composed.gradient, ours.gradient);
    });
  });

  test("cross entropy's gradient is its finite difference", () => {
    const logits = tf.tensor2d([[0.3, -1.2, 2, 0.1, 0, 0, 1, -0.5, 0.7, 0.2]]);
    const labels = tf.tensor1d([3], 'int32');
    const loss = (z: Tensor2D) => kernels.softmaxCrossEntropy(z, labels).losses.dataSync()[0];
    const gradient = kernels.softmaxCrossEntropy(logits, labels).gradient.dataSync();
    const h = 1e-2;
    for (let i = 0; i < 10; i++) {
      const step = tf.oneHot(tf.scalar(i, 'int32'), 10).mul(h).reshape<Tensor2D>([1, 10]);
      const difference = (loss(logits.add(step)) - loss(logits.sub(step))) / (2 * h);
      expect(Math.abs(difference - gradient[i])).toBeLessThan(2e-4);
    }
  });

  test('bytes become (byte / 255 − mean) / deviation, channel by channel', () => {
    const bytes = Uint8Array.from({ length: 2 * 4 * 4 * 3 }, (_, i) => (i * 37) % 256);
    const [mean, deviation] = [
      [0.1, 0.5, 0.9],
      [0.2, 1, 3],
    ];
    const expected = Float32Array.from(bytes, (byte, i) => (byte / 255 - mean[i % 3]) / deviation[i % 3]);
    const floats = kernels.standardizeImages(bytes, [2, 4, 4, 3], mean, deviation);
    expect(floats.shape).toEqual([2, 4, 4, 3]);
    expect(relativeDistance(floats.dataSync<'float32'>(), expected)).toBeLessThan(1e-6);
    floats.dispose();
  });

  test('a step with momentum follows PyTorch: v ← μv + g, then θ ← θ − ηv', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.double({ min: 1e-4, max: 1, noNaN: true }),
        (mu, eta) => {
          const [theta, v] = [
            kernels.variable(tf.tensor1d([1, -2])),
            kernels.variable(tf.tensor1d([0.5, 0])),
          ];
          const before = theta.read();
          kernels.momentumStep(theta, v, tf.tensor1d([3, 4]), eta, mu);
          const velocity = [mu * 0.5 + 3, 4];
          close(v.read(), tf.tensor1d(velocity), 1e-6);
          close(theta.read(), tf.tensor1d([1 - eta * velocity[0], -2 - eta * velocity[1]]), 1e-6);
          // A snapshot stays what it was.
          expect([...before.dataSync()]).toEqual([1, -2]);
          theta.dispose();
          v.dispose();
        },
      ),
      { numRuns: 20 },
    );
  });

  test('a variable holds what it was assigned', () => {
    const variable = kernels.variable(tf.tensor1d([1, 2]));
    variable.assign(tf.tensor1d([3, 4]));
    expect([...variable.read().dataSync()]).toEqual([3, 4]);
    variable.dispose();
  });
});
