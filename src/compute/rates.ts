import { CIFAR10 } from '../data/cifar10';
import { imageBytes, type Dataset } from '../data/dataset';
import { Interrupted } from '../support/errors';
import { initialWeights } from '../model/architecture';
import { SIMPLE_VGG } from '../model/networks';
import { randomStream } from '../support/random';
import type { TrainingConfig } from '../training/train';
import type { Compute } from './compute';
import { settled } from '../support/settled';

/** How fast SimpleVGG is here, in images a second, all threads together. */
export interface Rates {
  readonly training: number;
  readonly evaluation: number;
}

/** About how long so many images take, in seconds. */
export function expectedSeconds(images: Rates, rates: Rates): number {
  return images.training / rates.training + images.evaluation / rates.evaluation;
}

/** Of a step; a quarter of the images an evaluation call takes, and quick's small batch. */
const BATCH_SIZE = 64;
/** Where a step of a few images takes longer than this, larger ones would take minutes. */
const SLOW_SECONDS = 2;
const FEW_IMAGES = 4;
const MEASURED_SECONDS = 1;

/**
 * Measures how fast an engine trains and evaluates SimpleVGG, on images of noise: what they show makes no
 * difference. Takes about 3 seconds, on a software GPU a minute.
 *
 * @param batchSize of the training steps.
 * @throws the signal's reason where it is aborted.
 */
export async function measureRates(
  compute: Compute,
  batchSize = BATCH_SIZE,
  signal?: AbortSignal,
): Promise<Rates> {
  const first = await trainingRate(compute, FEW_IMAGES, signal);
  if (FEW_IMAGES / first > SLOW_SECONDS) {
    return { training: first, evaluation: await evaluationRate(compute, FEW_IMAGES, signal) };
  }
  return {
    training: await trainingRate(compute, batchSize, signal),
    evaluation: await evaluationRate(compute, 1000, signal),
  };
}

/** Of trainings side by side, after the first step of each, which also makes things ready. */
async function trainingRate(compute: Compute, batchSize: number, signal?: AbortSignal): Promise<number> {
  const data = noise(batchSize);
  const config: TrainingConfig = {
    batchSize,
    epochs: 1000,
    learningRate: 0.001,
    schedule: 'cosine',
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
    augment: false,
  };
  const enough = new AbortController();
  const one = async () => {
    let begun: number | undefined;
    let [steps, rate] = [0, 0];
    const onStep = () => {
      const now = performance.now();
      if (begun === undefined) begun = now;
      else {
        const seconds = (now - begun) / 1000;
        rate = (++steps * batchSize) / seconds;
        if (seconds > MEASURED_SECONDS) enough.abort(new Interrupted('measured'));
      }
    };
    try {
      await compute.train(SIMPLE_VGG, { train: data }, config, 0, {
        onStep,
        signal: signal ? AbortSignal.any([enough.signal, signal]) : enough.signal,
      });
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
    }
    return rate;
  };
  const rates = await settled(Array.from({ length: compute.info.workers }, one));
  signal?.throwIfAborted();
  return rates.reduce((sum, rate) => sum + rate, 0);
}

async function evaluationRate(compute: Compute, images: number, signal?: AbortSignal): Promise<number> {
  const data = noise(images);
  const weights = initialWeights(SIMPLE_VGG, randomStream(0));
  const evaluate = () => compute.evaluateImages(SIMPLE_VGG, weights, data, { signal });
  await evaluate();
  const begun = performance.now();
  await evaluate();
  return images / ((performance.now() - begun) / 1000);
}

function noise(count: number): Dataset {
  const random = randomStream(0, 'noise');
  const images = Uint8Array.from({ length: count * imageBytes(CIFAR10) }, () => random.bits() & 255);
  return { kind: CIFAR10, count, images, labels: new Uint8Array(count) };
}
