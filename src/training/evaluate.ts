import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { sliceBatch } from '../data/batches';
import type { Dataset } from '../data/cifar10';
import { standardize } from '../data/standardize';
import type { Engine } from '../engine/engine';
import type { Architecture } from '../model/architecture';
import { evaluator } from '../model/evaluator';
import type { Weights } from '../model/weights';

/** How a network does on a data set in evaluation mode. */
export interface Evaluation {
  /** Mean cross entropy in nats; not finite where the network's outputs overflow. */
  readonly loss: number;
  /** Share of images whose largest logit is the label's, in [0, 1]. */
  readonly accuracy: number;
  /** Standard error of the loss if the images are seen as a sample of many more, in nats. */
  readonly lossStandardError: number;
}

/** Images a kernel call; the measured optimum is flat from 128 to 512. */
const EVALUATION_BATCH = 250;

/**
 * Loss and accuracy of weights over a whole data set. Batch norm uses its running statistics, dropout is off.
 *
 * @param onImages called with the number of images done since the last call.
 */
export async function evaluate(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  onImages: (images: number) => void = () => {},
): Promise<Evaluation> {
  const network = evaluator(engine, architecture, weights);
  // In double precision and the data set's order, so that the sum does not depend on the batches.
  let sum = 0;
  let sumOfSquares = 0;
  let correct = 0;
  try {
    for (let from = 0; from < dataset.count; from += EVALUATION_BATCH) {
      const batch = sliceBatch(dataset, from, Math.min(from + EVALUATION_BATCH, dataset.count));
      const { losses, hits } = evaluateBatch(batch);
      for (const loss of losses) {
        sum += loss;
        sumOfSquares += loss * loss;
      }
      correct += hits;
      onImages(batch.size);
      // Lets signals and the progress display have their turn.
      await setImmediate();
    }
  } finally {
    network.dispose();
  }
  const n = dataset.count;
  const loss = sum / n;
  const variance = Math.max(0, sumOfSquares / n - loss * loss);
  return { loss, accuracy: correct / n, lossStandardError: Math.sqrt(variance / n) };

  function evaluateBatch(batch: ReturnType<typeof sliceBatch>) {
    return tf.tidy(() => {
      const images = standardize(engine, batch);
      const logits = network.logits(images);
      const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
      const { losses } = engine.kernels.softmaxCrossEntropy(logits, labels);
      const hits = logits.argMax(1).equal(labels).sum();
      return { losses: losses.dataSync<'float32'>(), hits: hits.dataSync()[0] };
    });
  }
}
