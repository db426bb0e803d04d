import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { tryTraining } from '../../src/compute/trial';
import type { Engine, Kernels } from '../../src/engine/engine';
import { describeEngines } from '../helpers/describe-engines';
import { fastestEngine } from '../helpers/engine';

describeEngines('the trial of an engine', (engine, name) => {
  test('is passed, and leaves no tensor behind', async () => {
    const { numTensors } = tf.memory();
    await tryTraining(engine());
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  const off = (change: (kernels: Kernels) => Partial<Kernels>): Engine => {
    const { info, kernels } = engine();
    return { info, kernels: { ...kernels, ...change(kernels) } };
  };
  // What the trial compares is the same for all engines.
  (name === fastestEngine() ? test : test.skip).each<[string, (kernels: Kernels) => Partial<Kernels>]>([
    ['convolution', ({ conv2d }) => ({ conv2d: (...args) => tf.tidy(() => conv2d(...args).abs()) })],
    [
      "convolution's filter gradient",
      ({ conv2dFilterGradient }) => ({
        conv2dFilterGradient: (...args) => tf.tidy(() => conv2dFilterGradient(...args).mul(1.05)),
      }),
    ],
    [
      "convolution's input gradient",
      ({ conv2dInputGradient }) => ({
        conv2dInputGradient: (...args) => tf.tidy(() => conv2dInputGradient(...args).mul(-1)),
      }),
    ],
    ['ReLU', () => ({ relu: (x) => tf.tidy(() => tf.leakyRelu(x, 0.01) as typeof x) })],
  ])('is failed by one whose %s is off', async (_, change) => {
    await expect(tryTraining(off(change))).rejects.toThrow(/^it computes wrongly: the loss of a small trial/);
  });
});
