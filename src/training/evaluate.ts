import * as tf from '@tensorflow/tfjs';
import { sliceBatch } from '../data/batches';
import type { Dataset } from '../data/dataset';
import { standardize } from '../data/standardize';
import type { Engine } from '../engine/engine';
import type { Architecture } from '../model/architecture';
import { evaluator } from '../model/evaluator';
import type { Weights } from '../model/weights';
import { nextTurn } from '../support/next-turn';

/** How a network does on a data set in evaluation mode. */
export interface Evaluation {
  /** Mean cross entropy in nats; not finite where the network's outputs overflow. */
  readonly loss: number;
  /** Share of images whose largest logit is the label's, in [0, 1]. */
  readonly accuracy: number;
  /** Standard error of the loss if the images are seen as a sample of many more, in nats. */
  readonly lossStandardError: number;
}

/** What a network makes of each image of a data set. */
export interface ImageResults {
  /** Cross entropy in nats, [count]. */
  readonly losses: Float32Array;
  /** 1 where the largest logit is the label's, else 0, [count]. */
  readonly correct: Uint8Array;
}

/** How an evaluation is followed and stopped. */
export interface EvaluationOptions {
  /** Called with the number of images done since the last call. */
  readonly onImages?: (images: number) => void;
  /** Where it is aborted, its reason is thrown before the next batch. */
  readonly signal?: AbortSignal;
}

/** Images a kernel call; the measured optimum is flat from 128 to 512. */
export const EVALUATION_BATCH = 250;

/** Loss and accuracy of weights over a whole data set. Batch norm uses its running statistics, dropout is off. */
export async function evaluate(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  return summarize(await evaluateImages(engine, architecture, weights, dataset, options));
}

/** The same, image by image. */
export async function evaluateImages(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  { onImages, signal }: EvaluationOptions = {},
): Promise<ImageResults> {
  const network = evaluator(engine, architecture, weights);
  const losses = new Float32Array(dataset.count);
  const correct = new Uint8Array(dataset.count);
  try {
    for (let from = 0; from < dataset.count; from += EVALUATION_BATCH) {
      const batch = sliceBatch(dataset, from, Math.min(from + EVALUATION_BATCH, dataset.count));
      const results = await evaluateBatch(batch);
      losses.set(results.losses, from);
      correct.set(results.correct, from);
      onImages?.(batch.size);
      // Lets signals and the progress display have their turn.
      await nextTurn();
      signal?.throwIfAborted();
    }
  } finally {
    network.dispose();
  }
  return { losses, correct };

  async function evaluateBatch(batch: ReturnType<typeof sliceBatch>) {
    const [losses, correct] = tf.tidy(() => {
      const logits = network.logits(standardize(engine, batch));
      const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
      return [engine.kernels.softmaxCrossEntropy(logits, labels).losses, logits.argMax(1).equal(labels)];
    });
    try {
      return { losses: await losses.data<'float32'>(), correct: await correct.data() };
    } finally {
      tf.dispose([losses, correct]);
    }
  }
}

/** The results of several sets of images, one behind the other. */
export function joinedImageResults(parts: readonly ImageResults[]): ImageResults {
  const count = parts.reduce((sum, { losses }) => sum + losses.length, 0);
  const [losses, correct] = [new Float32Array(count), new Uint8Array(count)];
  let from = 0;
  for (const part of parts) {
    losses.set(part.losses, from);
    correct.set(part.correct, from);
    from += part.losses.length;
  }
  return { losses, correct };
}

/** Mean loss and accuracy of single images, summed in double precision in the data set's order. */
export function summarize({ losses, correct }: ImageResults): Evaluation {
  const n = losses.length;
  let sum = 0;
  let sumOfSquares = 0;
  for (const loss of losses) {
    sum += loss;
    sumOfSquares += loss * loss;
  }
  const hits = correct.reduce((count, hit) => count + hit, 0);
  const loss = sum / n;
  const variance = Math.max(0, sumOfSquares / n - loss * loss);
  return { loss, accuracy: hits / n, lossStandardError: Math.sqrt(variance / n) };
}
