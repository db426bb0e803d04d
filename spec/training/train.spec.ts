import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../../src/engine/engine';
import { Interrupted, UserError } from '../../src/support/errors';
import { initialWeights, isTrainable, tensorSpecs } from '../../src/model/architecture';
import { trainableNetwork } from '../../src/model/trainable';
import { randomStream, type RandomStream } from '../../src/support/random';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/training/checkpoint';
import { evaluate } from '../../src/training/evaluate';
import { optimizerFor } from '../../src/training/optimizer';
import { batchStatistics } from '../../src/training/statistics';
import { trainRegime, trainStep, type TrainingConfig } from '../../src/training/train';
import { TINY_VGG, TINY_VGG_WITHOUT_DROPOUT } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { sampleBatch, sampleImages } from '../helpers/fixtures';

const images = sampleImages();
const data = { train: images, test: images };
/** Everything that draws random numbers is on. */
const CONFIG: TrainingConfig = {
  batchSize: 24,
  epochs: 4,
  learningRate: 0.02,
  schedule: 'cosine',
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
  augment: true,
  testEvery: 2,
};

const PLAIN = { kind: 'sgd', momentum: 0.9, weightDecay: 0 } as const;

describe('training', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await specEngine();
  });
  const train = (changes: Partial<TrainingConfig> = {}, seed = 42) =>
    trainRegime(engine, TINY_VGG, data, { ...CONFIG, ...changes }, seed);

  test('under one seed ends at weights that are the same to the last bit', async () => {
    const [first, second] = [await train(), await train()];
    expect(second.weights).toEqual(first.weights);
    expect(second.history).toEqual(first.history);
  });

  test('under another seed ends elsewhere', async () => {
    expect((await train({}, 43)).weights).not.toEqual((await train()).weights);
  });

  test.each<Partial<TrainingConfig>>([
    { batchSize: 32 },
    { augment: false },
    { schedule: 'constant' },
    { optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 } },
    { optimizer: { kind: 'sgd', momentum: 0.5, weightDecay: 5e-4 } },
    { optimizer: { kind: 'adam', weightDecay: 5e-4 } },
  ])('ends elsewhere with %j', async (changes) => {
    expect((await train(changes)).weights).not.toEqual((await train()).weights);
  });

  test('ends elsewhere without dropout', async () => {
    const { weights } = await trainRegime(engine, TINY_VGG_WITHOUT_DROPOUT, data, CONFIG, 42);
    expect(weights).not.toEqual((await train()).weights);
  });

  test('begins both regimes at the same weights, whatever the batch size', async () => {
    // A learning rate too small to change a float32.
    const [small, large] = [
      await train({ batchSize: 8, learningRate: 1e-30, optimizer: PLAIN }),
      await train({ batchSize: 64, learningRate: 1e-30, optimizer: PLAIN }),
    ];
    for (const name of ['features.0.weight', 'classifier.0.weight', 'classifier.3.bias']) {
      expect(small.weights.get(name)).toEqual(large.weights.get(name));
      expect(small.weights.get(name)).toEqual(
        initialWeights(TINY_VGG, randomStream(42, 'weights')).get(name),
      );
    }
  });

  test('sees the images in another order in each epoch', async () => {
    const losses = async (seed: number) => {
      const seen = new Map<number, number[]>();
      const onStep = ({ epoch, loss }: { epoch: number; loss: number }) =>
        void seen.set(epoch, [...(seen.get(epoch) ?? []), loss]);
      const still = { ...CONFIG, epochs: 2, learningRate: 1e-30, optimizer: PLAIN, augment: false };
      await trainRegime(engine, TINY_VGG_WITHOUT_DROPOUT, data, still, seed, { onStep });
      return seen;
    };
    const seen = await losses(42);
    expect(seen.get(1)).toHaveLength(3);
    expect(seen.get(2)).not.toEqual(seen.get(1));
  });

  test('brings the loss down', async () => {
    const config = { ...CONFIG, epochs: 30, augment: false, testEvery: 30 };
    const { history } = await trainRegime(engine, TINY_VGG_WITHOUT_DROPOUT, data, config, 42);
    expect(history.at(-1)!.trainingModeLoss).toBeLessThan(0.5 * history[0].trainingModeLoss);
  });

  test('to a loss ends behind the first epoch at whose end the training images have it, and is else the same', async () => {
    const config = { ...CONFIG, epochs: 40, augment: false, schedule: 'constant', testEvery: 40 } as const;
    const stopping = { loss: 1.2 };
    const run = (changes: Partial<TrainingConfig>) =>
      trainRegime(engine, TINY_VGG, data, { ...config, ...changes }, 42);
    const ended = await run({ stopping });
    const epochs = ended.history.length;
    expect(epochs).toBeGreaterThan(2);
    expect(epochs).toBeLessThan(40);
    for (const { trainingLoss = Infinity } of ended.history.slice(0, -1))
      expect(trainingLoss).toBeGreaterThan(1.2);
    // What the measures start from: the running statistics that end a training are not those of its weights.
    const settled = await batchStatistics(engine, TINY_VGG, ended.weights, images, {
      batchSize: images.count,
    });
    const { loss } = await evaluate(engine, TINY_VGG, settled, images);
    expect(ended.history.at(-1)!.trainingLoss).toBe(loss);
    expect(loss).toBeLessThanOrEqual(1.2);
    expect(ended.weights).toEqual((await run({ epochs })).weights);
  });

  test('evaluates the test set every so many epochs and after the last', async () => {
    const { history } = await train({ epochs: 5 });
    expect(history.map(({ test: evaluation }) => evaluation !== null)).toEqual([
      false,
      true,
      false,
      true,
      true,
    ]);
  });

  test('leaves the data as it was', async () => {
    const before = Buffer.from(images.images).toString('base64');
    await train();
    expect(Buffer.from(images.images).toString('base64')).toBe(before);
  });

  test('that was interrupted after any epoch or step goes on to the same weights, through bytes', async () => {
    const undisturbed = await train();
    const steps = CONFIG.epochs * Math.ceil(data.train.count / CONFIG.batchSize);
    for (let stop = 1; stop <= steps; stop++) {
      const controller = new AbortController();
      let stored: Uint8Array | undefined;
      let done = 0;
      const interrupted = trainRegime(engine, TINY_VGG, data, CONFIG, 42, {
        signal: controller.signal,
        onStep: () => {
          if (++done === stop) controller.abort(new Interrupted());
        },
        onInterrupt: (state) => (stored = encodeCheckpoint(state)),
      });
      await expect(interrupted).rejects.toThrow(Interrupted);
      expect(done).toBe(stop);
      const state = decodeCheckpoint(stored!);
      expect(state.history.length * (steps / CONFIG.epochs) + state.stepsDone).toBe(stop);
      const resumed = await trainRegime(engine, TINY_VGG, data, CONFIG, 42, {}, state);
      expect(resumed.weights).toEqual(undisturbed.weights);
      expect(resumed.history).toEqual(undisturbed.history);
    }
  });

  test.each([
    ['crops and flips', { augment: true }, TINY_VGG_WITHOUT_DROPOUT],
    ['drops', { augment: false }, TINY_VGG],
  ])('%s anew in each step', async (_, changes, architecture) => {
    const one = sampleImages();
    const repeated = {
      kind: one.kind,
      count: 48,
      images: Uint8Array.from({ length: 48 * 3072 }, (_unused, i) => one.images[i % 3072]),
      labels: new Uint8Array(48).fill(one.labels[0]),
    };
    const losses: number[] = [];
    const still = { ...CONFIG, ...changes, epochs: 1, learningRate: 0, optimizer: PLAIN };
    await trainRegime(engine, architecture, { train: repeated, test: images }, still, 1, {
      onStep: ({ loss }) => losses.push(loss),
    });
    expect(losses).toHaveLength(2);
    expect(losses[0]).not.toBe(losses[1]);
  });

  test('with another batch order starts at the same weights and takes another way', async () => {
    const [one, other] = [await train(), await train({ batchOrder: 1 })];
    expect(one.weights).not.toEqual(other.weights);
    const still = { learningRate: 0, optimizer: PLAIN };
    const [start, otherStart] = [await train(still), await train({ ...still, batchOrder: 1 })];
    for (const { name } of tensorSpecs(TINY_VGG).filter(isTrainable)) {
      expect(otherStart.weights.get(name)).toEqual(start.weights.get(name));
    }
    expect(otherStart.history).not.toEqual(start.history);
  });

  test('stops where the loss is no number, naming epoch, step and batch size', async () => {
    const diverging = train({
      learningRate: 1e20,
      optimizer: { kind: 'sgd', momentum: 0, weightDecay: 5e-4 },
    });
    await expect(diverging).rejects.toThrow(UserError);
    await expect(diverging).rejects.toThrow(
      /The loss became (NaN|Infinity) in epoch 1, step \d at batch size 24/,
    );
  });

  test('leaks no tensor in a step, nor in a whole training', async () => {
    const network = trainableNetwork(engine, TINY_VGG, initialWeights(TINY_VGG, randomStream(1)));
    const optimizer = optimizerFor(engine, network, CONFIG.optimizer);
    const step = () => trainStep(engine, network, optimizer, sampleBatch(0, 16), 0.01, () => randomStream(1));
    await step();
    const { numTensors, numDataBuffers } = tf.memory();
    await step();
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
    optimizer.dispose();
    network.dispose();

    const before = tf.memory().numTensors;
    await train();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('drops activations with the rate given and keeps their expectation', async () => {
    const initial = initialWeights(TINY_VGG, randomStream(1));
    const lossAt = async (dropout?: RandomStream) => {
      const network = trainableNetwork(engine, TINY_VGG, initial);
      const optimizer = optimizerFor(engine, network, CONFIG.optimizer);
      const masks = dropout && (() => dropout);
      const loss = await trainStep(engine, network, optimizer, sampleBatch(0, 16), 0, masks);
      optimizer.dispose();
      network.dispose();
      return loss;
    };
    const without = await lossAt();
    const losses: number[] = [];
    for (let seed = 0; seed < 100; seed++) losses.push(await lossAt(randomStream(seed)));
    const mean = losses.reduce((a, b) => a + b) / losses.length;
    expect(losses[1]).not.toBe(losses[2]);
    // Cross entropy is convex in the logits, so that noise of mean 0 can only add a little.
    expect(mean - without).toBeGreaterThan(0);
    expect(mean - without).toBeLessThan(0.1);
  });
});
