import type { Training } from '../experiment/minimizers';
import type { PaperNetwork } from '../model/networks';
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
