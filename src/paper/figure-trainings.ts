import type { Dataset, Split } from '../data/dataset';
import { findMinimizer, type Training } from '../experiment/minimizers';
import type { PaperNetwork } from '../model/networks';
import type { Weights } from '../model/weights';
import { REGIMES, type Regime } from '../training/regime';
import type { PaperContext } from './context';
import { isMeasured, measureSharpness, type Where } from './metric';
import { paperMinimizer } from './minimizers';
import { EPSILONS, SPACES } from './published';
import { otherBatchSizes, snapshotsWithin } from './settings';
import { batchSizeTraining, paperTraining, snapshotTraining, warmTraining } from './trainings';

// What Figures 2, 4, 5 and 6 want of the first trial beside SB's and LB's minimizers. One trial, so no claims.

/** Where the minimizers of these figures are measured. */
export const FIGURE_SHARPNESS: Where = { space: SPACES[0], epsilon: EPSILONS[0] };

/**
 * Trains and measures, as far as the folder lacks it: other batch sizes (Figure 4); SB and LB along their trainings
 * (Figures 2 and 6); and LB from where SB was there (Figure 5).
 */
export async function trainForFigures(
  context: PaperContext,
  network: PaperNetwork,
  data: Readonly<Record<Split, Dataset>>,
): Promise<void> {
  const { settings, folder } = context;
  const architecture = context.architectureOf(network);
  const weightsOf = (training: Training) => findMinimizer({ ...context, architecture, data }, training);
  const measured = async (training: Training) => {
    if (isMeasured(context, training.name, [FIGURE_SHARPNESS])) return;
    const minimizer = await paperMinimizer(context, network, data, training);
    await measureSharpness(context, network, data.train, training.seed, [minimizer], [FIGURE_SHARPNESS]);
  };
  for (const batchSize of otherBatchSizes(settings, network)) {
    await measured(batchSizeTraining(settings, network, batchSize));
  }
  for (const regime of REGIMES) {
    const snapshots = snapshotTrainings(context, network, regime);
    for (const { training } of snapshots) await measured(training);
    for (const { training } of snapshots) folder.checkpoint(training.name).remove();
  }
  for (const { epochs, training } of snapshotTrainings(context, network, 'SB')) {
    const warm = (start?: Weights) => warmTraining(settings, network, epochs, start);
    if (isMeasured(context, warm().name, [FIGURE_SHARPNESS])) continue;
    await measured(warm(await weightsOf(training)));
  }
}

/** Whether the folder holds all of it. */
export function areFiguresTrained(context: PaperContext, network: PaperNetwork): boolean {
  const { settings } = context;
  const trainings = [
    ...otherBatchSizes(settings, network).map((size) => batchSizeTraining(settings, network, size)),
    ...REGIMES.flatMap((regime) =>
      snapshotTrainings(context, network, regime).map(({ training }) => training),
    ),
    ...snapshotTrainings(context, network, 'SB').map(({ epochs }) => warmTraining(settings, network, epochs)),
  ];
  return trainings.every(({ name }) => isMeasured(context, name, [FIGURE_SHARPNESS]));
}

/** The first trial's training as far as each epoch that is asked for and that it reached, each from the one before. */
export function snapshotTrainings(
  { settings, folder }: Pick<PaperContext, 'settings' | 'folder'>,
  network: PaperNetwork,
  regime: Regime,
): { readonly epochs: number; readonly training: Training }[] {
  const run = folder.run(paperTraining(settings, network, regime, settings.seed).name).read();
  const reached = run && 'history' in run ? run.history.length : 0;
  return snapshotsWithin(settings, reached).map((epochs, index, all) => ({
    epochs,
    training: snapshotTraining(settings, network, regime, epochs, all[index - 1]),
  }));
}
