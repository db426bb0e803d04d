import { sliceBatch } from '../data/batches';
import { imagesBetween, type Dataset } from '../data/dataset';
import { standardize } from '../data/standardize';
import type { Engine } from '../engine/engine';
import { isTrainable, tensorSpecs, type Architecture } from '../model/architecture';
import { trainableNetwork } from '../model/trainable';
import type { HostTensor, Weights } from '../model/weights';
import { nextTurn } from '../support/next-turn';
import type { EvaluationOptions } from './evaluate';

/** Images a pass where trainings of all batch sizes are to have their statistics alike. */
export const STATISTICS_BATCH = 500;

export interface StatisticsOptions extends EvaluationOptions {
  /** Images a pass, at least 2; each batch is normalized by its own statistics, so that it decides the values. */
  readonly batchSize: number;
}

/**
 * The weights with running statistics that are those of a data set: the mean over its batches, in its order, of each
 * batch's mean and unbiased variance, weighted by images. For batches of equal size that is what
 * torch.optim.swa_utils.update_bn gives where batch norm has no momentum. Dropout is off.
 *
 * @param weights what their running statistics are makes no difference, as long as they are finite.
 * @throws RangeError where there are not two images.
 */
export async function batchStatistics(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  options: StatisticsOptions,
): Promise<Weights> {
  return withStatistics(weights, await observedStatistics(engine, architecture, weights, dataset, options));
}

/** The running statistics of {@link batchStatistics} alone. */
export async function observedStatistics(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  { batchSize, onImages, signal }: StatisticsOptions,
): Promise<Weights> {
  const { count } = withoutLoneImage(dataset, batchSize);
  const network = trainableNetwork(engine, architecture, weights);
  try {
    for (let from = 0; from < count; from += batchSize) {
      const batch = sliceBatch(dataset, from, Math.min(from + batchSize, count));
      network.observe(standardize(engine, batch), batch.size / (from + batch.size));
      onImages?.(batch.size);
      // Lets signals and the progress display have their turn.
      await nextTurn();
      signal?.throwIfAborted();
    }
    const statistics = new Map<string, HostTensor>();
    for (const { name } of tensorSpecs(architecture).filter((spec) => !isTrainable(spec))) {
      const value = network.variables.get(name)!.read();
      statistics.set(name, await network.toHost(name, value));
      value.dispose();
    }
    return statistics;
  } finally {
    network.dispose();
  }
}

/** The weights with other running statistics. */
export function withStatistics(weights: Weights, statistics: Weights): Weights {
  return new Map([...weights, ...statistics]);
}

/**
 * The data set without its last image where that would be a batch of its own: one image has no variance.
 *
 * @throws RangeError where nothing would be left, or every batch is of one image.
 */
export function withoutLoneImage(dataset: Dataset, batchSize: number): Dataset {
  if (dataset.count < 2 || batchSize < 2) {
    throw new RangeError('Batch statistics need two images or more a batch.');
  }
  return dataset.count % batchSize === 1 ? imagesBetween(dataset, 0, dataset.count - 1) : dataset;
}
