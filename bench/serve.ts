import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { cacheFolder } from '../src/support/cache-folder';
import { computeOn } from '../src/compute';
import type { Compute } from '../src/compute/compute';
import { settled } from '../src/support/settled';
import { gatherBatch, sliceBatch } from '../src/data/batches';
import { loadCifar10 } from '../src/data/cifar10';
import { firstImages, type Dataset } from '../src/data/dataset';
import { standardize } from '../src/data/standardize';
import { openEngine } from '../src/engine';
import type { Engine, EngineName } from '../src/engine/engine';
import { messageOf } from '../src/support/errors';
import { computeSharpnessCurve, evenAlphas } from '../src/landscape/curve';
import { normalizeDirection, randomDirection } from '../src/landscape/directions';
import { initialWeights } from '../src/model/architecture';
import { SIMPLE_VGG, simpleVgg } from '../src/model/networks';
import { evaluator } from '../src/model/evaluator';
import { permutation, randomStream } from '../src/support/random';
import { EVALUATION_BATCH } from '../src/training/evaluate';
import type { TrainingConfig } from '../src/training/train';
import type { Message, Task } from './side';
import { stepSeconds } from './step-seconds';

// This project's side of the benchmark: measures on one engine what it is asked for on stdin.

const send = (message: Message) => void process.stdout.write(`${JSON.stringify(message)}\n`);
const say = (line: string) => send({ say: line });

/** Answers tasks until there are no more. */
export async function serve(name: EngineName): Promise<void> {
  try {
    const engine = await openEngine(name, cacheFolder(), say);
    const compute = computeOn(engine, cacheFolder());
    const train = loadCifar10('train', cacheFolder(), say);
    send({ version: engine.info.version, workers: compute.info.workers });
    for await (const line of createInterface(process.stdin)) {
      send(await answered(engine, compute, train, JSON.parse(line) as Task));
    }
    await compute.close();
  } catch (error) {
    send({ error: messageOf(error) });
    process.exitCode = 1;
  }
}

async function answered(engine: Engine, compute: Compute, train: Dataset, task: Task): Promise<Message> {
  const begun = performance.now();
  const cpuBegun = process.cpuUsage();
  try {
    const seconds = await measured(engine, compute, train, task);
    const { user, system } = process.cpuUsage(cpuBegun);
    const cores = (user + system) / 1000 / (performance.now() - begun);
    return { seconds, cores, peakMiB: process.resourceUsage().maxRSS / 1024 };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

function measured(engine: Engine, compute: Compute, train: Dataset, task: Task): Promise<number[]> {
  switch (task.task) {
    case 'train':
      return trainingSteps(compute, train, task);
    case 'direction':
      return directionSeconds(compute, train, task);
    case 'eval':
      return timed(evaluationStep(engine, train, task.batch), task.steps);
    case 'gather':
      return timed(gatheringStep(train, task.batch), task.steps);
    case 'sgemm':
      return timed(sgemmStep(engine), task.steps);
    case 'eval-folded':
      throw new Error("batch norm is always folded here: ask for 'eval'");
  }
}

/**
 * Seconds of steps of the training loop, the first of each training left out where there are several: it makes
 * things ready too. As many trainings go on side by side as the engine has workers.
 */
async function trainingSteps(
  compute: Compute,
  train: Dataset,
  { batch, width, steps }: Task & { task: 'train' },
): Promise<number[]> {
  const [first, second, third, hidden] = [64, 128, 256, 512].map((channels) => Math.round(width * channels));
  const architecture = simpleVgg(`SimpleVGG ×${width}`, [first, second, third], hidden);
  const config: TrainingConfig = {
    batchSize: batch,
    epochs: 1,
    learningRate: 0.001,
    schedule: 'cosine',
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
    augment: false,
  };
  const data = { train: firstImages(train, steps * batch) };
  const trainings = await settled(
    Array.from({ length: compute.info.workers }, async () =>
      (await stepSeconds(compute, architecture, data, config)).slice(steps > 1 ? 1 : 0),
    ),
  );
  return trainings.flat();
}

/** Seconds that the curve along one direction takes, after a call that makes things ready. */
async function directionSeconds(
  compute: Compute,
  train: Dataset,
  { images, alphas }: Task & { task: 'direction' },
): Promise<number[]> {
  const weights = initialWeights(SIMPLE_VGG, randomStream(0));
  const direction = normalizeDirection(SIMPLE_VGG, randomDirection(SIMPLE_VGG, 0), weights, 'filter');
  const data = firstImages(train, images);
  const few = Math.min(images, EVALUATION_BATCH * compute.info.workers);
  await compute.evaluateImages(SIMPLE_VGG, weights, firstImages(train, few));
  const begun = performance.now();
  await computeSharpnessCurve(compute, SIMPLE_VGG, data, weights, direction, evenAlphas(alphas));
  return [(performance.now() - begun) / 1000];
}

/** Logits and mean loss of one batch in evaluation mode. */
function evaluationStep(engine: Engine, train: Dataset, size: number): () => Promise<unknown> {
  const network = evaluator(engine, SIMPLE_VGG, initialWeights(SIMPLE_VGG, randomStream(0)));
  const batch = sliceBatch(train, 0, size);
  return async () => {
    const loss = tf.tidy(() => {
      const logits = network.logits(standardize(engine, batch));
      const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
      return engine.kernels.softmaxCrossEntropy(logits, labels).losses.mean();
    });
    await loss.data();
    loss.dispose();
  };
}

/** Makes one batch with crops and flips. */
function gatheringStep(train: Dataset, size: number): () => Promise<unknown> {
  const order = permutation(train.count, randomStream(0)).subarray(0, size);
  return async () => gatherBatch(train, order, randomStream(0));
}

/** A product of two matrices of 2048 rows and columns, done when the call returns on a CPU. */
function sgemmStep({ kernels }: Engine): () => Promise<unknown> {
  const [a, b] = [0, 1].map((seed) => tf.randomNormal<tf.Rank.R2>([2048, 2048], 0, 1, 'float32', seed));
  return async () => kernels.matMul(a, b, false, false).dispose();
}

async function timed(step: () => Promise<unknown>, steps: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < steps; i++) {
    const begun = performance.now();
    await step();
    seconds.push((performance.now() - begun) / 1000);
  }
  return seconds.slice(steps > 1 ? 1 : 0);
}
