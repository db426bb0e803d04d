import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cacheFolder } from '../../src/support/cache-folder';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { inWorkers } from '../../src/compute/workers';
import { firstImages } from '../../src/data/dataset';
import { Interrupted } from '../../src/support/errors';
import { initialWeights } from '../../src/model/architecture';
import { tensorNamed } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { Diverged, type TrainingConfig, type TrainingState } from '../../src/training/train';
import { TINY_VGG } from '../helpers/arbitraries';
import { relativeDistance } from '../helpers/distance';
import { specEngine } from '../helpers/engine';
import { sampleImages } from '../helpers/fixtures';

const images = sampleImages();
const data = { train: firstImages(images, 48), test: images };
const CONFIG: TrainingConfig = {
  batchSize: 16,
  epochs: 3,
  learningRate: 0.05,
  schedule: 'cosine',
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
  augment: true,
  testEvery: 1,
};

describe('in worker threads', () => {
  let here: Compute;
  let workers: Compute;
  beforeAll(async () => {
    const engine = await specEngine('wasm');
    here = inThisThread(engine);
    workers = inWorkers({ ...engine.info, workers: 2 }, cacheFolder());
  });
  afterAll(() => workers.close());

  test('trainings side by side end at the bits that they end at in this thread', async () => {
    const seeds = [1, 2, 3];
    const there = await Promise.all(seeds.map((seed) => workers.train(TINY_VGG, data, CONFIG, seed)));
    for (const [at, seed] of seeds.entries()) {
      const { weights, history } = await here.train(TINY_VGG, data, CONFIG, seed);
      expect(there[at].weights).toEqual(weights);
      expect(there[at].history).toEqual(history);
    }
  });

  test('an evaluation that is shared among them gives the same loss of every image', async () => {
    const weights = initialWeights(TINY_VGG, randomStream(1, 'weights'));
    // More than one evaluation call holds, so that there is something to share.
    const many = { ...images, count: 640, ...repeated(10) };
    let seen = 0;
    const onImages = (count: number) => void (seen += count);
    const there = await workers.evaluateImages(TINY_VGG, weights, many, { onImages });
    expect(there).toEqual(await here.evaluateImages(TINY_VGG, weights, many));
    expect(seen).toBe(640);
  });

  test('a Hessian-vector product that is shared among them is the same but for the order of its sums', async () => {
    const weights = initialWeights(TINY_VGG, randomStream(1, 'weights'));
    const direction = initialWeights(TINY_VGG, randomStream(2, 'weights'));
    let seen = 0;
    // The parts are of unequal size: 32 and 8 images.
    const few = firstImages(images, 40);
    const options = { batchSize: 16, onImages: (count: number) => void (seen += count) };
    const there = await workers.hessianProduct(TINY_VGG, weights, few, direction, options);
    expect(seen).toBe(40);
    const ours = await here.hessianProduct(TINY_VGG, weights, few, direction, { batchSize: 16 });
    expect(Math.abs(there.loss - ours.loss)).toBeLessThan(1e-6);
    for (const kind of ['gradient', 'product'] as const) {
      expect([...there[kind].keys()]).toEqual([...ours[kind].keys()]);
      for (const [name, { data }] of ours[kind]) {
        expect(relativeDistance(tensorNamed(there[kind], name).data, data)).toBeLessThan(1e-5);
      }
    }
  });

  test('batch statistics that are shared among them are the same but for the order of their sums', async () => {
    const weights = initialWeights(TINY_VGG, randomStream(1, 'weights'));
    let seen = 0;
    // The parts are of unequal size: 24 and 16 images; the forty-first would be a batch of its own.
    const few = firstImages(images, 41);
    const options = { batchSize: 8, onImages: (count: number) => void (seen += count) };
    const there = await workers.batchStatistics(TINY_VGG, weights, few, options);
    expect(seen).toBe(40);
    const ours = await here.batchStatistics(TINY_VGG, weights, few, { batchSize: 8 });
    expect([...there.keys()]).toEqual([...ours.keys()]);
    for (const [name, { data }] of ours) {
      const theirs = tensorNamed(there, name).data;
      if (name.includes('running')) expect(relativeDistance(theirs, data)).toBeLessThan(1e-5);
      else expect(theirs).toEqual(data);
    }
  });

  test('a training that is interrupted hands over where it stood, and goes on from there to the same bits', async () => {
    const controller = new AbortController();
    let state: TrainingState | undefined;
    const interrupted = workers.train(TINY_VGG, data, { ...CONFIG, epochs: 40 }, 1, {
      onEpoch: ({ epoch }) => (epoch === 2 ? controller.abort(new Interrupted('interrupted')) : undefined),
      onInterrupt: (reached) => void (state = reached),
      signal: controller.signal,
    });
    await expect(interrupted).rejects.toThrow(Interrupted);
    expect(state!.history.length).toBeGreaterThanOrEqual(2);
    const config = { ...CONFIG, epochs: 40 };
    const whole = await here.train(TINY_VGG, data, config, 1);
    const resumed = await workers.train(TINY_VGG, data, config, 1, {}, state);
    expect(resumed.weights).toEqual(whole.weights);
  });

  test('an error there is the same error here', async () => {
    const diverging = workers.train(TINY_VGG, data, { ...CONFIG, learningRate: 1e30 }, 1);
    await expect(diverging).rejects.toThrow(Diverged);
    await expect(diverging).rejects.toThrow('The loss became');
  });

  test("an error in what listens ends the training, and is the training's own", async () => {
    const full = workers.train(TINY_VGG, data, { ...CONFIG, epochs: 200 }, 1, {
      onEpoch: () => Promise.reject(new Error('the disk is full')),
    });
    await expect(full).rejects.toThrow('the disk is full');
  });
});

function repeated(times: number) {
  const all = <T extends Uint8Array>(bytes: T) => {
    const many = new Uint8Array(times * bytes.length);
    for (let i = 0; i < times; i++) many.set(bytes, i * bytes.length);
    return many;
  };
  return { images: all(images.images), labels: all(images.labels) };
}
