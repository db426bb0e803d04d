import { describe, expect, test } from '@jest/globals';
import { PAPER_NETWORKS } from '../../../src/model/networks';
import {
  datasetFor,
  largeBatchOf,
  otherBatchSizes,
  paperCommandOf,
  paperSettingsOf,
  sharpnessImagesOf,
  snapshotsBefore,
  trainImagesOf,
  trialsOf,
} from '../../../src/studies/paper/settings';
import { UserError } from '../../../src/support/errors';

describe("the paper's settings", () => {
  const [full, scaled] = [paperSettingsOf('full', 42, {}), paperSettingsOf('scaled', 42, {})];

  test('full is the paper: SB 256, LB a tenth of the data, five trials, 100 dimensions, all images', () => {
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

  test('have trials of seed, seed + 1, …', () => {
    expect(trialsOf(paperSettingsOf('scaled', 7, { seeds: 4 }))).toEqual([7, 8, 9, 10]);
  });

  test('ask for no remedies, further batch sizes or snapshots by themselves', () => {
    expect(scaled).toMatchObject({ remedies: [], batchSizes: [], snapshotEpochs: [] });
  });

  test('leave out the batch sizes of SB and LB, and snapshots at the end or behind it', () => {
    const settings = paperSettingsOf('scaled', 42, {
      batchSizes: [64, 500, 26, 16],
      snapshotEpochs: [4, 1, 8],
    });
    expect(otherBatchSizes(settings, 'C1')).toEqual([16, 64]);
    expect(snapshotsBefore(settings, 8)).toEqual([1, 4]);
  });

  test.each([
    [{ networks: ['C9'] }, '--networks'],
    [{ networks: [] }, '--networks'],
    [{ networks: ['C1', 'C1'] }, '--networks names one twice'],
    [{ trainSize: 5001, smallBatch: 25 }, '--small-batch: batches of 25 leave one of 5001'],
    [{ smallBatch: 1 }, '--small-batch: batches of 1 leave one'],
    [{ smallBatch: 5001 }, '--small-batch: 5001 is more than the 5000 training images'],
    [{ trainSize: 2001, largeShare: 0.05 }, '--large-share: batches of 100 leave one of 2001'],
    // Whatever LB's batch size, here 250.
    [{ sharpnessImages: 501, largeShare: 0.05 }, '--sharpness-images: batches of 500 leave one of 501'],
    [{ seeds: 0 }, '--seeds'],
    [{ largeShare: 0 }, '--large-share'],
    [{ largeShare: 1.5 }, '--large-share'],
    [{ smallBatch: 0 }, '--small-batch'],
    [{ sharpnessImages: 0 }, '--sharpness-images'],
    [{ statistics: 'running' }, '--statistics'],
    [{ dimension: 0 }, '--dimension'],
    [{ improvement: 1 }, '--improvement'],
    [{ remedies: ['dropout'] }, '--remedies'],
    [{ remedies: ['adversarial', 'adversarial'] }, '--remedies names one twice'],
    [{ remedies: ['augmentation'], networks: ['C1', 'F1'] }, /--remedies augmentation .*digit.*F1/],
    [{ batchSizes: [16, 16] }, '--batch-sizes names one twice'],
    [{ batchSizes: [1] }, '--batch-sizes: '],
    [{ batchSizes: [2.5] }, '--batch-sizes: '],
    [{ batchSizes: [5001] }, '--batch-sizes: 5001 is more than the 5000 training images'],
    [{ batchSizes: [4999] }, '--batch-sizes: batches of 4999 leave one of 5000 images'],
    [{ snapshotEpochs: [4, 4] }, '--snapshot-epochs names one twice'],
    [{ snapshotEpochs: [0] }, '--snapshot-epochs: '],
    [{ snapshotEpochs: [201] }, '--snapshot-epochs: 201 is more than the 200 of --epochs'],
  ])('%j are refused, naming %s', (changes, message) => {
    const settings = () => paperSettingsOf('scaled', 1, changes as never);
    expect(settings).toThrow(UserError);
    expect(settings).toThrow(message);
  });

  test('remedies other than flips are for digits too', () => {
    const remedies = ['conservative', 'adversarial'] as const;
    expect(paperSettingsOf('scaled', 5, { remedies: [...remedies], networks: ['F1'] }).networks).toEqual([
      'F1',
    ]);
  });

  test('come back from the command that the report names', () => {
    const settings = paperSettingsOf('scaled', 5, {
      networks: ['F1', 'C1'],
      epochs: 7,
      orthonormal: true,
      remedies: ['conservative', 'adversarial'],
      batchSizes: [16, 64],
      snapshotEpochs: [1, 4],
    });
    expect(paperCommandOf(settings, 'wasm')).toBe(
      'npx ts-node reproduce.ts paper --engine wasm --preset scaled --seed 5 --networks F1,C1 --epochs 7 --orthonormal ' +
        '--remedies conservative,adversarial --batch-sizes 16,64 --snapshot-epochs 1,4',
    );
  });
});
