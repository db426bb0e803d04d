import type { Training } from '../experiment/minimizers';
import type { PaperNetwork } from '../model/networks';
import type { Weights } from '../model/weights';
import type { Regime } from '../training/regime';
import { paperTrainingConfig, type PaperSettings, type Remedy } from './settings';

/** A regime's training of a trial; LB's with a remedy where one is given. */
export function paperTraining(
  settings: PaperSettings,
  network: PaperNetwork,
  regime: Regime,
  seed: number,
  remedy?: Remedy,
): Training {
  return {
    name: trainingName(network, regime, seed, remedy),
    label: `${network} ${regime}${remedy ? ` (${remedy})` : ''} of seed ${seed}`,
    seed,
    config: paperTrainingConfig(settings, network, regime, remedy),
  };
}

/** What the files of a training of a trial are called by. */
export function trainingName(network: PaperNetwork, regime: Regime, seed: number, remedy?: Remedy): string {
  return `${network}-${regime}${remedy ? `-${remedy}` : ''}-seed${seed}`;
}

/** The first trial's training with another batch size than SB's and LB's: as LB's, but for that. */
export function batchSizeTraining(
  settings: PaperSettings,
  network: PaperNetwork,
  batchSize: number,
): Training {
  const { seed } = settings;
  return {
    name: `${network}-B${batchSize}-seed${seed}`,
    label: `${network} with batch size ${batchSize} of seed ${seed}`,
    seed,
    config: { ...paperTrainingConfig(settings, network, 'LB'), batchSize },
  };
}

/**
 * The first epochs of the first trial's training: its learning rate being constant, they are those of the whole one, to
 * the last bit.
 *
 * @param earlier epochs of the snapshot before it, whose checkpoint it goes on from.
 */
export function snapshotTraining(
  settings: PaperSettings,
  network: PaperNetwork,
  regime: Regime,
  epochs: number,
  earlier?: number,
): Training {
  const { seed } = settings;
  const nameOf = (count: number) => `${network}-${regime}-epoch${count}-seed${seed}`;
  return {
    name: nameOf(epochs),
    label: `${network} ${regime} (to epoch ${epochs}) of seed ${seed}`,
    seed,
    config: { ...paperTrainingConfig(settings, network, regime), epochs, stopping: undefined },
    keepsCheckpoint: true,
    ...(earlier !== undefined && { goesOnFrom: nameOf(earlier) }),
  };
}

/**
 * The first trial's training of LB from where SB was after some epochs.
 *
 * @param start where that was.
 */
export function warmTraining(
  settings: PaperSettings,
  network: PaperNetwork,
  epochs: number,
  start?: Weights,
): Training {
  const { seed } = settings;
  return {
    name: `${network}-LB-warm${epochs}-seed${seed}`,
    label: `${network} LB (from SB's epoch ${epochs}) of seed ${seed}`,
    seed,
    config: paperTrainingConfig(settings, network, 'LB'),
    ...(start && { start }),
  };
}
