import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { sliceBatch } from '../data/batches';
import type { Dataset } from '../data/dataset';
import { standardize } from '../data/standardize';
import type { Engine } from '../engine/engine';
import type { Architecture } from '../model/architecture';
import { foldedArchitecture, foldedWeights, unfoldedGradient } from '../model/folding';
import { trainableNetwork } from '../model/trainable';
import type { HostTensor, Weights } from '../model/weights';
import { nextTurn } from '../support/next-turn';
import type { EvaluationOptions } from './evaluate';

/**
 * What batch norm normalizes by where no training goes on: its running statistics (`fixed`), or the statistics of each
 * evaluation batch, through which the gradient goes too (`batch`, as the networks of Keskar et al. did).
 */
export const BATCH_STATISTICS = ['batch', 'fixed'] as const;
export type BatchStatistics = (typeof BATCH_STATISTICS)[number];

/** The loss over a whole data set, and its gradient. */
export interface LossGradient {
  /** Mean cross entropy in nats. */
  readonly loss: number;
  /** The same of each batch, in the data set's order. */
  readonly batchLosses: readonly number[];
  /** d loss / d parameter of every trainable tensor, in PyTorch's layout. */
  readonly gradient: Weights;
}

export interface GradientOptions extends EvaluationOptions {
  readonly statistics: BatchStatistics;
  /** Images a pass; with `batch` statistics it decides the value. The last batch takes what is left. */
  readonly batchSize: number;
}

/** The mean loss of weights over a whole data set and its gradient, without dropout. */
export async function lossGradient(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  options: GradientOptions,
): Promise<LossGradient> {
  const fixed = options.statistics === 'fixed';
  const network = fixed
    ? trainableNetwork(engine, foldedArchitecture(architecture), foldedWeights(architecture, weights))
    : trainableNetwork(engine, architecture, weights);
  try {
    const { loss, batchLosses, tensors } = await meanOverBatches(
      engine,
      dataset,
      options,
      async (images, labels) => {
        const pass = await network.pass(images, labels);
        pass.logits.dispose();
        return { loss: pass.loss, tensors: pass.gradients };
      },
    );
    const gradient = new Map<string, HostTensor>();
    for (const [name, mean] of tensors) {
      gradient.set(name, await network.toHost(name, mean));
      mean.dispose();
    }
    return {
      loss,
      batchLosses,
      gradient: fixed ? unfoldedGradient(architecture, weights, gradient) : gradient,
    };
  } finally {
    network.dispose();
  }
}

/** A loss in nats, and tensors by name. */
interface LossAndTensors {
  readonly loss: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Means over a data set, with the loss of each batch. */
interface BatchMeans extends LossAndTensors {
  readonly batchLosses: readonly number[];
}

/**
 * The mean over a data set's images of what each batch gives as a mean over its own.
 *
 * @param pass takes images, which it disposes of, and labels, int32 [size]; its tensors are taken over.
 * @returns tensors that the caller disposes of.
 */
export async function meanOverBatches(
  engine: Engine,
  dataset: Dataset,
  { batchSize, onImages, signal }: EvaluationOptions & { readonly batchSize: number },
  pass: (images: Tensor4D, labels: Tensor1D) => Promise<LossAndTensors>,
): Promise<BatchMeans> {
  const sums = new Map<string, Tensor>();
  let loss = 0;
  const batchLosses: number[] = [];
  try {
    for (let from = 0; from < dataset.count; from += batchSize) {
      const batch = sliceBatch(dataset, from, Math.min(from + batchSize, dataset.count));
      const share = batch.size / dataset.count;
      const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
      const ofBatch = await pass(standardize(engine, batch), labels);
      labels.dispose();
      loss += share * ofBatch.loss;
      batchLosses.push(ofBatch.loss);
      for (const [name, tensor] of ofBatch.tensors) {
        const before = sums.get(name);
        sums.set(
          name,
          tf.tidy(() => (before ? before.add(tensor.mul(share)) : tensor.mul(share))),
        );
        tf.dispose([tensor, ...(before ? [before] : [])]);
      }
      onImages?.(batch.size);
      // Lets signals and the progress display have their turn.
      await nextTurn();
      signal?.throwIfAborted();
    }
  } catch (error) {
    tf.dispose([...sums.values()]);
    throw error;
  }
  return { loss, batchLosses, tensors: sums };
}
