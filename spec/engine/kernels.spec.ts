import { beforeAll, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import fc from 'fast-check';
import type { Kernels, PoolWindow } from '../../src/engine/engine';
import { softmaxCrossEntropy } from '../../src/engine/composed';
import { describeEngines } from '../helpers/describe-engines';
import { relativeDistance } from '../helpers/distance';

// A GPU in software compiles each program for a second, on a machine that may do other things too.
jest.setTimeout(300_000);

// tfjs's plain JavaScript, which the kernels are held against, need not say that it is slow.
tf.enableProdMode();

const TOLERANCE = 1e-5;
const EPSILON = 1e-5;

interface Shape {
  batch: number;
  side: number;
  inputs: number;
  outputs: number;
  /** Side of a filter, and of a pooling window. */
  filterSide: number;
  window: PoolWindow;
  seed: number;
}

/** [batch, side, side, in] and out channels; sides even, so that they can be pooled. */
const shapes: fc.Arbitrary<Shape> = fc.record({
  batch: fc.integer({ min: 1, max: 5 }),
  side: fc.integer({ min: 1, max: 5 }).map((half) => 2 * half),
  inputs: fc.integer({ min: 1, max: 20 }),
  outputs: fc.integer({ min: 1, max: 20 }),
  filterSide: fc.constantFrom(1, 3, 5),
  window: fc.constantFrom<PoolWindow[]>(2, 3),
  seed: fc.nat(10_000),
});

/** Two tensors that must agree, compared when the engine has had time to compute them. */
interface Pair {
  ours: Tensor;
  theirs: Tensor;
  tolerance: number;
}
type Close = (ours: Tensor, theirs: Tensor, tolerance?: number) => void;

async function compare({ ours, theirs, tolerance }: Pair): Promise<void> {
  expect(ours.shape).toEqual(theirs.shape);
  const distance = relativeDistance(await ours.data<'float32'>(), await theirs.data<'float32'>());
  expect(distance).toBeLessThanOrEqual(tolerance);
  tf.dispose([ours, theirs]);
}

/** What tfjs's own operations and gradients give on its plain JavaScript backend. */
function plainly<T>(compute: () => T): T {
  const own = tf.getBackend();
  void tf.setBackend('cpu');
  try {
    return compute();
  } finally {
    void tf.setBackend(own);
  }
}

describeEngines("the kernels against tfjs's own operations and gradients", (opened, engineName) => {
  let kernels: Kernels;
  beforeAll(() => {
    kernels = opened().kernels;
  });

  const checked = async (check: (close: Close) => void) => {
    const pairs: Pair[] = [];
    tf.tidy(() =>
      check((ours, theirs, tolerance = TOLERANCE) =>
        pairs.push({ ours: tf.keep(ours), theirs: tf.keep(theirs), tolerance }),
      ),
    );
    for (const pair of pairs) await compare(pair);
  };
  const property = (check: (shape: Shape, close: Close) => void) =>
    fc.assert(
      fc.asyncProperty(shapes, (shape) => checked((close) => check(shape, close))),
      { numRuns: engineName === 'webgpu' ? 5 : 15 },
    );
  // The reference comes first in each property: it finds its input on the host, where it was drawn.
  const normal = <T extends Tensor>(shape: number[], seed: number) =>
    tf.randomNormal(shape, 0, 1, 'float32', seed) as T;

  test('convolution and its two gradients', async () => {
    await property(({ batch, side, inputs, outputs, filterSide, seed }, close) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const filter = normal<Tensor4D>([filterSide, filterSide, inputs, outputs], seed + 1);
      const dy = normal<Tensor4D>([batch, side, side, outputs], seed + 2);
      const conv = (a: Tensor, b: Tensor) => tf.conv2d(a as Tensor4D, b as Tensor4D, 1, 'same');
      const [y, [dx, dFilter]] = plainly(() => [conv(x, filter), tf.grads(conv)([x, filter], dy)] as const);
      close(kernels.conv2d(x, filter), y);
      close(kernels.conv2dInputGradient(dy, filter), dx);
      close(kernels.conv2dFilterGradient(dy, x, filter.shape), dFilter);
    });
  });

  test("a convolution's filter gradient over many images, with few channels and with many", async () => {
    for (const [inputs, filterSide] of [
      [3, 3],
      [17, 3],
      [3, 5],
      [17, 5],
    ]) {
      await checked((close) => {
        const x = normal<Tensor4D>([131, 4, 4, inputs], 1);
        const filter = tf.ones<tf.Rank.R4>([filterSide, filterSide, inputs, 5]);
        const dy = normal<Tensor4D>([131, 4, 4, 5], 2);
        const ofFilter = (w: Tensor) => tf.conv2d(x, w as Tensor4D, 1, 'same');
        const dFilter = plainly(() => tf.grad(ofFilter)(filter, dy));
        close(kernels.conv2dFilterGradient(dy, x, filter.shape), dFilter);
      });
    }
  });

  // A spread of 0.003 has a variance about as large as ε.
  test.each([2, 0.003])('batch norm and its three gradients, at a spread of %d', async (spread) => {
    await property(({ batch, side, inputs, seed }, close) => {
      const shape = [batch, side, side, inputs];
      const x = tf.randomNormal<tf.Rank.R4>(
        shape as Tensor4D['shape'],
        0.5 * spread,
        spread,
        'float32',
        seed,
      );
      const scale = tf.randomUniform<tf.Rank.R1>([inputs], 0.5, 1.5, 'float32', seed + 1);
      const offset = normal<Tensor1D>([inputs], seed + 2);
      const dy = normal<Tensor4D>(shape, seed + 3);
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
      const n = batch * side * side;
      const [y, [dx, dScale, dOffset], mean, unbiased] = plainly(() => {
        const moments = tf.moments(x, [0, 1, 2]);
        return [
          plain(x, scale, offset),
          tf.grads(plain)([x, scale, offset], dy),
          moments.mean,
          moments.variance.mul(n / (n - 1)),
        ] as const;
      });
      const pass = kernels.batchNorm(x, scale, offset, EPSILON);
      const ours = kernels.batchNormGradient(dy, x, scale, pass.saved, EPSILON);
      close(pass.output, y);
      close(pass.mean, mean, 1e-4);
      close(pass.unbiasedVariance, unbiased);
      close(ours.input, dx, 1e-4);
      close(ours.scale, dScale, 1e-4);
      close(ours.offset, dOffset);
    });
  });

  test('max-pooling and its gradient', async () => {
    await property(({ batch, side, inputs, window, seed }, close) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const dy = normal<Tensor4D>([batch, side / 2, side / 2, inputs], seed + 1);
      const plain = (a: Tensor) => tf.maxPool(a as Tensor4D, window, 2, 'same');
      const [y, dx] = plainly(() => [plain(x), tf.grad(plain)(x, dy)]);
      const { output, saved } = kernels.maxPoolPass(x, window);
      close(output, y);
      close(kernels.maxPool(x, window), y.clone());
      close(kernels.maxPoolGradient(dy, x.shape, output, saved, window), dx);
    });
  });

  test('the first of several equal pixels of a window gets the gradient', async () => {
    await checked((close) => {
      const x = tf.tensor4d([1, 1, 2, 3, 1, 1, 3, 3], [1, 2, 4, 1]);
      const { output, saved } = kernels.maxPoolPass(x, 2);
      const dy = tf.tensor4d([5, 7], [1, 1, 2, 1]);
      const expected = tf.tensor4d([5, 0, 0, 7, 0, 0, 0, 0], [1, 2, 4, 1]);
      close(kernels.maxPoolGradient(dy, x.shape, output, saved, 2), expected, 0);
    });
  });

  test('a pixel that wins several overlapping windows gets the gradient of each', async () => {
    await checked((close) => {
      const x = tf.tensor4d([1, 1, 9, 1, 1, 1, 1, 1], [1, 2, 4, 1]);
      const { output, saved } = kernels.maxPoolPass(x, 3);
      const dy = tf.tensor4d([5, 7], [1, 1, 2, 1]);
      const expected = tf.tensor4d([0, 0, 12, 0, 0, 0, 0, 0], [1, 2, 4, 1]);
      close(kernels.maxPoolGradient(dy, x.shape, output, saved, 3), expected, 0);
    });
  });

  test("max-pooling's gradient needs no more of the output than its shape", async () => {
    await property(({ batch, side, inputs, window, seed }, close) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const { output, saved } = kernels.maxPoolPass(x, window);
      const dy = normal<Tensor4D>(output.shape, seed + 1);
      close(
        kernels.maxPoolGradient(dy, x.shape, kernels.relu(output), saved, window),
        kernels.maxPoolGradient(dy, x.shape, output, saved, window),
        0,
      );
    });
  });

  test("a tangent's pooling is the transpose of max-pooling's gradient, also where pixels are equal", async () => {
    await property(({ batch, side, inputs, window, seed }, close) => {
      // Whole numbers of which many are equal, so that most windows have several winners to choose from.
      const x = normal<Tensor4D>([batch, side, side, inputs], seed).round<Tensor4D>();
      const pass = kernels.maxPoolPass(x, window);
      const dx = tf.randomUniform<tf.Rank.R4>(x.shape, 1, 2, 'float32', seed + 1);
      const dy = tf.randomUniform<tf.Rank.R4>(pass.output.shape, 1, 2, 'float32', seed + 2);
      const back = kernels.maxPoolGradient(dy, x.shape, pass.output, pass.saved, window);
      const forth = kernels.maxPoolTangent(dx, x, pass, window);
      close(dy.mul(forth).sum(), back.mul(dx).sum());
      // The same image by image and channel by channel, where a wrong winner cannot hide in a sum.
      close(dy.mul(forth).sum([1, 2]), back.mul(dx).sum([1, 2]));
    });
  });

  test('max-pooling pools its input, as a tangent of itself, to its output', async () => {
    await property(({ batch, side, inputs, window, seed }, close) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const pass = kernels.maxPoolPass(x, window);
      close(kernels.maxPoolTangent(x, x, pass, window), pass.output, 0);
    });
  });

  test('a tangent is pooled at the first of several equal pixels', async () => {
    await checked((close) => {
      const x = tf.tensor4d([1, 1, 2, 3, 1, 1, 3, 3], [1, 2, 4, 1]);
      const dx = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 4, 1]);
      const pass = kernels.maxPoolPass(x, 2);
      close(kernels.maxPoolTangent(dx, x, pass, 2), tf.tensor4d([1, 4], [1, 1, 2, 1]), 0);
    });
  });

  test('max-pooling and ReLU commute, forwards and backwards', async () => {
    await property(({ batch, side, inputs, window, seed }, close) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const dy = normal<Tensor4D>([batch, side / 2, side / 2, inputs], seed + 1);
      const reluFirst = (a: Tensor) => tf.maxPool(tf.relu(a) as Tensor4D, window, 2, 'same');
      const [y, theirs] = plainly(() => [reluFirst(x), tf.grad(reluFirst)(x, dy)]);
      const pooled = kernels.maxPoolPass(x, window);
      const output = kernels.relu(pooled.output);
      const dOutput = kernels.reluGradient(dy, output);
      const dx = kernels.maxPoolGradient(dOutput, x.shape, output, pooled.saved, window);
      close(output, y, 0);
      close(dx, theirs);
    });
  });

  test('ReLU and its gradient', async () => {
    await property(({ batch, inputs, seed }, close) => {
      const x = normal<Tensor2D>([batch, inputs * 5], seed);
      const dy = normal<Tensor2D>([batch, inputs * 5], seed + 1);
      const [theirs, dx] = plainly(() => [tf.relu(x), tf.grad((a: Tensor) => tf.relu(a))(x, dy)]);
      const y = kernels.relu(x);
      close(y, theirs, 0);
      close(kernels.reluGradient(dy, y), dx, 0);
    });
  });

  test('products of matrices, each side transposed or not', async () => {
    await property(({ batch, inputs, outputs, seed }, close) => {
      for (const [ta, tb] of [
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ]) {
        const a = normal<Tensor2D>(ta ? [inputs, batch] : [batch, inputs], seed);
        const b = normal<Tensor2D>(tb ? [outputs, inputs] : [inputs, outputs], seed + 1);
        const product = plainly(() => tf.matMul(a, b, ta, tb));
        close(kernels.matMul(a, b, ta, tb), product);
      }
    });
  });

  test('bias along the last axis', async () => {
    await property(({ batch, side, inputs, seed }, close) => {
      const x = normal<Tensor4D>([batch, side, side, inputs], seed);
      const bias = normal<Tensor1D>([inputs], seed + 1);
      const [sum, total] = plainly(() => [x.add(bias), x.sum([0, 1, 2])]);
      close(kernels.addBias(x, bias), sum, 0);
      close(kernels.biasGradient(x), total);
    });
  });

  test('cross entropy and its gradient are those of their definition', async () => {
    await property(({ batch, seed }, close) => {
      const logits = tf.randomNormal<tf.Rank.R2>([batch, 10], 0, 5, 'float32', seed);
      const labels = Array.from({ length: batch }, (_, i) => (seed + 7 * i) % 10);
      const exact = plainly(() => logits.arraySync()).map((row, i) => {
        const sum = row.reduce((total, z) => total + Math.exp(z), 0);
        return {
          loss: Math.log(sum) - row[labels[i]],
          gradient: row.map((z, k) => Math.exp(z) / sum - (k === labels[i] ? 1 : 0)),
        };
      });
      const of = tf.tensor1d(labels, 'int32');
      // What runs on a GPU, beside the engine's own.
      for (const kernel of [kernels.softmaxCrossEntropy, softmaxCrossEntropy]) {
        const { losses, gradient } = kernel(logits, of);
        // Moved by 1, so that the error is measured against 1 where loss and gradient are close to 0.
        close(losses.add(1), tf.tensor1d(exact.map(({ loss }) => loss + 1)));
        close(gradient.add(1), tf.tensor2d(exact.map((row) => row.gradient.map((g) => g + 1))));
      }
    });
  });

  test("cross entropy's gradient is its finite difference", async () => {
    const logits = [0.3, -1.2, 2, 0.1, 0, 0, 1, -0.5, 0.7, 0.2];
    const at = (z: number[]) => kernels.softmaxCrossEntropy(tf.tensor2d([z]), tf.tensor1d([3], 'int32'));
    const loss = async (z: number[]) => (await at(z).losses.data())[0];
    const gradient = await at(logits).gradient.data();
    const h = 1e-2;
    for (let i = 0; i < 10; i++) {
      const moved = (step: number) => logits.map((logit, k) => (k === i ? logit + step : logit));
      const difference = ((await loss(moved(h))) - (await loss(moved(-h)))) / (2 * h);
      expect(Math.abs(difference - gradient[i])).toBeLessThan(2e-4);
    }
  });

  test('bytes become (byte / 255 − mean) / deviation, channel by channel', async () => {
    const bytes = Uint8Array.from({ length: 2 * 4 * 4 * 3 }, (_, i) => (i * 37) % 256);
    const [mean, deviation] = [
      [0.1, 0.5, 0.9],
      [0.2, 1, 3],
    ];
    const expected = Float32Array.from(bytes, (byte, i) => (byte / 255 - mean[i % 3]) / deviation[i % 3]);
    await checked((close) =>
      close(
        kernels.standardizeImages(bytes, [2, 4, 4, 3], mean, deviation),
        tf.tensor(expected, [2, 4, 4, 3]),
        1e-6,
      ),
    );
  });

  test('a step with momentum follows PyTorch: v ← μv + g, then θ ← θ − ηv', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.double({ min: 1e-4, max: 1, noNaN: true }),
        (mu, eta) =>
          checked((close) => {
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
            close(before, tf.tensor1d([1, -2]), 0);
            theta.dispose();
            v.dispose();
          }),
      ),
      { numRuns: 20 },
    );
  });

  test('a step of Adam is that of its definition', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 1e-4, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 1000 }),
        (eta, step) =>
          checked((close) => {
            const start = { theta: [1, -2], first: [0.5, 0], second: [0.1, 0.2], gradient: [3, -0.01] };
            const [theta, first, second] = [start.theta, start.first, start.second].map((values) =>
              kernels.variable(tf.tensor1d(values)),
            );
            const [beta1, beta2, epsilon] = [0.8, 0.99, 1e-3];
            const constants = { beta1, beta2, epsilon };
            kernels.adamStep(theta, first, second, tf.tensor1d(start.gradient), eta, step, constants);
            const m = start.first.map((value, i) => beta1 * value + (1 - beta1) * start.gradient[i]);
            const v = start.second.map((value, i) => beta2 * value + (1 - beta2) * start.gradient[i] ** 2);
            const expected = start.theta.map((value, i) => {
              const corrected = Math.sqrt(v[i] / (1 - beta2 ** step)) + epsilon;
              return value - (eta * m[i]) / (1 - beta1 ** step) / corrected;
            });
            close(theta.read(), tf.tensor1d(expected));
            close(first.read(), tf.tensor1d(m));
            close(second.read(), tf.tensor1d(v));
            for (const variable of [theta, first, second]) variable.dispose();
          }),
      ),
      { numRuns: 20 },
    );
  });

  test('a variable holds what it was assigned', async () => {
    const variable = kernels.variable(tf.tensor1d([1, 2]));
    variable.assign(tf.tensor1d([3, 4]));
    expect([...(await variable.read().data())]).toEqual([3, 4]);
    variable.dispose();
  });
});
