import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { sliceBatch } from '../../src/data/batches';
import { firstImages, imageBytes, imagesBetween, type Dataset } from '../../src/data/dataset';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { Interrupted } from '../../src/support/errors';
import {
  BATCH_NORM_EPSILON,
  isTrainable,
  tensorSpecs,
  type Architecture,
} from '../../src/model/architecture';
import { formulaWeights } from '../../src/model/formula';
import { shallow } from '../../src/model/networks';
import { trainableNetwork } from '../../src/model/trainable';
import { tensorNamed, type Weights } from '../../src/model/weights';
import { batchStatistics, withoutLoneImage } from '../../src/training/statistics';
import { describeEngines } from '../helpers/describe-engines';
import { relativeDistance } from '../helpers/distance';
import { sampleImages } from '../helpers/fixtures';

jest.setTimeout(300_000);

const images = sampleImages();
/** Convolutions and linear layers, all with batch norm, and dropout. */
const TINY_C1 = shallow('tiny C1', { width: 3, hidden: [6, 5], classes: 10 });
/** Small enough to be computed by definition. */
const FLAT: Architecture = {
  name: 'flat',
  layers: [
    { kind: 'flatten', channels: 3, side: 32 },
    { kind: 'linear', name: 'first', batchNorm: 'firstNorm', inputs: 3072, outputs: 4, relu: true },
    { kind: 'linear', name: 'second', batchNorm: 'secondNorm', inputs: 4, outputs: 3, relu: true },
    { kind: 'linear', name: 'last', inputs: 3, outputs: 10, relu: false },
  ],
};

const running = (architecture: Architecture) =>
  tensorSpecs(architecture)
    .filter((spec) => !isTrainable(spec))
    .map(({ name }) => name);

/** Each image's channels, standardized, in PyTorch's order: channel, row, column. */
function rowsOf({ kind, images: bytes, count }: Dataset): number[][] {
  const pixels = kind.side ** 2;
  return Array.from({ length: count }, (_, image) =>
    Array.from({ length: pixels * kind.channels }, (_, i) => {
      const channel = Math.floor(i / pixels);
      const byte = bytes[image * imageBytes(kind) + (i % pixels) * kind.channels + channel];
      return (byte / 255 - kind.mean[channel]) / kind.deviation[channel];
    }),
  );
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const squaresAround = (values: readonly number[], mean: number) =>
  values.reduce((sum, value) => sum + (value - mean) ** 2, 0);

/** Mean and unbiased variance of each batch norm of FLAT over one batch, in float64, from the definition. */
function byDefinition(weights: Weights, batch: Dataset): Map<string, number[]> {
  const statistics = new Map<string, number[]>();
  let rows = rowsOf(batch);
  for (const layer of ['first', 'second']) {
    const at = (name: string) => [...tensorNamed(weights, name).data];
    const [weight, bias] = [at(`${layer}.weight`), at(`${layer}.bias`)];
    const [scale, offset] = [at(`${layer}Norm.weight`), at(`${layer}Norm.bias`)];
    const outputs = bias.map((b, out) =>
      rows.map((row) => row.reduce((sum, value, i) => sum + value * weight[out * row.length + i], b)),
    );
    const means = outputs.map(meanOf);
    const squares = outputs.map((values, out) => squaresAround(values, means[out]));
    statistics.set(`${layer}Norm.running_mean`, means);
    statistics.set(
      `${layer}Norm.running_var`,
      squares.map((sum) => sum / (batch.count - 1)),
    );
    rows = rows.map((_, image) =>
      outputs.map((values, out) => {
        const deviation = Math.sqrt(squares[out] / batch.count + BATCH_NORM_EPSILON);
        return Math.max(0, ((values[image] - means[out]) / deviation) * scale[out] + offset[out]);
      }),
    );
  }
  return statistics;
}

/** The weights with every running statistic changed. */
function disturbed(architecture: Architecture, weights: Weights): Weights {
  const changed = new Map(weights);
  for (const name of running(architecture)) {
    const { shape, data } = tensorNamed(weights, name);
    changed.set(name, { shape, data: data.map((value, i) => 3 * value + 1 + i) });
  }
  return changed;
}

describeEngines('batch statistics', (opened) => {
  let engine: Engine;
  beforeAll(() => {
    engine = opened();
  });

  test.each([
    [64, 64],
    [64, 16],
    [60, 24],
  ])('over %i images in batches of %i are those of the definition', async (count, batchSize) => {
    const weights = formulaWeights(FLAT);
    const dataset = firstImages(images, count);
    const ours = await batchStatistics(engine, FLAT, weights, dataset, { batchSize });
    const sums = new Map(running(FLAT).map((name) => [name, tensorNamed(weights, name).data.map(() => 0)]));
    for (let from = 0; from < count; from += batchSize) {
      const batch = imagesBetween(dataset, from, Math.min(from + batchSize, count));
      for (const [name, values] of byDefinition(weights, batch)) {
        values.forEach((value, i) => (sums.get(name)![i] += (batch.count / count) * value));
      }
    }
    for (const [name, expected] of sums) {
      expect(relativeDistance(tensorNamed(ours, name).data, expected)).toBeLessThan(1e-5);
    }
  });

  test("are a batch's own, to the last bit, where one batch holds all images", async () => {
    const weights = formulaWeights(TINY_C1);
    const dataset = firstImages(images, 20);
    const network = trainableNetwork(engine, TINY_C1, weights);
    network.observe(standardize(engine, sliceBatch(dataset, 0, 20)), 1);
    const once = await network.weights();
    network.dispose();
    expect(await batchStatistics(engine, TINY_C1, weights, dataset, { batchSize: 500 })).toEqual(once);
  });

  test('do not depend on the running statistics that were there before', async () => {
    const weights = formulaWeights(TINY_C1);
    const dataset = firstImages(images, 20);
    const ours = await batchStatistics(engine, TINY_C1, weights, dataset, { batchSize: 8 });
    const theirs = await batchStatistics(engine, TINY_C1, disturbed(TINY_C1, weights), dataset, {
      batchSize: 8,
    });
    for (const name of running(TINY_C1)) {
      expect(tensorNamed(ours, name)).toEqual(tensorNamed(theirs, name));
      expect(tensorNamed(ours, name)).not.toEqual(tensorNamed(weights, name));
    }
  });

  test('leave the weights that they are taken for alone, and share all trainable tensors with them', async () => {
    const weights = formulaWeights(TINY_C1);
    const before = structuredClone(weights);
    const ours = await batchStatistics(engine, TINY_C1, weights, firstImages(images, 8), { batchSize: 4 });
    expect(weights).toEqual(before);
    expect([...ours.keys()]).toEqual([...weights.keys()]);
    for (const { name } of tensorSpecs(TINY_C1).filter(isTrainable)) {
      expect(tensorNamed(ours, name)).toBe(tensorNamed(weights, name));
    }
  });

  test('leave out a last batch of one image, which has no variance', async () => {
    const weights = formulaWeights(TINY_C1);
    const seen: number[] = [];
    const options = { batchSize: 8, onImages: (count: number) => void seen.push(count) };
    const ours = await batchStatistics(engine, TINY_C1, weights, firstImages(images, 17), options);
    expect(seen).toEqual([8, 8]);
    expect(ours).toEqual(
      await batchStatistics(engine, TINY_C1, weights, firstImages(images, 16), { batchSize: 8 }),
    );
  });

  test('leave no tensor behind, also where they are interrupted', async () => {
    const weights = formulaWeights(TINY_C1);
    const taken = (signal?: AbortSignal) =>
      batchStatistics(engine, TINY_C1, weights, firstImages(images, 16), { batchSize: 8, signal });
    await taken();
    const before = tf.memory().numTensors;
    await taken();
    const stopped = AbortSignal.abort(new Interrupted('interrupted'));
    await expect(taken(stopped)).rejects.toThrow(Interrupted);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('what has no batch statistics', () => {
  test('is one image, or batches of one', () => {
    expect(() => withoutLoneImage(firstImages(images, 1), 8)).toThrow(RangeError);
    expect(() => withoutLoneImage(firstImages(images, 8), 1)).toThrow(RangeError);
    expect(withoutLoneImage(firstImages(images, 8), 3).count).toBe(8);
  });
});
