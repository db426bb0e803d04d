import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { cacheFolder } from '../../src/support/cache-folder';
import { imageBytes } from '../../src/data/dataset';
import { DATASETS, loadDataset } from '../../src/data/load';

const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
writeFileSync(join(folder, 'test.bin'), Buffer.alloc(10_000 * 3074, 1));
afterAll(() => rmSync(folder, { recursive: true }));

const SHAPES = { cifar10: [32, 3, 10], cifar100: [32, 3, 100], mnist: [28, 1, 10] };

test.each(DATASETS)('%s is loaded by its name, and is as large as its kind says', (name) => {
  const { kind, count, images, labels } = loadDataset(name, 'test', { cache: cacheFolder(), folder });
  expect([kind.side, kind.channels, kind.classes]).toEqual(SHAPES[name]);
  expect([kind.mean.length, kind.deviation.length]).toEqual([kind.channels, kind.channels]);
  expect([count, labels.length, images.length]).toEqual([10_000, 10_000, 10_000 * imageBytes(kind)]);
  expect(labels.every((label) => label < kind.classes)).toBe(true);
});
