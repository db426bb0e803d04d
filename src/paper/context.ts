import type { Compute } from '../compute/compute';
import type { Dataset, Split } from '../data/dataset';
import type { DatasetName } from '../data/load';
import type { Architecture } from '../model/architecture';
import type { PaperNetwork } from '../model/networks';
import type { Progress } from '../support/progress';
import type { PaperFolder } from './folder';
import type { PaperSettings } from './settings';

/** What the paper's experiment works with. */
export interface PaperContext {
  readonly compute: Compute;
  readonly settings: PaperSettings;
  readonly folder: PaperFolder;
  readonly architectureOf: (network: PaperNetwork) => Architecture;
  /** A data set's splits, whole. */
  readonly load: (name: DatasetName, split: Split) => Dataset;
  readonly progress: Progress;
  /** Aborted with an Interrupted where the work is to stop, with what was done stored. */
  readonly signal?: AbortSignal;
}
