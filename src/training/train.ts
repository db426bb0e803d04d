import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { gatherBatch, inBatches, type Batch } from '../data/batches';
import type { Dataset } from '../data/cifar10';
import { standardize } from '../data/standardize';
import type { Engine } from '../engine/engine';
import { Interrupted, UserError } from '../errors';
import { initialWeights, type Architecture } from '../model/architecture';
import { trainableNetwork, type TrainableNetwork } from '../model/trainable';
import type { Weights } from '../model/weights';
import { permutation, randomStream } from '../random';
import { evaluate, type Evaluation } from './evaluate';
import { cosineAnnealing } from './schedule';
import { sgd, type Optimizer } from './sgd';

/** How a network is trained. */
export interface TrainingConfig {
  /** Images a step; the last step of an epoch takes what is left. */
  readonly batchSize: number;
  readonly epochs: number;
  /** Of the first epoch; annealed to 0 along a cosine. */
  readonly learningRate: number;
  readonly momentum: number;
  /** L2 penalty added to every parameter's gradient, as PyTorch's SGD does. */
  readonly weightDecay: number;
  /** Probability of dropping an activation before the last layer, in [0, 1). */
  readonly dropout: number;
  /** Random crops and flips of the training images. */
  readonly augment: boolean;
  /** The test set is evaluated after every so many epochs, and after the last. */
  readonly testEvery: number;
  /** Another number gives another order of the batches from the same initial weights; 0 unless told. */
  readonly batchOrder?: number;
}

/** What an epoch left behind. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  readonly learningRate: number;
  /** Mean over the epoch's images of the loss in training mode, each before its own step, in nats. */
  readonly trainingModeLoss: number;
  readonly test: Evaluation | null;
}

export interface TrainingResult {
  readonly weights: Weights;
  /** One record an epoch done. */
  readonly history: readonly EpochRecord[];
  /** Wall time in seconds. */
  readonly seconds: number;
}

/**
 * Where a training stands between two steps: all that is needed to go on as if it had never stopped, since
 * each step draws from random streams of its own.
 */
export interface TrainingState extends TrainingResult {
  /** SGD's velocity of every trainable parameter, in PyTorch's layout. */
  readonly velocities: Weights;
  /** Steps done of the epoch under way, and the sum over their images of the loss. */
  readonly stepsDone: number;
  readonly lossSum: number;
}

/** Told while a training goes on, and how it is stopped. */
export interface TrainingProgress {
  onStep?(step: { epoch: number; loss: number; images: number }): void;
  /** Training goes on when this has ended. */
  onEpoch?(record: EpochRecord, state: () => Promise<TrainingState>): void | Promise<void>;
  /** The last that is heard of a training whose signal was aborted. */
  onInterrupt?(state: TrainingState): void;
  /** Where it is aborted with an {@link Interrupted}, that is thrown after the step under way. */
  readonly signal?: AbortSignal;
}

/** The loss of a training stopped being a number. */
export class Diverged extends UserError {
  override name = 'Diverged';
}

/**
 * Trains a network by SGD with momentum from the initial weights that the seed gives.
 *
 * The seed alone decides the initial weights, the order of the images in each epoch, and the augmentation and
 * the dropout masks of each step, each from its own stream; the engine and its number of threads decide the rounding. All four
 * being equal, the result is the same to the last bit.
 *
 * @param resumed where an earlier, interrupted call with the same arguments stood.
 * @throws Diverged if the loss stops being a number, naming epoch and step.
 */
export async function trainRegime(
  engine: Engine,
  architecture: Architecture,
  data: { train: Dataset; test: Dataset },
  config: TrainingConfig,
  seed: number,
  progress: TrainingProgress = {},
  resumed?: TrainingState,
): Promise<TrainingResult> {
  const begin = performance.now();
  const start = resumed?.weights ?? initialWeights(architecture, randomStream(seed, 'weights'));
  const network = trainableNetwork(engine, architecture, start);
  const optimizer = sgd(engine, network, config, resumed?.velocities);
  const history: EpochRecord[] = [...(resumed?.history ?? [])];
  let { stepsDone, lossSum } = resumed ?? { stepsDone: 0, lossSum: 0 };
  const seconds = () => (resumed?.seconds ?? 0) + (performance.now() - begin) / 1000;
  const state = async () => ({
    weights: await network.weights(),
    velocities: await optimizer.velocities(),
    history: [...history],
    seconds: seconds(),
    stepsDone,
    lossSum,
  });
  const { signal } = progress;
  try {
    for (let epoch = history.length + 1; epoch <= config.epochs; epoch++) {
      const learningRate = cosineAnnealing(config.learningRate, epoch - 1, config.epochs);
      await trainEpoch(epoch, learningRate);
      const dueForTest = epoch % config.testEvery === 0 || epoch === config.epochs;
      const test = dueForTest
        ? await evaluate(engine, architecture, await network.weights(), data.test, { signal })
        : null;
      const record = { epoch, learningRate, trainingModeLoss: lossSum / data.train.count, test };
      history.push(record);
      [stepsDone, lossSum] = [0, 0];
      await progress.onEpoch?.(record, state);
    }
    return { weights: await network.weights(), history, seconds: seconds() };
  } catch (error) {
    if (error instanceof Interrupted) progress.onInterrupt?.(await state());
    throw error;
  } finally {
    optimizer.dispose();
    network.dispose();
  }

  /** Takes the steps of an epoch that are not done yet. */
  async function trainEpoch(epoch: number, learningRate: number): Promise<void> {
    const order = permutation(data.train.count, randomStream(seed, ...orderPurpose(epoch)));
    for (const [index, indices] of [...inBatches(order, config.batchSize)].entries()) {
      const step = index + 1;
      if (step <= stepsDone) continue;
      const augmentation = config.augment ? randomStream(seed, 'augmentation', epoch, step) : undefined;
      const dropout = { rate: config.dropout, random: randomStream(seed, 'dropout', epoch, step) };
      const batch = gatherBatch(data.train, indices, augmentation);
      const loss = await trainStep(engine, network, optimizer, batch, learningRate, dropout);
      if (!Number.isFinite(loss)) {
        throw new Diverged(
          `The loss became ${loss} in epoch ${epoch}, step ${step} at batch size ${config.batchSize}: ` +
            `try a smaller --learning-rate than ${config.learningRate}.`,
        );
      }
      stepsDone = step;
      lossSum += loss * batch.size;
      progress.onStep?.({ epoch, loss, images: batch.size });
      // Lets signals and the progress display have their turn.
      await setImmediate();
      signal?.throwIfAborted();
    }
  }

  function orderPurpose(epoch: number): (string | number)[] {
    return config.batchOrder ? ['order', epoch, config.batchOrder] : ['order', epoch];
  }
}

/** One step over one batch. @returns the batch's mean loss in nats before the step. */
export async function trainStep(
  engine: Engine,
  network: TrainableNetwork,
  optimizer: Optimizer,
  batch: Batch,
  learningRate: number,
  dropout: { rate: number; random: ReturnType<typeof randomStream> },
): Promise<number> {
  const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
  const { loss, gradients, logits } = await network.pass(
    standardize(engine, batch),
    labels,
    dropout.rate > 0 ? dropout : undefined,
  );
  tf.dispose([labels, logits]);
  optimizer.step(gradients, learningRate);
  return loss;
}
