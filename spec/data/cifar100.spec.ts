import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { decodeCifar100, loadCifar100 } from '../../src/data/cifar100';
import { UserError } from '../../src/support/errors';

const PLANE = 1024;
const RECORD = 2 + 3 * PLANE;

/** What stands for a pixel of a made-up image: two of them that change places are seen. */
const pixel = (image: number, channel: number, y: number, x: number) =>
  (image + 101 * channel + 37 * y + 3 * x) % 256;

const fineLabel = (image: number) => (7 * image + 99) % 100;

/** Made-up records as CIFAR-100's page describes them: coarse label, fine label, red, green and blue plane. */
function records(count: number): Buffer {
  const bytes = Buffer.alloc(count * RECORD);
  for (let image = 0; image < count; image++) {
    let at = image * RECORD;
    bytes[at++] = image % 20;
    bytes[at++] = fineLabel(image);
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < 32; y++) {
        for (let x = 0; x < 32; x++) bytes[at++] = pixel(image, channel, y, x);
      }
    }
  }
  return bytes;
}

describe('CIFAR-100', () => {
  test('has 100 classes of 32x32 pixels in three colours, and customary means and deviations of its own', () => {
    expect(decodeCifar100(records(1)).kind).toEqual({
      side: 32,
      channels: 3,
      classes: 100,
      mean: [0.5071, 0.4865, 0.4409],
      deviation: [0.2673, 0.2564, 0.2762],
    });
  });

  test('has the fine label of each record, and its colours side by side', () => {
    const { count, labels, images } = decodeCifar100(records(5));
    expect(count).toBe(5);
    expect([...labels]).toEqual([99, 6, 13, 20, 27]);
    expect(images.length).toBe(5 * 3 * PLANE);
    const expected = new Uint8Array(images.length);
    for (let image = 0; image < 5; image++) {
      for (let y = 0; y < 32; y++) {
        for (let x = 0; x < 32; x++) {
          for (let channel = 0; channel < 3; channel++) {
            expected[((image * 32 + y) * 32 + x) * 3 + channel] = pixel(image, channel, y, x);
          }
        }
      }
    }
    expect(Buffer.compare(images, expected)).toBe(0);
  });

  test('is refused where a record is cut off', () => {
    expect(() => decodeCifar100(records(2).subarray(0, 2 * RECORD - 1))).toThrow(UserError);
    expect(() => decodeCifar100(records(2).subarray(0, 2 * RECORD - 1))).toThrow(
      'its last record is cut off',
    );
  });

  test.each([
    ['coarse', 0, 20, /record 2 has the labels 20 and 6, which there are not/],
    ['fine', 1, 100, /record 2 has the labels 1 and 100, which there are not/],
  ])('is refused where a %s label is out of range', (_, at, label, message) => {
    const bytes = records(3);
    bytes[RECORD + at] = label;
    expect(() => decodeCifar100(bytes)).toThrow(UserError);
    expect(() => decodeCifar100(bytes)).toThrow(message);
    bytes[RECORD + at] = label - 1;
    expect(decodeCifar100(bytes).count).toBe(3);
  });

  describe('in a folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
    const file = join(folder, 'test.bin');
    afterAll(() => rmSync(folder, { recursive: true }));
    const mend = /get the "CIFAR-100 binary version" from the data set's home page, and name .* by --data\.$/;

    test('that is not named is asked for', () => {
      expect(() => loadCifar100('test', undefined)).toThrow(UserError);
      expect(() => loadCifar100('test', undefined)).toThrow(mend);
    });

    test('without the file is refused with the name of the file and the mend', () => {
      expect(() => loadCifar100('train', folder)).toThrow(UserError);
      expect(() => loadCifar100('train', folder)).toThrow(join(folder, 'train.bin'));
      expect(() => loadCifar100('train', folder)).toThrow(mend);
    });

    test('has 10,000 test images, read in their order', () => {
      writeFileSync(file, records(10_000));
      const { count, labels, images } = loadCifar100('test', folder);
      expect(count).toBe(10_000);
      expect([...labels.subarray(-2)]).toEqual([fineLabel(9998), fineLabel(9999)]);
      expect([...images.subarray(-3)]).toEqual([0, 1, 2].map((channel) => pixel(9999, channel, 31, 31)));
    });

    test('that holds fewer images, or part of one, is refused with both sizes and the mend', () => {
      for (const size of [10_000 * RECORD - 1, 9999 * RECORD, 0]) {
        truncateSync(file, size);
        expect(() => loadCifar100('test', folder)).toThrow(UserError);
        expect(() => loadCifar100('test', folder)).toThrow(`${size} bytes instead of 30740000`);
        expect(() => loadCifar100('test', folder)).toThrow(mend);
      }
    });

    test('that holds the test images as training images is refused with both sizes', () => {
      writeFileSync(join(folder, 'train.bin'), records(10_000));
      expect(() => loadCifar100('train', folder)).toThrow('30740000 bytes instead of 153700000');
    });

    test('whose records have labels that there are not is refused with the name of the file and the mend', () => {
      writeFileSync(file, Buffer.alloc(10_000 * RECORD, 255));
      expect(() => loadCifar100('test', folder)).toThrow(`${file} (record 1 has the labels 255 and 255`);
      expect(() => loadCifar100('test', folder)).toThrow(mend);
    });
  });
});
