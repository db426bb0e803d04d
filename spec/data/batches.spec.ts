import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { gatherBatch, inBatches, sliceBatch } from '../../src/data/batches';
import { IMAGE_BYTES } from '../../src/data/cifar10';
import { permutation, randomStream } from '../../src/random';
import { seeds } from '../support/arbitraries';
import { sampleImages } from '../support/fixtures';

const sample = sampleImages();

/** A crop and flip written the obvious way: pad the image by four black pixels, cut, mirror. */
function cropped(image: Uint8Array, down: number, right: number, flipped: boolean): Uint8Array {
  const out = new Uint8Array(IMAGE_BYTES);
  for (let y = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) {
      const [fromY, fromX] = [y + down, (flipped ? 31 - x : x) + right];
      if (fromY < 0 || fromY > 31 || fromX < 0 || fromX > 31) continue;
      for (let c = 0; c < 3; c++) out[(y * 32 + x) * 3 + c] = image[(fromY * 32 + fromX) * 3 + c];
    }
  }
  return out;
}

const key = (image: Uint8Array) => Buffer.from(image).toString('base64');
const imageAt = (images: Uint8Array, i: number) => images.subarray(i * IMAGE_BYTES, (i + 1) * IMAGE_BYTES);

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

  test('without augmentation hold the images and labels that the indices name', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(sample.count - 1), { minLength: 1, maxLength: 20 }), (indices) => {
        const batch = gatherBatch(sample, Uint32Array.from(indices));
        indices.forEach((index, slot) => {
          expect(key(imageAt(batch.images, slot))).toBe(key(imageAt(sample.images, index)));
          expect(batch.labels[slot]).toBe(sample.labels[index]);
        });
      }),
      { numRuns: 20 },
    );
  });

  test('with augmentation hold a crop out of the padded image, flipped or not, each kind as often', () => {
    const kinds = new Map<string, string>();
    for (let down = -4; down <= 4; down++) {
      for (let right = -4; right <= 4; right++) {
        for (const flipped of [false, true]) {
          kinds.set(
            key(cropped(imageAt(sample.images, 0), down, right, flipped)),
            `${down},${right},${flipped}`,
          );
        }
      }
    }
    const draws = 5000;
    const batch = gatherBatch(sample, new Uint32Array(draws), randomStream(1, 'augmentation'));
    const counts = new Map<string, number>();
    for (let i = 0; i < draws; i++) {
      const kind = kinds.get(key(imageAt(batch.images, i)));
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
  });

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

  test('sliced share the memory of the data set', () => {
    const { images, labels, size } = sliceBatch(sample, 3, 7);
    expect(images.buffer).toBe(sample.images.buffer);
    expect([...labels]).toEqual([...sample.labels.subarray(3, 7)]);
    expect(size).toBe(4);
  });
});
