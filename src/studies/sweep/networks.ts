import type { DatasetName } from '../../data/load';
import { datasetFor } from '../../executors/datasets';
import type { Architecture } from '../../model/architecture';
import { PAPER_NETWORKS, paperNetwork, SIMPLE_VGG } from '../../model/networks';

/** The networks that a plan can name. */
export const SWEEP_NETWORKS = ['SimpleVGG', ...PAPER_NETWORKS] as const;
export type SweepNetwork = (typeof SWEEP_NETWORKS)[number];

export function architectureNamed(network: SweepNetwork): Architecture {
  return network === 'SimpleVGG' ? SIMPLE_VGG : paperNetwork(network);
}

export function datasetOf(network: SweepNetwork): DatasetName {
  return datasetFor(architectureNamed(network));
}

/** Training images of each data set, so that a plan is checked without loading them; each has 10,000 test images. */
export const TRAIN_IMAGES: Readonly<Record<DatasetName, number>> = {
  mnist: 60_000,
  cifar10: 50_000,
  cifar100: 50_000,
};
export const TEST_IMAGES = 10_000;
