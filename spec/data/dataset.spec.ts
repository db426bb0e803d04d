import { describe, expect, test } from '@jest/globals';
import { datasetOf, firstImages, imageBytes, imagesBetween, type Dataset } from '../../src/data/dataset';
import { UserError } from '../../src/support/errors';
import { oddImages, sampleImages } from '../helpers/fixtures';

/** With the bytes of an image. */
const sets: [string, Dataset, number][] = [
  ['32x32 pixels of three channels', sampleImages(), 3072],
  ['9x9 pixels of two channels', oddImages(30), 162],
];

describe('a data set', () => {
  test.each(sets)('of %s is what its labels and then its images make up', (_, dataset, bytes) => {
    const { kind, labels, images } = dataset;
    expect(imageBytes(kind)).toBe(bytes);
    const again = datasetOf(kind, Buffer.concat([labels, images]));
    expect(again.kind).toBe(kind);
    expect(again.count).toBe(dataset.count);
    expect(Buffer.compare(again.labels, labels)).toBe(0);
    expect(Buffer.compare(again.images, images)).toBe(0);
  });

  test.each(sets)(
    'of %s gives a run of images with their labels, in the same memory',
    (_, dataset, bytes) => {
      const run = imagesBetween(dataset, 5, 12);
      expect([run.count, run.labels.length, run.images.length]).toEqual([7, 7, 7 * bytes]);
      expect(run.kind).toBe(dataset.kind);
      expect(run.images.buffer).toBe(dataset.images.buffer);
      expect(Buffer.compare(run.images, dataset.images.slice(5 * bytes, 12 * bytes))).toBe(0);
      expect([...run.labels]).toEqual([...dataset.labels.slice(5, 12)]);
    },
  );

  test.each(sets)(
    'of %s gives its first images, at least one and no more than there are',
    (_, dataset, bytes) => {
      for (const count of [1, 10, dataset.count]) {
        const first = firstImages(dataset, count);
        expect([first.count, first.images.length]).toEqual([count, count * bytes]);
        expect(Buffer.compare(first.images, dataset.images.slice(0, count * bytes))).toBe(0);
      }
      for (const count of [dataset.count + 1, 0, -5]) {
        expect(() => firstImages(dataset, count)).toThrow(UserError);
      }
    },
  );
});
