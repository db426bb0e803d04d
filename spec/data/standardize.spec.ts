import { beforeAll, expect, test } from '@jest/globals';
import { sliceBatch } from '../../src/data/batches';
import type { Dataset } from '../../src/data/dataset';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { specEngine } from '../helpers/engine';
import { oddImages, sampleImages } from '../helpers/fixtures';

let engine: Engine;
beforeAll(async () => {
  engine = await specEngine();
});

const sets: [string, Dataset][] = [
  ["CIFAR-10's", sampleImages()],
  ['others', oddImages(30)],
];

test.each(sets)(
  "a batch of %s is standardized by its own data set's means and deviations",
  async (_, dataset) => {
    const batch = sliceBatch(dataset, 2, 6);
    const { side, channels, mean, deviation } = dataset.kind;
    const floats = standardize(engine, batch);
    expect(floats.shape).toEqual([4, side, side, channels]);
    const values = await floats.data<'float32'>();
    floats.dispose();
    batch.images.forEach((byte, index) => {
      const channel = index % channels;
      const expected = (byte / 255 - mean[channel]) / deviation[channel];
      if (Math.abs(values[index] - expected) > 1e-5) throw new Error(`${values[index]} for ${expected}`);
    });
  },
);
