import { describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import { PAPER_NETWORKS } from '../../src/model/networks';
import {
  datasetFor,
  largeBatchOf,
  paperCommandOf,
  paperSettingsOf,
  paperTrainingConfig,
  sharpnessImagesOf,
  trainImagesOf,
  trialsOf,
} from '../../src/paper/settings';
import { REGIMES } from '../../src/training/regime';

describe("the paper's settings", () => {
  const [full, scaled] = [paperSettingsOf('full', 42, {}), paperSettingsOf('scaled', 42, {})];

  test('full is the paper: SB 256, LB a tenth of the data, five trials, 100 dimensions, both boxes over all images', () => {
    expect(full).toMatchObject({ smallBatch: 256, seeds: 5, dimension: 100, networks: ['C1'] });
    expect(PAPER_NETWORKS.map((network) => largeBatchOf(full, network))).toEqual([
      6000, 5000, 5000, 5000, 5000,
    ]);
    for (const network of PAPER_NETWORKS) {
      expect(sharpnessImagesOf(full, network)).toBe(trainImagesOf(full, network));
    }
  });

  test('scaled keeps the share of the data that each batch is', () => {
    expect(trainImagesOf(scaled, 'C1')).toBe(5000);
    expect(largeBatchOf(scaled, 'C1')).toBe(500);
    expect(scaled.smallBatch / 5000).toBeCloseTo(256 / 50_000, 3);
    expect(sharpnessImagesOf(scaled, 'C1')).toBe(2000);
  });

  test('each network has the data that the paper trains it on', () => {
    expect(PAPER_NETWORKS.map(datasetFor)).toEqual(['mnist', 'cifar10', 'cifar10', 'cifar100', 'cifar100']);
  });

  test('train SB and LB alike but for the batch size: Adam at a constant rate, until the loss stalls', () => {
    const [SB, LB] = REGIMES.map((regime) => paperTrainingConfig(scaled, 'C1', regime));
    expect({ ...SB, batchSize: 0 }).toEqual({ ...LB, batchSize: 0 });
    expect([SB.batchSize, LB.batchSize]).toEqual([26, 500]);
    expect(SB).toMatchObject({
      learningRate: 1e-3,
      schedule: 'constant',
      optimizer: { kind: 'adam', weightDecay: 0 },
      stopping: { patience: 5, improvement: 0.01 },
      augment: false,
    });
  });

  test('have trials of seed, seed + 1, …', () => {
    expect(trialsOf(paperSettingsOf('scaled', 7, { seeds: 4 }))).toEqual([7, 8, 9, 10]);
  });

  test.each([
    [{ networks: ['C9'] }, '--networks'],
    [{ networks: [] }, '--networks'],
    [{ networks: ['C1', 'C1'] }, '--networks names one twice'],
    [{ trainSize: 5001, smallBatch: 25 }, '--small-batch: batches of 25 leave one of 5001'],
    [{ smallBatch: 1 }, '--small-batch: batches of 1 leave one'],
    [
      { trainSize: 2001, smallBatch: 26, largeShare: 0.05 },
      '--large-share: batches of 100 leave one of 2001',
    ],
    [{ sharpnessImages: 501 }, '--sharpness-images: batches of 500 leave one of 501'],
    [{ seeds: 0 }, '--seeds'],
    [{ largeShare: 0 }, '--large-share'],
    [{ largeShare: 1.5 }, '--large-share'],
    [{ smallBatch: 0 }, '--small-batch'],
    [{ sharpnessImages: 0 }, '--sharpness-images'],
    [{ statistics: 'running' }, '--statistics'],
    [{ dimension: 0 }, '--dimension'],
    [{ improvement: 1 }, '--improvement'],
  ])('%j are refused, naming %s', (changes, flag) => {
    const settings = () => paperSettingsOf('scaled', 1, changes as never);
    expect(settings).toThrow(UserError);
    expect(settings).toThrow(flag);
  });

  test('come back from the command that the report names', () => {
    const settings = paperSettingsOf('scaled', 5, { networks: ['F1', 'C1'], epochs: 7, orthonormal: true });
    expect(paperCommandOf(settings, 'wasm')).toBe(
      'npx ts-node reproduce.ts paper --engine wasm --preset scaled --seed 5 --networks F1,C1 --epochs 7 --orthonormal',
    );
  });
});
