import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { inThisThread, type Compute } from '../../src/compute/compute';
import type { ExperimentContext } from '../../src/experiment/context';
import {
  findMinimizer,
  imagesToTrain,
  regimeTraining,
  type Training,
  type TrainingContext,
} from '../../src/experiment/minimizers';
import { openRunFolder } from '../../src/experiment/run-folder';
import { settingsOf } from '../../src/experiment/settings';
import { initialWeights } from '../../src/model/architecture';
import { randomStream } from '../../src/support/random';
import { TINY_VGG } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { ENVIRONMENT } from '../helpers/environment';
import { sampleImages } from '../helpers/fixtures';

const root = mkdtempSync(join(tmpdir(), 'minimizers-'));
afterAll(() => rmSync(root, { recursive: true }));

const PROGRESS = {
  say: () => {},
  begin: () => ({ advance: () => {}, skip: () => {}, note: () => {}, milestone: () => {}, end: () => {} }),
  close: () => {},
};

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
    progress: PROGRESS,
  };
  await findMinimizer(context, training);
  const run = folder.run(training.name).read()!;
  if ('diverged' in run) throw new Error(run.diverged);
  expect(run.distanceFromStart).toBeCloseTo(5, 5);
  expect(run.train).toMatchObject({ loss: 2, accuracy: 0.5 });
  expect(run.test).toEqual(test);
});

describe('a training of a folder', () => {
  const settings = settingsOf('smoke', 5, { smallEpochs: 3, smallBatch: 16 });
  const regime = regimeTraining(settings, 'SB', 5);
  // With another schedule, fewer epochs are not the beginning of more.
  const whole: Training = { ...regime, config: { ...regime.config, schedule: 'constant' } };
  const contextOf = async (): Promise<TrainingContext> => ({
    compute: inThisThread(await specEngine()),
    architecture: TINY_VGG,
    data: { train: sampleImages(), test: sampleImages() },
    folder: openRunFolder(mkdtempSync(join(root, 'run ')), { settings, environment: ENVIRONMENT }),
    progress: PROGRESS,
  });

  test('that begins at given weights stays there where it hardly moves, and counts its distance from them', async () => {
    const context = await contextOf();
    const start = initialWeights(TINY_VGG, randomStream(77, 'elsewhere'));
    const still = { ...whole, start, config: { ...whole.config, learningRate: 1e-12 } };
    const weights = await findMinimizer(context, still);
    for (const name of ['features.0.weight', 'classifier.3.bias']) {
      expect(weights.get(name)!.data).toEqual(start.get(name)!.data);
    }
    const run = context.folder.run(still.name).read()!;
    if ('diverged' in run) throw new Error(run.diverged);
    expect(run.distanceFromStart).toBeLessThan(1e-6);
    expect(run.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test('that goes on from one with fewer epochs ends at the same bits as the whole one, and leaves a checkpoint', async () => {
    const context = await contextOf();
    const part = { ...whole, name: 'part', config: { ...whole.config, epochs: 2 }, keepsCheckpoint: true };
    await findMinimizer(context, part);
    expect(context.folder.checkpoint('part').read()!.history).toHaveLength(2);
    const trained: number[] = [];
    const counted: TrainingContext = {
      ...context,
      progress: {
        ...PROGRESS,
        begin: () => ({ ...PROGRESS.begin(), advance: (images) => void trained.push(images) }),
      },
    };
    const rest = { ...whole, name: 'rest', goesOnFrom: 'part' };
    expect(imagesToTrain(64, context.folder, rest)).toBe(64);
    const weights = await findMinimizer(counted, rest);
    expect(trained.reduce((one, other) => one + other, 0)).toBe(64);
    expect(weights).toEqual(await findMinimizer(context, whole));
    expect(context.folder.checkpoint('rest').read()).toBeUndefined();
  });
});
