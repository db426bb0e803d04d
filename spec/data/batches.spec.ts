import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { gatherBatch, inBatches, sliceBatch } from '../../src/data/batches';
import { imageBytes, type Dataset, type ImageKind } from '../../src/data/dataset';
import { permutation, randomStream } from '../../src/support/random';
import { seeds } from '../helpers/arbitraries';
import { oddImages, sampleImages } from '../helpers/fixtures';

const sample = sampleImages();
/** CIFAR-10's shape, and one that is no data set's. */
const shapes: [string, Dataset][] = [
  ['32x32 pixels of three channels', sample],
  ['9x9 pixels of two channels', oddImages(30)],
];

/** A crop and flip written the obvious way: pad the image by four black pixels, cut, mirror. */
function cropped(
  { side, channels }: ImageKind,
  image: Uint8Array,
  down: number,
  right: number,
  flipped: boolean,
): Uint8Array {
  const out = new Uint8Array(side * side * channels);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [fromY, fromX] = [y + down, (flipped ? side - 1 - x : x) + right];
      if (fromY < 0 || fromY >= side || fromX < 0 || fromX >= side) continue;
      for (let c = 0; c < channels; c++) {
        out[(y * side + x) * channels + c] = image[(fromY * side + fromX) * channels + c];
      }
    }
  }
  return out;
}

const key = (image: Uint8Array) => Buffer.from(image).toString('base64');
const imageAt = ({ kind, images }: Pick<Dataset, 'kind' | 'images'>, i: number) =>
  images.subarray(i * imageBytes(kind), (i + 1) * imageBytes(kind));

describe('batches', () => {
  test('cut an epoch so that every image comes once and the last batch holds the rest', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 500 }),
        seeds,
        (count, size, seed) => {
          const order = permutation(count, randomStream(seed));
          const batches = [...inBatches(order, size)];
          expect(batches.flatMap((batch) => [...batch])).toEqual([...order]);
          batches.slice(0, -1).forEach((batch) => expect(batch.length).toBe(size));
          expect(batches.length).toBe(Math.ceil(count / size));
        },
      ),
    );
  });

  test.each(shapes)('of %s hold the images and labels that the indices name', (_, dataset) => {
    fc.assert(
      fc.property(fc.array(fc.nat(dataset.count - 1), { minLength: 1, maxLength: 20 }), (indices) => {
        const batch = gatherBatch(dataset, Uint32Array.from(indices));
        expect(batch.kind).toBe(dataset.kind);
        expect(batch.images.length).toBe(indices.length * imageBytes(dataset.kind));
        indices.forEach((index, slot) => {
          expect(key(imageAt(batch, slot))).toBe(key(imageAt(dataset, index)));
          expect(batch.labels[slot]).toBe(dataset.labels[index]);
        });
      }),
      { numRuns: 20 },
    );
  });

  test.each(shapes)(
    'of %s, augmented, hold crops out of the padded image, flipped or not, each as often',
    (_, dataset) => {
      const kinds = new Map<string, string>();
      for (let down = -4; down <= 4; down++) {
        for (let right = -4; right <= 4; right++) {
          for (const flipped of [false, true]) {
            kinds.set(
              key(cropped(dataset.kind, imageAt(dataset, 0), down, right, flipped)),
              `${down},${right},${flipped}`,
            );
          }
        }
      }
      const draws = 5000;
      const batch = gatherBatch(dataset, new Uint32Array(draws), randomStream(1, 'augmentation'));
      const counts = new Map<string, number>();
      for (let i = 0; i < draws; i++) {
        const kind = kinds.get(key(imageAt(batch, i)));
        expect(kind).toBeDefined();
        counts.set(kind!, (counts.get(kind!) ?? 0) + 1);
      }
      expect(counts.size).toBe(162);
      const expected = draws / 162;
      const chiSquared = [...counts.values()].reduce(
        (sum, count) => sum + (count - expected) ** 2 / expected,
        0,
      );
      // 99.9% quantile with 161 degrees of freedom.
      expect(chiSquared).toBeLessThan(221.5);
    },
  );

  test('augmented under one seed are the same, under another not', () => {
    const indices = Uint32Array.from({ length: 8 }, (_, i) => i);
    const under = (seed: number) => key(gatherBatch(sample, indices, randomStream(seed)).images);
    expect(under(1)).toBe(under(1));
    expect(under(1)).not.toBe(under(2));
  });

  test('leave the data set as it was', () => {
    const before = key(sample.images);
    gatherBatch(sample, new Uint32Array(16), randomStream(1));
    expect(key(sample.images)).toBe(before);
  });

  test.each(shapes)('of %s, sliced, share the memory of the data set', (_, dataset) => {
    const batch = sliceBatch(dataset, 3, 7);
    expect(batch.images.buffer).toBe(dataset.images.buffer);
    for (let slot = 0; slot < 4; slot++) {
      expect(key(imageAt(batch, slot))).toBe(key(imageAt(dataset, 3 + slot)));
    }
    expect([...batch.labels]).toEqual([...dataset.labels.subarray(3, 7)]);
    expect([batch.size, batch.images.length]).toEqual([4, 4 * imageBytes(dataset.kind)]);
    expect(batch.kind).toBe(dataset.kind);
  });
});
