import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import fc from 'fast-check';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { BATCH_NORM_EPSILON, initialWeights, tensorSpecs } from '../../src/model/architecture';
import { evaluator } from '../../src/model/evaluator';
import { sizeOf, tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { seeds, TINY_VGG } from '../helpers/arbitraries';
import { relativeDistance } from '../helpers/distance';
import { specEngine } from '../helpers/engine';
import { sampleBatch } from '../helpers/fixtures';

let engine: Engine;
beforeAll(async () => {
  engine = await specEngine();
});

/** Weights with every tensor random, and some variances so small that ε counts. */
function arbitraryWeights(seed: number): Weights {
  const random = randomStream(seed, 'evaluator');
  const weights = new Map<string, HostTensor>(initialWeights(TINY_VGG, random));
  for (const { name, shape, role } of tensorSpecs(TINY_VGG).filter((spec) =>
    spec.role.startsWith('batchNorm'),
  )) {
    const data = new Float32Array(sizeOf(shape)).map((_, i) => {
      if (name.endsWith('running_var')) return i === 0 ? 1e-5 : 0.5 + random.uniform();
      return role === 'batchNorm.weight' ? 1.5 * random.normal() : 0.1 * random.normal();
    });
    weights.set(name, { shape, data });
  }
  return weights;
}

/** The network as its definition reads, by tfjs's own operations: convolution, bias, batch norm, ReLU, pooling. */
function byDefinition(weights: Weights, images: Tensor4D): Tensor2D {
  const of = <T extends Tensor>(name: string) => {
    const { shape, data } = tensorNamed(weights, name);
    return tf.tensor(data, [...shape]) as T;
  };
  let x = images;
  for (const [conv, norm] of [
    ['features.0', 'features.1'],
    ['features.4', 'features.5'],
  ]) {
    const filter = of<Tensor4D>(`${conv}.weight`).transpose<Tensor4D>([2, 3, 1, 0]);
    const sum = tf.conv2d(x, filter, 1, 'same').add<Tensor4D>(of(`${conv}.bias`));
    const [mean, variance, offset, scale] = ['running_mean', 'running_var', 'bias', 'weight'].map((part) =>
      of<Tensor1D>(`${norm}.${part}`),
    );
    x = tf.maxPool(
      tf.relu(tf.batchNorm(sum, mean, variance, offset, scale, BATCH_NORM_EPSILON)),
      2,
      2,
      'valid',
    );
  }
  const flat = x.transpose([0, 3, 1, 2]).reshape<Tensor2D>([x.shape[0], -1]);
  const hidden = tf.relu(
    tf.matMul(flat, of<Tensor2D>('classifier.0.weight'), false, true).add(of('classifier.0.bias')),
  );
  return tf
    .matMul(hidden as Tensor2D, of<Tensor2D>('classifier.3.weight'), false, true)
    .add(of('classifier.3.bias'));
}

test('evaluation with batch norm folded and the bias behind the pooling is what the definition gives', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const weights = arbitraryWeights(seed);
      const network = evaluator(engine, TINY_VGG, weights);
      tf.tidy(() => {
        const images = standardize(engine, sampleBatch(0, 8));
        const ours = network.logits(images).dataSync<'float32'>();
        const theirs = byDefinition(weights, images).dataSync<'float32'>();
        expect(relativeDistance(ours, theirs)).toBeLessThan(1e-5);
      });
      network.dispose();
    }),
    { numRuns: 20 },
  );
});
