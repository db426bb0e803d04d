import type { Dataset, Split } from '../data/dataset';
import { findMinimizer, type Training } from '../experiment/minimizers';
import type { PaperNetwork } from '../model/networks';
import type { Weights } from '../model/weights';
import { summarize } from '../training/evaluate';
import type { PaperContext } from './context';
import { largeBatchOf } from './settings';

/** Where a training ended. */
export interface Minimizer {
  readonly training: Training;
  /** With batch statistics of the training images: what is measured is measured there. */
  readonly weights: Weights;
}

/**
 * Trains as far as the folder lacks it, and tells the folder how the minimizer does on its training images and on the
 * test set.
 *
 * @throws UserError if the training diverges; Interrupted where the signal says so.
 */
export async function paperMinimizer(
  context: PaperContext,
  network: PaperNetwork,
  data: Readonly<Record<Split, Dataset>>,
  training: Training,
): Promise<Minimizer> {
  const { compute, settings, folder, signal } = context;
  const architecture = context.architectureOf(network);
  const trained = await findMinimizer({ ...context, architecture, data }, training);
  // The networks of the paper have no running statistics: those that training has left behind are those of
  // its last few batches, and where there are few steps an epoch, of weights that have moved on.
  const weights = await compute.batchStatistics(architecture, trained, data.train, {
    batchSize: largeBatchOf(settings, network),
    signal,
  });
  const stored = folder.evaluation(training.name);
  if (!stored.read()) {
    const of = async (split: Split) =>
      summarize(await compute.evaluateImages(architecture, weights, data[split], { signal }));
    stored.write({ train: await of('train'), test: await of('test') });
  }
  return { training, weights };
}
