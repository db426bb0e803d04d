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
