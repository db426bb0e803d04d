import { loadCifar10 } from './cifar10';
import { loadCifar100 } from './cifar100';
import type { Dataset, Split } from './dataset';
import { loadMnist } from './mnist';

export const DATASETS = ['cifar10', 'cifar100', 'mnist'] as const;
export type DatasetName = (typeof DATASETS)[number];

/** Training images of each data set, so that settings are checked without loading it. */
export const TRAIN_IMAGES: Readonly<Record<DatasetName, number>> = {
  mnist: 60_000,
  cifar10: 50_000,
  cifar100: 50_000,
};
/** Test images of every data set. */
export const TEST_IMAGES = 10_000;

/** Where data sets are. */
export interface DataPlaces {
  /** The cache folder; CIFAR-10 is kept there once it is decoded. */
  readonly cache: string;
  /** A folder that the user names; CIFAR-100 is nowhere else. */
  readonly folder?: string;
}

/**
 * One split of a data set, in its own order.
 *
 * @param report receives a line when something takes long enough to be worth one.
 * @throws UserError if the data set is missing or damaged.
 */
export function loadDataset(
  name: DatasetName,
  split: Split,
  { cache, folder }: DataPlaces,
  report?: (line: string) => void,
): Dataset {
  switch (name) {
    case 'cifar10':
      return loadCifar10(split, cache, report);
    case 'cifar100':
      return loadCifar100(split, folder);
    case 'mnist':
      return loadMnist(split);
  }
}
