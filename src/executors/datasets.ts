import { datasetSha256, firstImages, SPLITS, type Dataset, type Split } from '../data/dataset';
import { loadDataset, type DataPlaces, type DatasetName } from '../data/load';
import type { Architecture } from '../model/architecture';
import type { Training } from '../jobs/training';
import { UserError } from '../support/errors';

/** Both splits of a data set, whole, and their hashes. */
export interface LoadedData extends Readonly<Record<Split, Dataset>> {
  readonly sha256: Readonly<Record<Split, string>>;
}

/** Finds data sets on this machine, and reads each once. */
export interface DataSource {
  /** @throws UserError if the data set is missing or damaged. */
  named(name: DatasetName): LoadedData;
  /**
   * The images of a training: its training images and the whole test set.
   *
   * @throws UserError if there is no such data set here.
   */
  of(training: Training): Readonly<Record<Split, Dataset>>;
}

/** Data sets in the places where users have them. */
export function dataSource(places: DataPlaces, report?: (line: string) => void): DataSource {
  const loaded = new Map<DatasetName, LoadedData>();
  const named = (name: DatasetName): LoadedData => {
    const known = loaded.get(name);
    if (known) return known;
    const splits = {
      train: loadDataset(name, 'train', places, report),
      test: loadDataset(name, 'test', places, report),
    };
    const sha256 = { train: datasetSha256(splits.train), test: datasetSha256(splits.test) };
    const data = { ...splits, sha256 };
    loaded.set(name, data);
    return data;
  };
  return { named, of: (training) => imagesOfTraining(named(datasetFor(training.network)), training) };
}

/**
 * The images of a training in a data set.
 *
 * @throws UserError if the training is of another data set.
 */
export function imagesOfTraining(whole: LoadedData, { data }: Training): Readonly<Record<Split, Dataset>> {
  for (const split of SPLITS) {
    if (whole.sha256[split] === data[split]) continue;
    throw new UserError(`The job is for other ${split} images than there are here: give it the same data.`);
  }
  return { train: firstImages(whole.train, data.images), test: whole.test };
}

/** The data set whose images a network takes and whose classes it tells apart. */
export function datasetFor({ layers }: Pick<Architecture, 'layers'>): DatasetName {
  const [first] = layers;
  const last = layers[layers.length - 1];
  if (first.kind === 'flatten' && first.channels === 1) return 'mnist';
  return last.kind === 'linear' && last.outputs === 100 ? 'cifar100' : 'cifar10';
}
