import type { Compute } from '../compute/compute';
import type { Dataset, Split } from '../data/dataset';
import type { Architecture } from '../model/architecture';
import type { Progress } from '../support/progress';
import type { RunFolder } from './run-folder';
import type { Settings } from './settings';

/** What every part of an experiment works with. */
export interface ExperimentContext {
  readonly compute: Compute;
  readonly architecture: Architecture;
  /** The training images of this experiment, and the whole test set. */
  readonly data: Readonly<Record<Split, Dataset>>;
  readonly settings: Settings;
  readonly folder: RunFolder;
  readonly progress: Progress;
  /** Aborted with an Interrupted where the work is to stop, with what was done stored. */
  readonly signal?: AbortSignal;
}
