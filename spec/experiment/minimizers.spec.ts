import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import type { Compute } from '../../src/compute/compute';
import type { ExperimentContext } from '../../src/experiment/context';
import { findMinimizer, regimeTraining } from '../../src/experiment/minimizers';
import { openRunFolder } from '../../src/experiment/run-folder';
import { settingsOf } from '../../src/experiment/settings';
import { initialWeights } from '../../src/model/architecture';
import { randomStream } from '../../src/random';
import { TINY_VGG } from '../support/arbitraries';
import { ENVIRONMENT } from '../support/environment';
import { sampleImages } from '../support/fixtures';

const root = mkdtempSync(join(tmpdir(), 'minimizers-'));
afterAll(() => rmSync(root, { recursive: true }));

test('a minimizer is stored with its distance from its own initial weights, running statistics left out', async () => {
  // A training that moves one weight by 3, another by 4, and a running mean by 100.
  const start = initialWeights(TINY_VGG, randomStream(5, 'weights'));
  const moved = new Map(
    [...start].map(([name, tensor]) => [name, { ...tensor, data: Float32Array.from(tensor.data) }]),
  );
  moved.get('classifier.3.bias')!.data[0] += 3;
  moved.get('features.0.weight')!.data[7] += 4;
  moved.get('features.1.running_mean')!.data[0] += 100;
  const test = { loss: 2, accuracy: 0.5, lossStandardError: 0.1 };
  const compute = {
    train: () =>
      Promise.resolve({
        weights: moved,
        seconds: 1,
        history: [{ epoch: 1, learningRate: 0.01, trainingModeLoss: 2, test }],
      }),
    evaluateImages: () =>
      Promise.resolve({ losses: Float32Array.of(1, 3), correct: Uint8Array.of(1, 0), count: 2 }),
  } as unknown as Compute;
  const settings = settingsOf('smoke', 5, {});
  const folder = openRunFolder(root, { settings, environment: ENVIRONMENT });
  const training = regimeTraining(settings, 'SB', 5);
  const context: ExperimentContext = {
    compute,
    architecture: TINY_VGG,
    data: { train: sampleImages(), test: sampleImages() },
    settings,
    folder,
    progress: {
      say: () => {},
      begin: () => ({ advance: () => {}, note: () => {}, milestone: () => {}, end: () => {} }),
      close: () => {},
    },
  };
  await findMinimizer(context, training);
  const run = folder.run(training.name).read()!;
  if ('diverged' in run) throw new Error(run.diverged);
  expect(run.distanceFromStart).toBeCloseTo(5, 5);
  expect(run.train).toMatchObject({ loss: 2, accuracy: 0.5 });
  expect(run.test).toEqual(test);
});
