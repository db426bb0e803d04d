import { describe, expect, test } from '@jest/globals';
import { encodePerImage, resultsView } from '../../../src/executors/results-view';
import type { ResultStore } from '../../../src/executors/store';
import { measureId, type Measure } from '../../../src/jobs/measure';
import { KEYS, type MeasureResult, type TrainingResult, type Value } from '../../../src/jobs/result';
import { trainingId, type Training } from '../../../src/jobs/training';
import { sweepCsv } from '../../../src/studies/sweep/export';
import { plannedRuns, riseJobs, valueJob, wholeEvaluation } from '../../../src/studies/sweep/jobs';
import { measuresOf } from '../../../src/studies/sweep/plan';
import type { RiseMeasure, SweepMeasure } from '../../../src/studies/sweep/measures';
import { statusText, sweepRows } from '../../../src/studies/sweep/rows';
import { sweepStudy } from '../../../src/studies/sweep/study';
import { ENVIRONMENT } from '../../helpers/environment';
import { freshStore } from '../../helpers/kernel';
import { planSetup, tinyPlan } from '../../helpers/sweeps';

const plan = tinyPlan({
  seeds: [1, 2, 3, 4],
  protocols: [
    { name: 'plain', optimizer: { kind: 'sgd' }, learningRate: 0.01, epochs: 2 },
    {
      name: 'scaled',
      optimizer: { kind: 'sgd' },
      learningRate: 0.01,
      scaling: { rule: 'sqrt', from: 16 },
      epochs: 2,
    },
  ],
  measures: [
    { kind: 'rise', images: 16, directions: 2, alphas: [-1, 0, 1] },
    { kind: 'sam', images: 16 },
    { kind: 'eigenvalue', images: 16 },
  ],
});
const setup = planSetup(plan);
const [rise, sam, eigenvalue] = measuresOf(plan) as [RiseMeasure, ...Exclude<SweepMeasure, RiseMeasure>[]];
// Batch size 16 is where the scaled learning rate is the plain one: each training is a run of both protocols.
const [first, second, third] = plannedRuns(setup)
  .filter(({ protocol }) => protocol === 'plain')
  .map(({ training }) => training);

const provenance = { environment: ENVIRONMENT, seconds: 1, finishedAt: '' };
const evaluation = (loss: number) => ({ loss, accuracy: 0.5, lossStandardError: 0.25 });
const value = (of: number, details: Value['details'] = {}) => ({ value: of, standardError: 0.5, details });

async function put(store: ResultStore, key: string, result: object): Promise<void> {
  await store.write(key, Buffer.from(JSON.stringify(result)));
}

async function putTraining(store: ResultStore, training: Training, diverged?: string): Promise<void> {
  const figures = {
    weightsSha256: 'w',
    distanceFromStart: 7,
    steps: 6,
    history: [{ epoch: 1, learningRate: 0.01, trainingModeLoss: 1 }],
  };
  await put(store, KEYS.training(trainingId(training)), {
    training,
    figures: diverged === undefined ? figures : { diverged },
    ...provenance,
  } satisfies TrainingResult);
}

async function putMeasure(
  store: ResultStore,
  measure: Measure,
  figures: MeasureResult['figures'],
  changes: Partial<MeasureResult> = {},
): Promise<void> {
  const key = KEYS.measure(trainingId(measure.of[0].training), measureId(measure));
  if (measure.kind === 'evaluation') {
    const perImage = { losses: new Float32Array(1), correct: new Uint8Array(1) };
    await store.write(key.replace(/^results/, 'images'), encodePerImage(perImage));
  }
  await put(store, key, { measure, figures, weightsSha256: ['w'], ...provenance, ...changes });
}

/** Seed 1 is done, of seed 2 the test evaluation and the rise are missing, seed 3 has diverged, seed 4 waits. */
async function partialStore(): Promise<ResultStore> {
  const store = freshStore();
  await putTraining(store, first);
  await putMeasure(store, wholeEvaluation(setup, first, 'train'), evaluation(1));
  await putMeasure(store, wholeEvaluation(setup, first, 'test'), evaluation(2));
  const { atMinimizer, curves } = riseJobs(first, rise);
  await putMeasure(store, atMinimizer, evaluation(3));
  // Rises of (1 + 0 + 5) / 3 and (0 + 0 + 3) / 3; the second from another machine.
  await putMeasure(store, curves[0], { points: [evaluation(4), evaluation(8)] });
  await putMeasure(
    store,
    curves[1],
    { points: [evaluation(3), evaluation(6)] },
    {
      environment: { ...ENVIRONMENT, device: 'GPU' },
    },
  );
  await putMeasure(store, valueJob(first, sam), value(4));
  await putMeasure(store, valueJob(first, eigenvalue), value(6, { residual: 0.125 }));

  await putTraining(store, second);
  await putMeasure(store, wholeEvaluation(setup, second, 'train'), evaluation(2));
  await putMeasure(store, riseJobs(second, rise).curves[0], { points: [evaluation(4), evaluation(8)] });
  await putMeasure(store, valueJob(second, sam), value(5));
  // Of other weights than the training's, so that it does not count.
  await putMeasure(store, valueJob(second, eigenvalue), value(5), { weightsSha256: ['other'] });
  await putTraining(store, third, 'the loss is NaN');
  return store;
}

const rowsIn = async (store: ResultStore) =>
  (await resultsView(store)).evaluate((results) => sweepRows(setup, results));

describe('the rows of a sweep', () => {
  test('say how far each run is, and hold its figures, under each protocol that has it', async () => {
    const rows = await rowsIn(await partialStore());
    for (const protocol of ['plain', 'scaled']) {
      const own = rows.filter((row) => row.protocol === protocol);
      expect(own.map(({ state }) => state)).toEqual(['done', 'trained', 'diverged', 'waiting']);
      expect(own.map(({ end }) => end?.figures.distanceFromStart)).toEqual([7, 7, undefined, undefined]);
      expect(own.map(({ train }) => train?.figures.loss)).toEqual([1, 2, undefined, undefined]);
      expect(own.map(({ test: tested }) => tested?.figures.loss)).toEqual([
        2,
        undefined,
        undefined,
        undefined,
      ]);
      expect(own.map(({ measures }) => measures.map(({ found }) => found?.figures.value))).toEqual([
        [1.5, 4, 6],
        [undefined, 5, undefined],
        [undefined, undefined, undefined],
        [undefined, undefined, undefined],
      ]);
    }
    // Two directions of rises 2 and 1: their standard error is half of their difference.
    expect(rows[0].measures[0].found!.figures.standardError).toBeCloseTo(0.5, 12);
  });

  test('are summed up in a line for all and a line for each batch size', async () => {
    expect(statusText(plan, await rowsIn(await partialStore()))).toBe(
      'Sweep tiny: 8 runs: 2 waiting, 2 trained, 2 done, 2 diverged.\n' +
        '  SimpleVGG, plain, batch size 16: 2 of 4\n' +
        '  SimpleVGG, scaled, batch size 16: 2 of 4\n',
    );
  });
});

describe('a sweep that is not at its end', () => {
  test('lacks each missing job once, asks for it, and says nothing over seeds', async () => {
    const results = await resultsView(await partialStore());
    const [jobs, report] = await results.evaluate((current) => [
      sweepStudy.next(setup, current),
      sweepStudy.judge(setup, current),
    ]);
    const ids = new Set(jobs.map((job) => JSON.stringify(job)));
    // Seed 2: test evaluation, evaluation and second curve of its rise, eigenvalue. Seed 4: its training and 2 + 3 + 2.
    expect(ids.size).toBe(4 + 8);
    expect(report.groups[0].quantities.map(({ change }) => change.kind)).toEqual(
      report.groups[0].quantities.map(() => 'unknown'),
    );
    expect(report.groups[0].runs.map(({ state, end }) => [state, end?.testLoss])).toEqual([
      ['done', 2],
      ['trained', undefined],
      ['diverged', undefined],
      ['waiting', undefined],
    ]);
  });

  test('is written in every form, also where nothing is there', async () => {
    const results = await resultsView(freshStore());
    const report = await results.evaluate((current) => sweepStudy.judge(setup, current));
    expect(report.environments).toEqual([]);
    const files = await sweepStudy.files(report);
    expect(files.map(({ name }) => name)).toEqual([
      'SimpleVGG-plain.png',
      'SimpleVGG-scaled.png',
      'report.md',
      'report.html',
      'sweep.csv',
      'report.json',
    ]);
    expect(files.at(-2)!.content).toMatch(/(\r\n[0-9a-f]{64},SimpleVGG,.*,waiting,,,,,,,){8}\r\n$/);
  });
});

test('the table of a sweep has a line for each quantity, and an empty cell for what is no number', async () => {
  const results = await resultsView(await partialStore());
  const report = await results.evaluate((current) => sweepStudy.judge(setup, current));
  const lines = sweepCsv(report).split('\r\n');
  expect(lines[0]).toBe(
    'training,network,protocol,batch_size,seed,train_size,learning_rate,epochs,state,quantity,value,standard_error,engine,device,threads,commit',
  );
  const linesOf = (seed: number) =>
    lines
      .filter((line) => line.includes(`SimpleVGG,plain,16,${seed},`))
      .map((line) => line.slice(line.indexOf(`,${seed},48`) + 3));
  // Behind each figure stands what computed it: engine, device, threads, and a commit that is not known.
  expect(linesOf(1)).toEqual([
    '48,0.01,1,done,training loss,1,0.25,1,CPU,2,',
    '48,0.01,1,done,training accuracy,0.5,,1,CPU,2,',
    '48,0.01,1,done,test loss,2,0.25,1,CPU,2,',
    '48,0.01,1,done,test accuracy,0.5,,1,CPU,2,',
    '48,0.01,1,done,distance from start,7,,1,CPU,2,',
    '48,0.01,1,done,"rise filter, 2 directions, 3 alphas from -1 to 1, 16 images",1.5,0.5,1,CPU / GPU,2,',
    '48,0.01,1,done,"sam, rho 0.05, 16 images",4,0.5,1,CPU,2,',
    '48,0.01,1,done,"eigenvalue, 16 images",6,0.5,1,CPU,2,',
    '48,0.01,1,done,"eigenvalue, 16 images, residual",0.125,,1,CPU,2,',
  ]);
  expect(linesOf(2)).toHaveLength(4);
  expect(linesOf(3)).toEqual(['48,0.01,,diverged,,,,,,,']);
  expect(linesOf(4)).toEqual(['48,0.01,,waiting,,,,,,,']);
});
