import { datasetSha256, type Dataset, type Split } from '../data/dataset';
import { loadDataset, type DataPlaces, type DatasetName } from '../data/load';
import type { DataHashes } from './job';

/** Both splits of a data set, whole, and what they are. */
export interface SweepData extends Readonly<Record<Split, Dataset>> {
  readonly sha256: DataHashes;
}

/**
 * Both splits of a data set.
 *
 * @throws UserError if it is missing or damaged.
 */
export function loadSweepData(
  name: DatasetName,
  places: DataPlaces,
  report?: (line: string) => void,
): SweepData {
  const splits = {
    train: loadDataset(name, 'train', places, report),
    test: loadDataset(name, 'test', places, report),
  };
  return { ...splits, sha256: { train: datasetSha256(splits.train), test: datasetSha256(splits.test) } };
}
