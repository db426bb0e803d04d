import { describe, expect, test } from '@jest/globals';
import type { Job } from '../../../src/jobs/job';
import type { Measure } from '../../../src/jobs/measure';
import { trainingId, type Training } from '../../../src/jobs/training';
import {
  batchSizeTraining,
  firstTraining,
  regimeTraining,
  remedyTraining,
  warmTraining,
} from '../../../src/studies/paper/jobs';
import { paperStudy } from '../../../src/studies/paper/study';
import { REMEDIES } from '../../../src/studies/paper/settings';
import { madeUpResults, paperSetup, type MadeUp } from '../../helpers/paper-study';

const NOTHING: MadeUp = { epochs: () => undefined, figures: () => undefined, perImage: () => undefined };

describe('the trainings of the paper', () => {
  const setup = paperSetup({ remedies: [...REMEDIES] });
  const [SB, LB] = (['SB', 'LB'] as const).map((regime) => regimeTraining(setup, 'C1', regime, 43));

  test('SB and LB differ in the batch size alone: Adam at a constant rate, until the loss stalls', () => {
    expect({ ...SB, batchSize: 500 }).toEqual(LB);
    expect(SB).toMatchObject({
      batchSize: 26,
      seed: 43,
      data: { images: 5000 },
      learningRate: 1e-3,
      optimizer: { kind: 'adam', weightDecay: 0 },
      stopAfter: { epochs: 200 },
      until: { patience: 5, improvement: 0.01 },
    });
    // By default the rate is constant and images are not augmented.
    expect(Object.keys(SB)).not.toEqual(expect.arrayContaining([expect.stringMatching('schedule|augment')]));
  });

  test('remedies change nothing of LB but what they are', () => {
    const training = (remedy: (typeof REMEDIES)[number]) => remedyTraining(setup, 'C1', remedy, 43);
    expect(training('augmentation')).toEqual({ ...LB, augment: true });
    expect(training('conservative')).toEqual({ ...LB, conservative: { lambda: 0.001, iterations: 3 } });
    expect(training('adversarial')).toEqual({ ...LB, adversarial: { epsilon: 2 / 255 } });
  });

  test('Figure 4 changes the batch size of the first LB, Figure 5 where it starts', () => {
    const [first, large] = (['SB', 'LB'] as const).map((regime) => firstTraining(setup, 'C1', regime));
    expect(batchSizeTraining(setup, 'C1', 64)).toEqual({ ...large, batchSize: 64 });
    expect(warmTraining(setup, 'C1', 2)).toEqual({
      ...large,
      start: { training: first, at: { step: 2 * 193 } },
    });
  });
});

describe('the jobs of the study', () => {
  const setup = paperSetup({ seeds: 2, snapshotEpochs: [8, 2], batchSizes: [64] });
  const [SB, LB] = (['SB', 'LB'] as const).map((regime) => firstTraining(setup, 'C1', regime));
  const next = (made: Partial<MadeUp>) => paperStudy.next(setup, madeUpResults({ ...NOTHING, ...made }));
  const snapshotsOf = (jobs: readonly Job[], training: Training) =>
    jobs.flatMap((job) =>
      'train' in job && trainingId(job.train) === trainingId(training) ? [...(job.snapshots ?? [])] : [],
    );
  const measures = (jobs: readonly Job[]) => jobs.flatMap((job) => ('measure' in job ? [job.measure] : []));
  const stepsOf = (all: readonly Measure[], kind: Measure['kind']) =>
    all
      .filter((measure) => measure.kind === kind)
      .flatMap(({ of: [{ training, at = 'end' }] }) => [
        [training.batchSize, training.start ? 'warm' : 'seed', at === 'end' ? at : at.step],
      ]);

  test('a training is asked for together with its snapshots: after the first step, and after 2 and 8 epochs', () => {
    const jobs = next({});
    expect(snapshotsOf(jobs, SB)).toEqual([1, 2 * 193, 8 * 193]);
    expect(snapshotsOf(jobs, LB)).toEqual([1, 20, 80]);
    expect(snapshotsOf(jobs, regimeTraining(setup, 'C1', 'SB', 43))).toEqual([]);
  });

  test('nothing is asked of snapshots, of the middle or of warm starts until the trainings are done', () => {
    const jobs = next({});
    expect(jobs.flatMap((job) => ('train' in job && job.train.start ? [job] : []))).toEqual([]);
    expect(stepsOf(measures(jobs), 'phi').every(([, , step]) => step === 'end')).toBe(true);
    expect(stepsOf(measures(jobs), 'noise').map(([, , step]) => step)).toEqual([1, 'end', 1, 'end']);
  });

  test('once they are, the middle, the epochs that were reached before the end, and LB warm-started there', () => {
    // LB ends after 7 epochs: its middle is after 4, and it never comes to 8. SB's end is not a snapshot.
    const jobs = next({ epochs: ({ batchSize }) => (batchSize === 26 ? 8 : 7) });
    const all = measures(jobs);
    expect(stepsOf(all, 'noise')).toEqual([
      [26, 'seed', 1],
      [26, 'seed', 4 * 193],
      [26, 'seed', 'end'],
      [500, 'seed', 1],
      [500, 'seed', 40],
      [500, 'seed', 'end'],
    ]);
    const further = stepsOf(all, 'phi').slice(2 * 2 * 4);
    expect(further).toEqual([
      [64, 'seed', 'end'],
      [500, 'warm', 'end'],
      [26, 'seed', 2 * 193],
      [500, 'seed', 20],
    ]);
  });

  test('the middle of a single epoch is its end', () => {
    const all = measures(next({ epochs: () => 1 }));
    expect(stepsOf(all, 'noise').map(([, , step]) => step)).toEqual([1, 'end', 'end', 1, 'end', 'end']);
  });

  test('gradient noise is not measured of fewer than three minibatches', () => {
    const few = paperSetup({ largeShare: 0.4 });
    const jobs = paperStudy.next(few, madeUpResults({ ...NOTHING, epochs: () => 8 }));
    expect(stepsOf(measures(jobs), 'noise').map(([batchSize]) => batchSize)).toEqual([26, 26, 26]);
    expect(snapshotsOf(jobs, firstTraining(few, 'C1', 'LB'))).toEqual([]);
  });

  test('φ takes the settings that it is measured with', () => {
    const changed = paperSetup({
      statistics: 'fixed',
      dimension: 7,
      orthonormal: true,
      sharpnessImages: 300,
    });
    const [full, , subspace] = measures(paperStudy.next(changed, madeUpResults(NOTHING))).filter(
      ({ kind }) => kind === 'phi',
    );
    const common = { images: { to: 300 }, epsilon: 1e-3, batchNorm: 'fixed' };
    expect(full).toEqual({ kind: 'phi', of: full.of, space: 'full', ...common });
    expect(subspace).toMatchObject({ space: 'subspace', dimension: 7, orthonormal: true, ...common });
  });

  test('nothing is asked for of a training that diverged, and nothing at the end', () => {
    const diverged = next({ epochs: () => 'the loss became NaN' });
    expect(diverged).toEqual([]);
    expect(next({ epochs: () => 8, figures: () => ({}) })).toEqual([]);
  });
});
