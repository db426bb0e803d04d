import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { costOf, dependencies, jobSchema, trainingsOf } from '../../src/jobs/job';
import type { Measure } from '../../src/jobs/measure';
import { networkContent, stepsPerEpoch, trainingConfigOf, type Training } from '../../src/jobs/training';
import { TINY_VGG } from '../helpers/arbitraries';
import { softmaxRegression } from '../helpers/fixtures';
import { anyJob, anyTraining } from '../helpers/jobs';

const training: Training = {
  network: networkContent(TINY_VGG),
  data: { train: '1'.repeat(64), test: '2'.repeat(64), images: 64 },
  engine: { name: 'wasm', version: '1' },
  batchSize: 16,
  seed: 1,
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
  learningRate: 0.01,
  stopAfter: { epochs: 1 },
};
const train = (changes: object): unknown => ({ train: { ...training, ...changes } });
const measure = (changes: object): unknown => ({
  measure: { kind: 'evaluation', of: [{ training }], images: { to: 64 }, ...changes },
});
const isJob = (value: unknown) => jobSchema.safeParse(value).success;

describe('the schema of jobs', () => {
  test('takes every job, through JSON, and changes nothing of it', () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        expect(jobSchema.parse(JSON.parse(JSON.stringify(job)))).toEqual(job);
      }),
    );
  });

  const refused: Record<string, unknown> = {
    'no value at all': null,
    'neither a training nor a measure': {},
    'both at once': { ...(train({}) as object), ...(measure({}) as object) },
    'a field that it does not know': { ...(train({}) as object), command: 'rm' },
    'an unknown field in its training': train({ out: '/etc/passwd' }),
    'an unknown field in a layer': train({
      network: { layers: [{ ...TINY_VGG.layers[0], file: 'x' }] },
    }),
    'the name of a network instead of its layers': train({ network: '../C1' }),
    'a batch larger than its data': train({ batchSize: 65 }),
    'batches that leave a single image to batch norm': train({ batchSize: 21 }),
    'no images': train({ data: { ...training.data, images: 0 } }),
    'endless epochs': train({ stopAfter: { epochs: Infinity } }),
    'another format': train({ format: 2 }),
    'no hash for its data': train({ data: { ...training.data, train: 'any' } }),
    'a snapshot before the first step': { ...(train({}) as object), snapshots: [0] },
    'a start that cannot be trained': train({ start: { training: { ...training, batchSize: 65 } } }),
    'no minimizer': measure({ of: [] }),
    'two minimizers where one is measured': measure({ of: [{ training }, { training }] }),
    'a minimizer that cannot be trained': measure({ of: [{ training: { ...training, batchSize: 21 } }] }),
    'an empty block of images': measure({ images: { from: 8, to: 8 } }),
    'images beyond the training images': measure({ images: { from: 60, to: 65 } }),
    'a curve at α = 0': measure({ kind: 'curve', directionSeed: 1, alphas: [-1, 0, 1] }),
    'a subspace without dimension': measure({ kind: 'phi', epsilon: 1e-3, space: 'subspace' }),
    'a full space with a dimension': measure({ kind: 'phi', epsilon: 1e-3, dimension: 3 }),
    'phi of a single image': measure({ kind: 'phi', epsilon: 1e-3, images: { to: 1 } }),
    'more images of gradients than the block has': measure({ kind: 'noise', batchSize: 22, batches: 3 }),
    'one minimizer where a path has two ends': measure({ kind: 'path', alpha: 1, testImages: { to: 4 } }),
  };

  test.each(Object.keys(refused))('refuses %s', (what) => {
    expect(isJob(refused[what])).toBe(false);
  });

  test('takes what is nearly like those', () => {
    const accepted = [
      train({}),
      train({ batchSize: 64 }),
      train({ batchSize: 31 }),
      // Without batch norm a single image is a batch like any other.
      train({ network: networkContent(softmaxRegression()), batchSize: 21 }),
      train({ start: { training } }),
      measure({}),
      measure({ images: { from: 60, to: 64 } }),
      // How many test images there are, a training does not say.
      measure({ split: 'test', images: { to: 10_000 } }),
      measure({ kind: 'phi', epsilon: 1e-3, space: 'subspace', dimension: 3 }),
      measure({ kind: 'noise', batchSize: 21, batches: 3 }),
      measure({ kind: 'path', of: [{ training }, { training }], alpha: 1, testImages: { to: 4 } }),
    ];
    for (const value of accepted) expect(jobSchema.safeParse(value)).toMatchObject({ success: true });
  });

  test('says what is wrong', () => {
    const issues = (value: unknown) => jobSchema.safeParse(value).error?.issues.map(({ message }) => message);
    expect(issues(train({ batchSize: 65 }))).toEqual(['65 is more than the 64 training images']);
    expect(issues(train({ batchSize: 21 }))).toEqual([
      expect.stringMatching(/^batches of 21 leave one of 64 images in a batch of its own/),
    ]);
  });
});

describe('a job', () => {
  const start: Training = { ...training, seed: 2 };
  const warm: Training = { ...training, start: { training: start, at: { step: 3 } } };

  test('names what must be there before it, down to the first training', () => {
    const path: Measure = {
      kind: 'path',
      of: [{ training: warm }, { training }],
      images: { to: 64 },
      alpha: 0.5,
      testImages: { to: 4 },
    };
    expect(dependencies({ measure: path })).toEqual([{ training: warm }, { training }]);
    expect(dependencies({ train: warm })).toEqual([{ training: start, at: { step: 3 } }]);
    expect(dependencies({ train: training })).toEqual([]);
    expect(trainingsOf({ measure: path })).toEqual([warm, start, training]);
  });

  test('of a training costs its epochs, to the step where it ends within one', () => {
    const cost = (changes: Partial<Training>) => costOf({ train: { ...training, ...changes } });
    expect(cost({ stopAfter: { epochs: 3 } })).toEqual({ training: 3 * 64, evaluation: 64 });
    expect(cost({ stopAfter: { steps: 6 } })).toEqual({ training: 6 * 16, evaluation: 64 });
  });
});

test('the training loop is told of every field of a training', () => {
  fc.assert(
    fc.property(anyTraining, (one) => {
      const config = trainingConfigOf(one);
      const { batchSize, learningRate, optimizer, schedule = 'constant', augment = false } = one;
      expect(config).toMatchObject({ batchSize, learningRate, optimizer, schedule, augment });
      expect(config.scheduleEpochs).toBe(one.scheduleEpochs);
      expect(config.stopping).toEqual(one.until);
      expect(config.batchOrder ?? 0).toBe(one.batchOrder ?? 0);
      expect(config.conservative).toEqual(one.conservative);
      expect(config.adversarial).toEqual(one.adversarial);
      if ('epochs' in one.stopAfter) {
        expect([config.epochs, config.steps]).toEqual([one.stopAfter.epochs, undefined]);
      } else {
        expect(config.steps).toBe(one.stopAfter.steps);
        expect(config.epochs * stepsPerEpoch(one)).toBeGreaterThanOrEqual(one.stopAfter.steps);
        expect((config.epochs - 1) * stepsPerEpoch(one)).toBeLessThan(one.stopAfter.steps);
      }
    }),
  );
});
