import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { cacheFolder } from '../../src/support/cache-folder';
import { CIFAR10, loadCifar10, splitSha256 } from '../../src/data/cifar10';
import { datasetSha256, firstImages, type Dataset } from '../../src/data/dataset';
import { sampleImages } from '../helpers/fixtures';

const train = loadCifar10('train', cacheFolder());
const test_ = loadCifar10('test', cacheFolder());

function classCounts({ labels }: Dataset): number[] {
  const counts = new Array<number>(CIFAR10.classes).fill(0);
  for (const label of labels) counts[label]++;
  return counts;
}

describe('CIFAR-10', () => {
  test('has 50,000 training and 10,000 test images of 32x32x3 bytes', () => {
    expect([train.count, test_.count]).toEqual([50_000, 10_000]);
    expect([train.images.length, test_.images.length]).toEqual([50_000 * 3072, 10_000 * 3072]);
  });

  test('has every class equally often', () => {
    expect(classCounts(train)).toEqual(new Array(10).fill(5000));
    expect(classCounts(test_)).toEqual(new Array(10).fill(1000));
  });

  test("comes in its own order: labels begin 6 9 9 4 and the test set's 3 8 8 0", () => {
    expect([...train.labels.subarray(0, 4)]).toEqual([6, 9, 9, 4]);
    expect([...test_.labels.subarray(0, 4)]).toEqual([3, 8, 8, 0]);
  });

  test('has the channel means that the literature gives: .4914, .4822, .4465', () => {
    const sums = [0, 0, 0];
    const { images } = train;
    for (let i = 0; i < images.length; i += 3) {
      sums[0] += images[i];
      sums[1] += images[i + 1];
      sums[2] += images[i + 2];
    }
    const means = sums.map((sum) => sum / 255 / (images.length / 3));
    expect(train.kind.mean).toEqual([0.4914, 0.4822, 0.4465]);
    train.kind.mean.forEach((mean, channel) => expect(means[channel]).toBeCloseTo(mean, 4));
  });

  test('holds the sample that was decoded with another decoder', () => {
    const sample = sampleImages();
    const first = firstImages(train, sample.count);
    expect(Buffer.compare(first.images, sample.images)).toBe(0);
    expect(Buffer.compare(first.labels, sample.labels)).toBe(0);
  });

  describe('a damaged cache', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
    const file = join(folder, 'cifar10-test.bin');
    const whole = readFileSync(join(cacheFolder(), 'cifar10-test.bin'));
    afterAll(() => rmSync(folder, { recursive: true }));

    test('holds what its hash is known of', () => {
      expect(datasetSha256(loadCifar10('test', cacheFolder()))).toBe(splitSha256('test'));
    });

    test('that is truncated is named with the mend', () => {
      writeFileSync(file, whole);
      truncateSync(file, whole.length - 1);
      expect(() => loadCifar10('test', folder)).toThrow(/cifar10-test\.bin is damaged: delete it/);
    });

    test('that has one bit changed is named with the mend', () => {
      const changed = Buffer.from(whole);
      changed[5_000_000] ^= 1;
      writeFileSync(file, changed);
      expect(() => loadCifar10('test', folder)).toThrow(/cifar10-test\.bin is damaged: delete it/);
    });

    test('is made again, the same, once it is deleted', () => {
      rmSync(file);
      loadCifar10('test', folder);
      expect(Buffer.compare(readFileSync(file), whole)).toBe(0);
    });
  });
});
