import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, UserError } from '../support/errors';
import { datasetOf, imageBytes, type Dataset, type ImageKind, type Split } from './dataset';

const CIFAR100: ImageKind = {
  side: 32,
  channels: 3,
  classes: 100,
  mean: [0.5071, 0.4865, 0.4409],
  deviation: [0.2673, 0.2564, 0.2762],
};

const COUNTS: Readonly<Record<Split, number>> = { train: 50_000, test: 10_000 };

/** Groups that the classes fall into; a record names both. */
const COARSE_CLASSES = 20;
const LABEL_BYTES = 2;
const RECORD_BYTES = LABEL_BYTES + imageBytes(CIFAR100);

const MEND =
  'get the "CIFAR-100 binary version" from the data set\'s home page, and name the folder of its train.bin and ' +
  'test.bin by --data.';

/**
 * One split of CIFAR-100 (Krizhevsky 2009), in the data set's own order, with the labels of its 100 classes. No
 * package holds it: the user does. Sizes and ranges of labels are checked, the pixels are not.
 *
 * @param folder where train.bin and test.bin of the binary version are.
 * @throws UserError if no folder is named, or its file cannot be read or is not a split of CIFAR-100.
 */
export function loadCifar100(split: Split, folder: string | undefined): Dataset {
  if (folder === undefined) throw new UserError(`CIFAR-100 does not come with this program: ${MEND}`);
  const file = join(folder, `${split}.bin`);
  try {
    const bytes = readFileSync(file);
    const size = COUNTS[split] * RECORD_BYTES;
    if (bytes.length !== size) throw new UserError(`${bytes.length} bytes instead of ${size}`);
    return decodeCifar100(bytes);
  } catch (error) {
    throw new UserError(`CIFAR-100 cannot be read from ${file} (${messageOf(error)}): ${MEND}`);
  }
}

/**
 * Records of CIFAR-100's binary version: a byte for the coarse label, one for the fine label, and the image's red,
 * green and blue planes, each row by row. The coarse label is left out.
 *
 * @throws UserError if a record is cut off, or has a label out of range.
 */
export function decodeCifar100(records: Uint8Array): Dataset {
  const count = records.length / RECORD_BYTES;
  if (!Number.isInteger(count)) throw new UserError(`its last record is cut off`);
  const { channels, classes } = CIFAR100;
  const plane = imageBytes(CIFAR100) / channels;
  const dataset = datasetOf(CIFAR100, new Uint8Array(count * (1 + channels * plane)));
  for (let index = 0; index < count; index++) {
    const record = records.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES);
    const [coarse, fine] = record;
    if (coarse >= COARSE_CLASSES || fine >= classes) {
      throw new UserError(`record ${index + 1} has the labels ${coarse} and ${fine}, which there are not`);
    }
    dataset.labels[index] = fine;
    let to = index * channels * plane;
    for (let pixel = LABEL_BYTES; pixel < LABEL_BYTES + plane; pixel++) {
      for (let channel = 0; channel < channels; channel++) {
        dataset.images[to++] = record[pixel + channel * plane];
      }
    }
  }
  return dataset;
}
