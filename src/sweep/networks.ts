import type { DatasetName } from '../data/load';
import type { Architecture } from '../model/architecture';
import { PAPER_NETWORKS, paperNetwork, SIMPLE_VGG } from '../model/networks';
import { datasetFor } from '../paper/settings';

/** What a sweep can train. */
export const SWEEP_NETWORKS = ['SimpleVGG', ...PAPER_NETWORKS] as const;
export type SweepNetwork = (typeof SWEEP_NETWORKS)[number];

export function architectureOf(network: SweepNetwork): Architecture {
  return network === 'SimpleVGG' ? SIMPLE_VGG : paperNetwork(network);
}

/** The data set that a network is for. */
export function datasetOf(network: SweepNetwork): DatasetName {
  return network === 'SimpleVGG' ? 'cifar10' : datasetFor(network);
}

/** How many images a data set's training split has; every test split has 10,000. */
export const TRAIN_IMAGES: Readonly<Record<DatasetName, number>> = {
  mnist: 60_000,
  cifar10: 50_000,
  cifar100: 50_000,
};
export const TEST_IMAGES = 10_000;
