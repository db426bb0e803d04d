import * as tf from '@tensorflow/tfjs';
import { gatherBatch, inBatches, type Batch } from '../data/batches';
import type { Dataset } from '../data/dataset';
import { standardize } from '../data/standardize';
import type { Engine } from '../engine/engine';
import { Interrupted, UserError } from '../support/errors';
import { initialWeights, type Architecture } from '../model/architecture';
import { trainableNetwork, type TrainableNetwork } from '../model/trainable';
import type { Weights } from '../model/weights';
import { permutation, randomStream, type RandomStream } from '../support/random';
import { nextTurn } from '../support/next-turn';
import { evaluate, type Evaluation } from './evaluate';
import { optimizerFor, type Optimizer, type OptimizerConfig } from './optimizer';
import {
  adversarialPass,
  conservativeSteps,
  type DropoutMasks,
  type ParameterGradients,
  type Remedies,
} from './remedies';
import { learningRateAt, type Schedule } from './schedule';
import { batchStatistics, STATISTICS_BATCH } from './statistics';
import { asksForTrainingLoss, endsTraining, type EpochLosses, type StoppingRule } from './stopping';

/** How a network is trained. */
export interface TrainingConfig extends Remedies {
  /** Images a step; the last step of an epoch takes what is left. */
  readonly batchSize: number;
  /** Number of epochs; the maximum number where a stopping rule or a number of steps is set. */
  readonly epochs: number;
  /** Number of optimizer steps after which training ends, possibly within an epoch. */
  readonly steps?: number;
  readonly stopping?: StoppingRule;
  /** Of the first epoch. */
  readonly learningRate: number;
  readonly schedule: Schedule;
  /** Number of epochs over which a schedule runs; `epochs` by default. */
  readonly scheduleEpochs?: number;
  readonly optimizer: OptimizerConfig;
  /** Random crops and flips of the training images. */
  readonly augment: boolean;
  /** Epochs between evaluations of the test set, which is also evaluated at the end; never by default. */
  readonly testEvery?: number;
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
  /**
   * Mean loss of the training images behind the epoch's last step, batch norm with their own statistics, in nats; only
   * where a rule to stop by looked at it.
   */
  readonly trainingLoss?: number;
  readonly test?: Evaluation | null;
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
  /** What the optimizer keeps of every trainable parameter: see {@link Optimizer.state}. */
  readonly optimizer: Weights;
  /** Steps done of the epoch under way, and the sum over their images of the loss. */
  readonly stepsDone: number;
  readonly lossSum: number;
}

/** Callbacks during training, and the signal that aborts it. */
export interface TrainingProgress {
  onStep?(step: { epoch: number; loss: number; images: number }): void;
  /** Training goes on when this has ended. */
  onEpoch?(record: EpochRecord, state: () => Promise<TrainingState>): void | Promise<void>;
  /** Numbers of optimizer steps, counted from the start of training, after which `onSnapshot` is called. */
  readonly snapshotSteps?: readonly number[];
  /** Receives the weights, with the running statistics as they are then. Training continues once this has ended. */
  onSnapshot?(step: number, weights: Weights): void | Promise<void>;
  /** The last call of a training whose signal was aborted. */
  onInterrupt?(state: TrainingState): void;
  /** Where it is aborted with an {@link Interrupted}, that is thrown after the step under way. */
  readonly signal?: AbortSignal;
}

/** The images of a training; the test set is needed only where `testEvery` is set. */
export interface TrainingData {
  readonly train: Dataset;
  readonly test?: Dataset;
}

/** The loss of a training stopped being a number. */
export class Diverged extends UserError {
  override name = 'Diverged';
}

/**
 * Trains a network from the initial weights that the seed gives.
 *
 * The seed alone decides the initial weights, the order of the images in each epoch, and the augmentation and
 * the dropout masks of each step, each from its own stream; the engine and its number of threads decide the
 * rounding. All four being equal, the result is the same to the last bit.
 *
 * @param resumed where an earlier, interrupted call with the same arguments stood.
 * @throws Diverged if the loss stops being a number, naming epoch and step.
 */
export async function trainRegime(
  engine: Engine,
  architecture: Architecture,
  data: TrainingData,
  config: TrainingConfig,
  seed: number,
  progress: TrainingProgress = {},
  resumed?: TrainingState,
): Promise<TrainingResult> {
  const begin = performance.now();
  const start = resumed?.weights ?? initialWeights(architecture, randomStream(seed, 'weights'));
  const network = trainableNetwork(engine, architecture, start);
  const history: EpochRecord[] = [...(resumed?.history ?? [])];
  let { stepsDone, lossSum } = resumed ?? { stepsDone: 0, lossSum: 0 };
  const stepsAnEpoch = Math.ceil(data.train.count / config.batchSize);
  const iterations = config.conservative?.iterations ?? 1;
  const optimizer = optimizerFor(
    engine,
    network,
    config.optimizer,
    resumed && {
      state: resumed.optimizer,
      steps: iterations * (history.length * stepsAnEpoch + stepsDone),
    },
  );
  const seconds = () => (resumed?.seconds ?? 0) + (performance.now() - begin) / 1000;
  const state = async () => ({
    weights: await network.weights(),
    optimizer: await optimizer.state(),
    history: [...history],
    seconds: seconds(),
    stepsDone,
    lossSum,
  });
  const { signal } = progress;
  try {
    while (!isOver()) {
      const epoch = history.length + 1;
      const learningRate = learningRateAt(
        config.schedule,
        config.learningRate,
        epoch - 1,
        config.scheduleEpochs ?? config.epochs,
      );
      await trainEpoch(epoch, learningRate);
      // A number of steps that is reached within an epoch leaves that epoch out of the history.
      if (stepsDone < stepsAnEpoch) break;
      const trainingModeLoss = lossSum / data.train.count;
      const losses = asksForTrainingLoss(config.stopping, trainingModeLoss)
        ? { trainingModeLoss, trainingLoss: await trainingLoss() }
        : { trainingModeLoss };
      const isTested = config.testEvery !== undefined && (isOver(losses) || epoch % config.testEvery === 0);
      const test = isTested
        ? await evaluate(engine, architecture, await network.weights(), data.test!, { signal })
        : null;
      const record = { epoch, learningRate, ...losses, test };
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

  /** Whether training ends behind the epochs done, and one more where it is given. */
  function isOver(...next: EpochLosses[]): boolean {
    const epochs = [...history, ...next];
    return (
      epochs.length >= config.epochs ||
      epochs.length * stepsAnEpoch >= (config.steps ?? Infinity) ||
      (config.stopping !== undefined && endsTraining(epochs, config.stopping))
    );
  }

  /** Of the weights as they are. Batch norm's running statistics would lag behind them where an epoch has few steps. */
  async function trainingLoss(): Promise<number> {
    const batchSize = Math.min(data.train.count, STATISTICS_BATCH);
    const weights = await network.weights();
    const settled = await batchStatistics(engine, architecture, weights, data.train, { batchSize, signal });
    return (await evaluate(engine, architecture, settled, data.train, { signal })).loss;
  }

  /** Takes the steps of an epoch that are not done yet. */
  async function trainEpoch(epoch: number, learningRate: number): Promise<void> {
    const order = permutation(data.train.count, randomStream(seed, ...orderPurpose(epoch)));
    for (const [index, indices] of [...inBatches(order, config.batchSize)].entries()) {
      const step = index + 1;
      if (step <= stepsDone) continue;
      const stepsBefore = history.length * stepsAnEpoch + stepsDone;
      if (stepsBefore >= (config.steps ?? Infinity)) return;
      const augmentation = config.augment ? randomStream(seed, 'augmentation', epoch, step) : undefined;
      const dropout: DropoutMasks = (iteration) =>
        randomStream(seed, 'dropout', epoch, step, ...(iterations > 1 ? [iteration] : []));
      const batch = gatherBatch(data.train, indices, augmentation);
      const loss = await trainStep(engine, network, optimizer, batch, learningRate, dropout, config);
      if (!Number.isFinite(loss)) {
        throw new Diverged(
          `The loss became ${loss} in epoch ${epoch}, step ${step} at batch size ${config.batchSize}: ` +
            `try a smaller --learning-rate than ${config.learningRate}.`,
        );
      }
      stepsDone = step;
      lossSum += loss * batch.size;
      progress.onStep?.({ epoch, loss, images: batch.size });
      if (progress.snapshotSteps?.includes(stepsBefore + 1)) {
        await progress.onSnapshot?.(stepsBefore + 1, await network.weights());
      }
      // Lets signals and the progress display have their turn.
      await nextTurn();
      signal?.throwIfAborted();
    }
  }

  function orderPurpose(epoch: number): (string | number)[] {
    return config.batchOrder ? ['order', epoch, config.batchOrder] : ['order', epoch];
  }
}

/**
 * One step over one batch; with conservative training, all of its iterations.
 *
 * @param dropout where the masks come from; nothing is dropped without it.
 * @returns the batch's mean loss in nats before the step; with adversarial training, the mean of its two halves.
 */
export async function trainStep(
  engine: Engine,
  network: TrainableNetwork,
  optimizer: Optimizer,
  batch: Batch,
  learningRate: number,
  dropout?: DropoutMasks,
  { conservative, adversarial }: Remedies = {},
): Promise<number> {
  const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
  const pass = async (masks?: () => RandomStream) => {
    if (adversarial) return adversarialPass(engine, network, batch, labels, adversarial, masks);
    const { logits, ...plain } = await network.pass(standardize(engine, batch), labels, masks?.());
    logits.dispose();
    return plain;
  };
  const step = async (
    iteration: number,
    change: (gradients: ParameterGradients) => ParameterGradients = (gradients) => gradients,
  ) => {
    const { loss, gradients } = await pass(dropout && (() => dropout(iteration)));
    optimizer.step(change(gradients), learningRate);
    return loss;
  };
  const loss = conservative ? await conservativeSteps(network, conservative, step) : await step(1);
  labels.dispose();
  return loss;
}
