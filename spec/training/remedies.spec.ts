import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Tensor4D } from '@tensorflow/tfjs';
import { gatherBatch, type Batch } from '../../src/data/batches';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { Interrupted } from '../../src/support/errors';
import { distanceBetween } from '../../src/landscape/distance';
import { initialWeights, isTrainable, tensorSpecs, type Architecture } from '../../src/model/architecture';
import { trainableNetwork } from '../../src/model/trainable';
import { tensorNamed, type Weights } from '../../src/model/weights';
import { permutation, randomStream } from '../../src/support/random';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/training/checkpoint';
import { optimizerFor, type OptimizerConfig } from '../../src/training/optimizer';
import { adversarialImages, type DropoutMasks, type Remedies } from '../../src/training/remedies';
import { trainRegime, trainStep, type TrainingConfig } from '../../src/training/train';
import { TINY_VGG, TINY_VGG_WITHOUT_DROPOUT } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { sampleBatch, sampleImages, softmaxRegression } from '../helpers/fixtures';

const images = sampleImages();
const data = { train: images, test: images };
/** Everything that draws random numbers is on. */
const CONFIG: TrainingConfig = {
  batchSize: 24,
  epochs: 2,
  learningRate: 0.01,
  schedule: 'cosine',
  optimizer: { kind: 'adam', weightDecay: 5e-4 },
  augment: true,
  testEvery: 1,
};
const SGD: OptimizerConfig = { kind: 'sgd', momentum: 0, weightDecay: 0 };

let engine: Engine;
beforeAll(async () => {
  engine = await specEngine();
});

const train = (changes: Partial<TrainingConfig> = {}, architecture = TINY_VGG) =>
  trainRegime(engine, architecture, data, { ...CONFIG, ...changes }, 42);

/** Steps over batches from the same initial weights. */
async function steps(
  architecture: Architecture,
  batches: readonly Batch[],
  learningRate: number,
  remedies: Remedies,
  dropout?: DropoutMasks,
): Promise<{ start: Weights; weights: Weights; losses: number[] }> {
  const start = initialWeights(architecture, randomStream(7, 'weights'));
  const network = trainableNetwork(engine, architecture, start);
  const optimizer = optimizerFor(engine, network, SGD);
  const losses: number[] = [];
  for (const batch of batches) {
    losses.push(await trainStep(engine, network, optimizer, batch, learningRate, dropout, remedies));
  }
  const weights = await network.weights();
  optimizer.dispose();
  network.dispose();
  return { start, weights, losses };
}

function trainableOf(architecture: Architecture, weights: Weights): Weights {
  return new Map(
    tensorSpecs(architecture)
      .filter(isTrainable)
      .map(({ name }) => [name, tensorNamed(weights, name)]),
  );
}

describe('conservative training', () => {
  test.each([0, 1e-3, 10])(
    'of one iteration is plain training to the last bit, with λ = %d, since its pull begins at 0',
    async (lambda) => {
      const [plain, conservative] = [await train(), await train({ conservative: { lambda, iterations: 1 } })];
      expect(conservative.weights).toEqual(plain.weights);
      expect(conservative.history).toEqual(plain.history);
    },
  );

  test.each<[string, Partial<TrainingConfig>, Partial<TrainingConfig>]>([
    ['more iterations', {}, { conservative: { lambda: 0, iterations: 3 } }],
    [
      'a larger λ',
      { conservative: { lambda: 0, iterations: 3 } },
      { conservative: { lambda: 1, iterations: 3 } },
    ],
  ])('ends elsewhere with %s', async (_, one, other) => {
    expect((await train(one)).weights).not.toEqual((await train(other)).weights);
  });

  test('moves less on a batch the larger λ is', async () => {
    const moves: number[] = [];
    for (const lambda of [0, 1, 5, 20]) {
      const conservative = { lambda, iterations: 5 };
      const { start, weights } = await steps(TINY_VGG_WITHOUT_DROPOUT, [sampleBatch(0, 16)], 0.02, {
        conservative,
      });
      moves.push(distanceBetween(TINY_VGG_WITHOUT_DROPOUT, start, weights));
    }
    for (let i = 1; i < moves.length; i++) expect(moves[i]).toBeLessThan(0.99 * moves[i - 1]);
  });

  test('is held by where each batch began: softmax regression by hand, over two batches', async () => {
    const architecture = softmaxRegression();
    const batches = [sampleBatch(0, 6), sampleBatch(6, 12)];
    const [rate, lambda, iterations] = [2e-3, 100, 3];
    const { start, weights } = await steps(architecture, batches, rate, {
      conservative: { lambda, iterations },
    });
    const expected = await byHand(start, batches, rate, lambda, iterations);
    for (const name of ['classifier.0.weight', 'classifier.0.bias']) {
      const begun = tensorNamed(start, name).data;
      const own = tensorNamed(weights, name).data;
      const far = Math.hypot(...expected.get(name)!.map((value, i) => value - begun[i]));
      const apart = Math.hypot(...expected.get(name)!.map((value, i) => value - own[i]));
      expect(apart / far).toBeLessThan(1e-4);
    }
  });

  /** The same steps in float64. */
  async function byHand(
    start: Weights,
    batches: readonly Batch[],
    rate: number,
    lambda: number,
    iterations: number,
  ): Promise<Map<string, Float64Array>> {
    const weight = Float64Array.from(tensorNamed(start, 'classifier.0.weight').data);
    const bias = Float64Array.from(tensorNamed(start, 'classifier.0.bias').data);
    const pixels = weight.length / bias.length;
    for (const batch of batches) {
      const rows = await rowsOf(batch);
      const [weightBefore, biasBefore] = [weight.slice(), bias.slice()];
      for (let iteration = 0; iteration < iterations; iteration++) {
        const pull = (now: Float64Array, before: Float64Array) =>
          now.map((value, i) => lambda * (value - before[i]));
        const [dWeight, dBias] = [pull(weight, weightBefore), pull(bias, biasBefore)];
        rows.forEach((row, image) => {
          const scores = bias.map(
            (own, k) => own + row.reduce((sum, x, i) => sum + x * weight[k * pixels + i], 0),
          );
          const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
          scores.forEach((score, k) => {
            const d = (Math.exp(score) / total - (batch.labels[image] === k ? 1 : 0)) / batch.size;
            dBias[k] += d;
            row.forEach((x, i) => (dWeight[k * pixels + i] += d * x));
          });
        });
        weight.forEach((_, i) => (weight[i] -= rate * dWeight[i]));
        bias.forEach((_, i) => (bias[i] -= rate * dBias[i]));
      }
    }
    return new Map([
      ['classifier.0.weight', weight],
      ['classifier.0.bias', bias],
    ]);
  }

  /** Standardized pixels of each image, channel by channel as PyTorch flattens them. */
  async function rowsOf(batch: Batch): Promise<number[][]> {
    const pixels = standardize(engine, batch);
    const planes = pixels.transpose([0, 3, 1, 2]).reshape([batch.size, -1]);
    const rows = (await planes.array()) as number[][];
    tf.dispose([pixels, planes]);
    return rows;
  }

  test("reports a batch's loss before its first iteration", async () => {
    const batches = [sampleBatch(0, 16)];
    const plain = await steps(TINY_VGG_WITHOUT_DROPOUT, batches, 0.05, {});
    const three = await steps(TINY_VGG_WITHOUT_DROPOUT, batches, 0.05, {
      conservative: { lambda: 1e-3, iterations: 3 },
    });
    expect(three.losses).toEqual(plain.losses);
  });

  test('draws the masks of each iteration anew', async () => {
    const asked: number[] = [];
    const masks = (own: (iteration: number) => number) => (iteration: number) => {
      asked.push(iteration);
      return randomStream(own(iteration));
    };
    const conservative = { lambda: 1e-3, iterations: 3 };
    const batches = [sampleBatch(0, 16)];
    const anew = await steps(
      TINY_VGG,
      batches,
      0.05,
      { conservative },
      masks((iteration) => iteration),
    );
    const same = await steps(
      TINY_VGG,
      batches,
      0.05,
      { conservative },
      masks(() => 1),
    );
    expect(asked).toEqual([1, 2, 3, 1, 2, 3]);
    expect(anew.weights).not.toEqual(same.weights);
  });
});

test('a training draws masks from a stream for each step, and for each iteration where there are several', async () => {
  const { count } = images;
  const batch = gatherBatch(images, permutation(count, randomStream(7, 'order', 1)));
  for (const [iterations, purpose] of [
    [1, () => []],
    [3, (iteration: number) => [iteration]],
  ] as const) {
    const conservative = { lambda: 1, iterations };
    const config = { ...CONFIG, optimizer: SGD, augment: false, batchSize: count, epochs: 1, conservative };
    const whole = await trainRegime(engine, TINY_VGG, data, config, 7);
    const { weights } = await steps(TINY_VGG, [batch], 0.01, { conservative }, (iteration) =>
      randomStream(7, 'dropout', 1, 1, ...purpose(iteration)),
    );
    expect(whole.weights).toEqual(weights);
  }
});

describe('the gradient by the images', () => {
  const batch = sampleBatch(0, 16);
  /** F1's order of layers: the images go straight into a linear one. */
  const flat: Architecture = {
    name: 'flat',
    layers: [
      { kind: 'flatten', channels: 3, side: 32 },
      { kind: 'linear', name: 'classifier.0', inputs: 3072, outputs: 12, relu: true },
      { kind: 'linear', name: 'classifier.3', inputs: 12, outputs: 10, relu: false },
    ],
  };

  /** Loss of the batch, from its logits in float64, and its gradient by the images where it is asked for. */
  async function pass(architecture: Architecture, pixels: Tensor4D, imageGradient: boolean) {
    const network = trainableNetwork(
      engine,
      architecture,
      initialWeights(architecture, randomStream(7, 'weights')),
    );
    const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
    const result = await network.pass(pixels, labels, randomStream(3), imageGradient);
    const logits = (await result.logits.array()) as number[][];
    tf.dispose([labels, result.logits, ...result.gradients.values()]);
    network.dispose();
    const losses = logits.map(
      (scores, image) =>
        Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[batch.labels[image]],
    );
    return { loss: losses.reduce((a, b) => a + b) / losses.length, gradient: result.imageGradient };
  }

  test.each<[string, Architecture]>([
    ['a network with convolutions and dropout', TINY_VGG],
    ['a network of linear layers', flat],
  ])('is what finite differences find, in %s', async (_, architecture) => {
    const { gradient } = await pass(architecture, standardize(engine, batch), true);
    const values = await gradient!.data<'float32'>();
    const shape = gradient!.shape;
    gradient!.dispose();
    const random = randomStream(1);
    // Along the gradient, and with each of its numbers weighted at random, which no gradient across would pass.
    for (const weigh of [() => 1, () => random.uniform()]) {
      const direction = Float32Array.from(values, (value) => value * weigh());
      const norm = Math.hypot(...direction);
      const slope = values.reduce((sum, value, i) => sum + value * direction[i], 0) / norm;
      const h = 0.03;
      const lossAt = async (step: number) => {
        const pixels = tf.tidy(() => {
          const unit = tf.tensor4d(direction, shape).mul(step / norm);
          return standardize(engine, batch).add<Tensor4D>(unit);
        });
        return (await pass(architecture, pixels, false)).loss;
      };
      const difference = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
      expect(Math.abs(difference / slope - 1)).toBeLessThan(0.02);
    }
  });

  test('is not there where it is not asked for', async () => {
    const { gradient } = await pass(TINY_VGG, standardize(engine, batch), false);
    expect(gradient).toBeUndefined();
  });
});

describe('adversarial training', () => {
  const batch = sampleBatch(0, 16);
  const { channels, mean, deviation } = batch.kind;

  test('moves every pixel by ε along the sign of its gradient, but never out of range', async () => {
    const extreme: Batch = {
      ...batch,
      images: batch.images.map((byte) => (byte < 90 ? 0 : byte > 160 ? 255 : byte)),
    };
    const epsilon = 2 / 255;
    const pixels = standardize(engine, extreme);
    const signs = Float32Array.from({ length: pixels.size }, (_, i) =>
      i % 7 === 0 ? 0 : i % 2 === 0 ? 1 : -1,
    );
    const gradient = tf.tensor4d(
      signs.map((sign) => 1e-6 * sign),
      pixels.shape,
    );
    const moved = adversarialImages(engine, extreme.kind, pixels, gradient, epsilon);
    const values = await moved.data<'float32'>();
    tf.dispose([pixels, gradient, moved]);
    values.forEach((value, i) => {
      const share = value * deviation[i % channels] + mean[i % channels];
      const wanted = Math.min(1, Math.max(0, extreme.images[i] / 255 + epsilon * signs[i]));
      if (Math.abs(share - wanted) > 1e-6) throw new Error(`pixel ${i} is ${share}, not ${wanted}`);
    });
  });

  test('with ε = 0 is plain training to the last bit, but for running statistics, which move twice a step', async () => {
    const plain = await train();
    const adversarial = await train({ adversarial: { epsilon: 0 } });
    expect(trainableOf(TINY_VGG, adversarial.weights)).toEqual(trainableOf(TINY_VGG, plain.weights));
    expect(adversarial.history.map(({ trainingModeLoss }) => trainingModeLoss)).toEqual(
      plain.history.map(({ trainingModeLoss }) => trainingModeLoss),
    );
    expect(adversarial.weights).not.toEqual(plain.weights);

    // new = 0.9 · old + 0.1 · batch, once and twice, of a mean that begins at 0.
    const once = await steps(TINY_VGG, [batch], 0, {});
    const twice = await steps(TINY_VGG, [batch], 0, { adversarial: { epsilon: 0 } });
    const running = ({ weights }: { weights: Weights }) =>
      tensorNamed(weights, 'features.1.running_mean').data;
    running(twice).forEach((value, i) => expect(value / running(once)[i]).toBeCloseTo(1.9, 5));
  });

  test('steps along the mean of the gradients by the images and by the adversarial ones, and reports the mean loss', async () => {
    const epsilon = 8 / 255;
    const { start, weights, losses } = await steps(TINY_VGG, [batch], 1, { adversarial: { epsilon } }, () =>
      randomStream(5),
    );
    const network = trainableNetwork(engine, TINY_VGG, start);
    const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
    const pixels = standardize(engine, batch);
    const clean = await network.pass(pixels.clone(), labels, randomStream(5), true);
    const moved = adversarialImages(engine, batch.kind, pixels, clean.imageGradient!, epsilon);
    const adversarial = await network.pass(moved, labels, randomStream(5));
    expect(losses[0]).toBeCloseTo((clean.loss + adversarial.loss) / 2, 6);
    for (const name of network.trainable) {
      const [first, second] = [
        await network.toHost(name, clean.gradients.get(name)!),
        await network.toHost(name, adversarial.gradients.get(name)!),
      ];
      const [before, after] = [tensorNamed(start, name).data, tensorNamed(weights, name).data];
      after.forEach((value, i) =>
        expect(before[i] - value).toBeCloseTo((first.data[i] + second.data[i]) / 2, 6),
      );
    }
    tf.dispose([labels, pixels, clean.logits, adversarial.logits, clean.imageGradient!]);
    tf.dispose([...clean.gradients.values(), ...adversarial.gradients.values()]);
    network.dispose();
  });

  test('finds a higher loss, by ε times the sum of the gradient over the pixels to first order', async () => {
    const epsilon = 0.05 / 255;
    const plain = await steps(TINY_VGG_WITHOUT_DROPOUT, [batch], 0, {});
    const both = await steps(TINY_VGG_WITHOUT_DROPOUT, [batch], 0, { adversarial: { epsilon } });
    const rise = 2 * (both.losses[0] - plain.losses[0]);

    const network = trainableNetwork(engine, TINY_VGG_WITHOUT_DROPOUT, plain.start);
    const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
    const { imageGradient, gradients, logits } = await network.pass(
      standardize(engine, batch),
      labels,
      undefined,
      true,
    );
    const slopes = await imageGradient!.data<'float32'>();
    tf.dispose([labels, imageGradient!, logits, ...gradients.values()]);
    network.dispose();
    const reachable = slopes.reduce((sum, slope, i) => {
      const byte = batch.images[i];
      const stuck = (byte === 0 && slope < 0) || (byte === 255 && slope > 0);
      return sum + (stuck ? 0 : (epsilon / deviation[i % channels]) * Math.abs(slope));
    }, 0);
    expect(rise).toBeGreaterThan(0);
    expect(Math.abs(rise / reachable - 1)).toBeLessThan(0.05);
  });
});

describe('a training with all remedies', () => {
  const remedies: Remedies = {
    conservative: { lambda: 0.1, iterations: 2 },
    adversarial: { epsilon: 2 / 255 },
  };

  test('that was interrupted after any step goes on to the same weights, through bytes', async () => {
    const undisturbed = await train(remedies);
    expect(undisturbed.weights).not.toEqual((await train({ ...remedies, adversarial: undefined })).weights);
    const count = CONFIG.epochs * Math.ceil(images.count / CONFIG.batchSize);
    for (let stop = 1; stop <= count; stop++) {
      const controller = new AbortController();
      let stored: Uint8Array | undefined;
      let done = 0;
      const interrupted = trainRegime(engine, TINY_VGG, data, { ...CONFIG, ...remedies }, 42, {
        signal: controller.signal,
        onStep: () => {
          if (++done === stop) controller.abort(new Interrupted());
        },
        onInterrupt: (state) => (stored = encodeCheckpoint(state)),
      });
      await expect(interrupted).rejects.toThrow(Interrupted);
      const state = decodeCheckpoint(stored!);
      const resumed = await trainRegime(engine, TINY_VGG, data, { ...CONFIG, ...remedies }, 42, {}, state);
      expect(resumed.weights).toEqual(undisturbed.weights);
      expect(resumed.history).toEqual(undisturbed.history);
    }
  });

  test('keeps the checkpoint of plain training: the same tensors', async () => {
    const namesOf = async (changes: Partial<TrainingConfig>) => {
      let names: string[] = [];
      await trainRegime(engine, TINY_VGG, data, { ...CONFIG, ...changes, epochs: 1 }, 42, {
        async onEpoch(_, state) {
          const { weights, optimizer } = await state();
          names = [...weights.keys(), ...optimizer.keys()];
        },
      });
      return names;
    };
    expect(await namesOf(remedies)).toEqual(await namesOf({}));
  });

  test('leaks no tensor in a step, nor in a whole training', async () => {
    const network = trainableNetwork(engine, TINY_VGG, initialWeights(TINY_VGG, randomStream(1)));
    const optimizer = optimizerFor(engine, network, CONFIG.optimizer);
    const step = () =>
      trainStep(engine, network, optimizer, sampleBatch(0, 16), 0.01, () => randomStream(1), remedies);
    await step();
    const { numTensors, numDataBuffers } = tf.memory();
    await step();
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
    optimizer.dispose();
    network.dispose();

    const before = tf.memory().numTensors;
    await train(remedies);
    expect(tf.memory().numTensors).toBe(before);
  });
});
