import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Tensor4D } from '@tensorflow/tfjs';
import fc from 'fast-check';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { initialWeights, isTrainable, tensorSpecs } from '../../src/model/architecture';
import { SIMPLE_VGG } from '../../src/model/networks';
import { evaluator } from '../../src/model/evaluator';
import { trainableNetwork } from '../../src/model/trainable';
import { sizeOf } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { evaluate } from '../../src/training/evaluate';
import { specEngine } from '../helpers/engine';
import { sampleBatch, sampleImages } from '../helpers/fixtures';

const weights = initialWeights(SIMPLE_VGG, randomStream(42, 'weights'));

describe('SimpleVGG', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await specEngine();
  });

  test('has 2,474,506 trainable parameters', () => {
    const sizes = tensorSpecs(SIMPLE_VGG)
      .filter(isTrainable)
      .map(({ shape }) => sizeOf(shape));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2_474_506);
  });

  test("names its tensors as PyTorch's state_dict does, in its order and shapes", () => {
    const block = (conv: number, inputs: number, outputs: number) => [
      [`features.${conv}.weight`, [outputs, inputs, 3, 3]],
      [`features.${conv}.bias`, [outputs]],
      [`features.${conv + 1}.weight`, [outputs]],
      [`features.${conv + 1}.bias`, [outputs]],
      [`features.${conv + 1}.running_mean`, [outputs]],
      [`features.${conv + 1}.running_var`, [outputs]],
    ];
    expect(tensorSpecs(SIMPLE_VGG).map(({ name, shape }) => [name, shape])).toEqual([
      ...block(0, 3, 64),
      ...block(4, 64, 128),
      ...block(8, 128, 256),
      ['classifier.0.weight', [512, 4096]],
      ['classifier.0.bias', [512]],
      ['classifier.3.weight', [10, 512]],
      ['classifier.3.bias', [10]],
    ]);
  });

  test('gives ten logits an image for any batch size, in evaluation and in training', async () => {
    const network = trainableNetwork(engine, SIMPLE_VGG, weights);
    const evaluation = evaluator(engine, SIMPLE_VGG, weights);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), async (size) => {
        const images = tf.randomNormal<tf.Rank.R4>([size, 32, 32, 3]);
        const labels = tf.zeros([size], 'int32') as tf.Tensor1D;
        const logits = evaluation.logits(images);
        expect(logits.shape).toEqual([size, 10]);
        const pass = await network.pass(images, labels);
        expect(pass.logits.shape).toEqual([size, 10]);
        tf.dispose([logits, labels, pass.logits, ...pass.gradients.values()]);
      }),
      { numRuns: 8 },
    );
    network.dispose();
    evaluation.dispose();
  });

  test('does not mix the images of a batch in evaluation mode', () => {
    const evaluation = evaluator(engine, SIMPLE_VGG, weights);
    const images = standardize(engine, sampleBatch(0, 8));
    const together = evaluation.logits(images).arraySync();
    for (const i of [0, 3, 7]) {
      const [alone] = evaluation.logits(images.slice([i], [1]) as Tensor4D).arraySync();
      alone.forEach((logit, k) => expect(Math.abs(logit - together[i][k])).toBeLessThan(1e-5));
    }
    evaluation.dispose();
  });

  test('gives every parameter a gradient; only the biases before batch norm get exactly 0', async () => {
    const network = trainableNetwork(engine, SIMPLE_VGG, weights);
    const batch = sampleBatch(0, 16);
    const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
    const { gradients } = await network.pass(standardize(engine, batch), labels);
    for (const { name, shape, role } of tensorSpecs(SIMPLE_VGG).filter(isTrainable)) {
      const gradient = gradients.get(name)!;
      expect(gradient.size).toBe(sizeOf(shape));
      const largest = gradient.abs().max().dataSync()[0];
      if (role === 'conv.bias') expect(largest).toBe(0);
      else expect(largest).toBeGreaterThan(0);
    }
    network.dispose();
  });

  test('begins with a loss near ln 10, for any seed', async () => {
    for (const seed of [1, 2, 42]) {
      const random = initialWeights(SIMPLE_VGG, randomStream(seed, 'weights'));
      const { loss } = await evaluate(engine, SIMPLE_VGG, random, sampleImages());
      expect(Math.abs(loss - Math.log(10))).toBeLessThan(0.05);
    }
  });

  test("draws weights and biases uniformly in ±1/√fan_in, as PyTorch's defaults do", () => {
    for (const { name, role, fanIn } of tensorSpecs(SIMPLE_VGG)) {
      const { data } = weights.get(name)!;
      const bound = 1 / Math.sqrt(fanIn);
      if (role.startsWith('batchNorm')) {
        const constant = role === 'batchNorm.weight' || name.endsWith('running_var') ? 1 : 0;
        expect(data.every((value) => value === constant)).toBe(true);
        continue;
      }
      expect(data.every((value) => Math.abs(value) <= bound)).toBe(true);
      // The variance of a uniform law; four standard errors of it are 4 · bound² · √(4/45 / n).
      const variance = data.reduce((sum, value) => sum + value * value, 0) / data.length;
      const error = 4 * bound ** 2 * Math.sqrt(4 / 45 / data.length);
      expect(Math.abs(variance - bound ** 2 / 3)).toBeLessThan(error);
    }
  });
});
