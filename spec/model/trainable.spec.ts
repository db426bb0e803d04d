import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { perturbed } from '../../src/landscape/directions';
import { initialWeights, isTrainable, tensorSpecs } from '../../src/model/architecture';
import { trainableNetwork } from '../../src/model/trainable';
import { tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { TINY_VGG } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { sampleBatch } from '../helpers/fixtures';

const batch = sampleBatch(0, 16);

/** The batch's mean cross entropy in float64: a float32 loss is too coarse for a difference of 1e-5. */
function crossEntropy(logits: readonly number[][]): number {
  const losses = logits.map((scores, image) => {
    const highest = Math.max(...scores);
    const sum = scores.reduce((total, score) => total + Math.exp(score - highest), 0);
    return Math.log(sum) + highest - scores[batch.labels[image]!]!;
  });
  return losses.reduce((total, loss) => total + loss, 0) / losses.length;
}

describe('a pass in training mode', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await specEngine();
  });

  /** Loss of the batch, from its logits in float64, and its gradient on the host. */
  async function pass(weights: Weights, dropoutSeed?: number): Promise<{ loss: number; gradient: Weights }> {
    const network = trainableNetwork(engine, TINY_VGG, weights);
    const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
    const dropout = dropoutSeed === undefined ? undefined : randomStream(dropoutSeed);
    const { gradients, logits } = await network.pass(standardize(engine, batch), labels, dropout);
    const gradient = new Map<string, HostTensor>();
    for (const [name, tensor] of gradients) {
      gradient.set(name, await network.toHost(name, tensor));
      tensor.dispose();
    }
    const loss = crossEntropy((await logits.array()) as number[][]);
    tf.dispose([labels, logits]);
    network.dispose();
    return { loss, gradient };
  }

  test.each(
    tensorSpecs(TINY_VGG)
      .filter(isTrainable)
      .flatMap(({ name }) => [
        [name, 'without dropout', undefined],
        [name, 'with dropout', 3],
      ]) as [string, string, number | undefined][],
  )('has the gradient of %s that a finite difference along it finds, %s', async (name, _, dropoutSeed) => {
    const weights = initialWeights(TINY_VGG, randomStream(7, 'weights'));
    const { gradient } = await pass(weights, dropoutSeed);
    const own = tensorNamed(gradient, name);
    const norm = Math.hypot(...own.data);
    if (norm === 0) {
      // A bias before batch norm: moving it moves nothing.
      const moved = perturbed(weights, new Map([[name, { ...own, data: own.data.map(() => 1) }]]), 0.5);
      const [there, here] = [await pass(moved, dropoutSeed), await pass(weights, dropoutSeed)];
      expect(Math.abs(there.loss - here.loss)).toBeLessThan(1e-5);
      return;
    }
    const unit: Weights = new Map([[name, { ...own, data: own.data.map((value) => value / norm) }]]);
    // Small enough for the kinks of ReLU and pooling, large enough for float32.
    const h = 3e-4;
    const lossAt = async (alpha: number) => (await pass(perturbed(weights, unit, alpha), dropoutSeed)).loss;
    const difference = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
    expect(Math.abs(difference / norm - 1)).toBeLessThan(0.02);
  });

  test('leaves the weights that it was given alone', async () => {
    const weights = initialWeights(TINY_VGG, randomStream(7, 'weights'));
    const before = structuredClone(weights);
    await pass(weights);
    expect(weights).toEqual(before);
  });
});
