import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { collect, readResults } from '../../src/sweep/collect';
import { sweepCsv } from '../../src/sweep/export';
import { expandPlan } from '../../src/sweep/plan';
import { encodeJson, KEYS, type MeasureResult, type TrainingResult } from '../../src/sweep/results';
import { folderStore } from '../../src/sweep/store';
import { statusText } from '../../src/sweep/sweep';
import { ENVIRONMENT } from '../helpers/environment';
import { SETTING, tinyPlan } from '../helpers/sweeps';

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true }));

const plan = tinyPlan({
  seeds: [1, 2, 3, 4, 5],
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
    { kind: 'rise', images: 16 },
    { kind: 'sam', images: 16 },
    { kind: 'eigenvalue', images: 16 },
  ],
});
const planned = expandPlan(plan, SETTING);
const [first, second, third, fourth] = planned
  .filter(({ protocol }) => protocol === 'plain')
  .map(({ job }) => job);

const end = (loss: number) => ({ loss, accuracy: 0.5, lossStandardError: 0.25 });
const result = (training: TrainingResult['training'], figures: TrainingResult['figures']) =>
  encodeJson({
    training,
    figures,
    environment: ENVIRONMENT,
    seconds: { training: 1, all: 2 },
  } satisfies TrainingResult);
const trained = (loss: number): TrainingResult['figures'] => ({
  train: end(loss),
  test: end(2 * loss),
  distanceFromStart: 7,
  weightsSha256: '',
  history: [{ epoch: 1, learningRate: 0.01, trainingModeLoss: 1, test: null }],
});
const measured = (
  measure: MeasureResult['measure'],
  value: number,
  details: MeasureResult['figures']['details'] = {},
) =>
  encodeJson({
    measure,
    figures: { value, standardError: 0.5, details },
    environment: ENVIRONMENT,
    seconds: 1,
  } satisfies MeasureResult);

describe('the rows of a sweep', () => {
  const store = folderStore(root);
  const rows = async () => {
    await store.write(KEYS.training(first.training), result(first.training, trained(1)));
    await store.write(KEYS.measure(first.training, first.measures[0]), measured(first.measures[0], 3));
    await store.write(KEYS.measure(first.training, first.measures[1]), measured(first.measures[1], 4));
    await store.write(
      KEYS.measure(first.training, first.measures[2]),
      measured(first.measures[2], 6, { residual: 0.125 }),
    );
    await store.write(KEYS.training(second.training), result(second.training, trained(2)));
    await store.write(KEYS.measure(second.training, second.measures[1]), measured(second.measures[1], 5));
    await store.write(KEYS.training(third.training), result(third.training, { diverged: 'it did' }));
    await store.write(KEYS.measure(third.training, third.measures[0]), measured(third.measures[0], NaN));
    await store.write(KEYS.checkpoint(fourth.training), Buffer.from('a state'));
    return collect(planned, await readResults(store, planned));
  };

  test('say how far each job is, and hold its figures, under each protocol that comes to it', async () => {
    const all = await rows();
    for (const protocol of ['plain', 'scaled']) {
      const own = all.filter((row) => row.protocol === protocol);
      expect(own.map(({ state }) => state)).toEqual(['done', 'trained', 'diverged', 'begun', 'waiting']);
      expect(own.map(({ trained: of }) => of?.test.loss)).toEqual([2, 4, undefined, undefined, undefined]);
      expect(own.map(({ measures }) => measures.map(({ figures }) => figures?.value))).toEqual([
        [3, 4, 6],
        [undefined, 5, undefined],
        [undefined, undefined, undefined],
        [undefined, undefined, undefined],
        [undefined, undefined, undefined],
      ]);
    }
  });

  test('are told in a line for all and a line for each batch size', async () => {
    expect(statusText(plan, await rows())).toBe(
      'Sweep tiny: 10 jobs: 2 waiting, 2 begun, 2 trained, 2 done, 2 diverged.\n' +
        '  SimpleVGG, plain, batch size 16: 2 of 5\n' +
        '  SimpleVGG, scaled, batch size 16: 2 of 5\n',
    );
  });

  test('are exported tidily: a line for each quantity, an empty cell for what is no number', async () => {
    const lines = sweepCsv(await rows()).split('\r\n');
    expect(lines[0]).toBe(
      'training,network,protocol,batch_size,seed,train_size,learning_rate,epochs,state,quantity,value,standard_error,engine,device,threads,commit',
    );
    const ofSeed = (seed: number) => lines.filter((line) => line.includes(`SimpleVGG,plain,16,${seed},`));
    // Behind each figure stands what it was found with: engine, device, threads, and a commit that is not known.
    const cells = (line: string) => line.slice(line.indexOf('SimpleVGG')).replace(/,1,CPU,2,$/, ' found');
    expect(ofSeed(1).map(cells)).toEqual([
      'SimpleVGG,plain,16,1,48,0.01,1,done,training loss,1,0.25 found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,training accuracy,0.5, found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,test loss,2,0.25 found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,test accuracy,0.5, found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,distance from start,7, found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,"rise filter, 5 directions, 11 alphas from -1 to 1, 16 images",3,0.5 found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,"sam, rho 0.05, 16 images",4,0.5 found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,"eigenvalue, 16 images",6,0.5 found',
      'SimpleVGG,plain,16,1,48,0.01,1,done,"eigenvalue, 16 images, residual",0.125, found',
    ]);
    expect(ofSeed(2)).toHaveLength(6);
    expect(ofSeed(3).map(cells)).toEqual(['SimpleVGG,plain,16,3,48,0.01,,diverged,,,,,,,']);
    expect(ofSeed(5).map(cells)).toEqual(['SimpleVGG,plain,16,5,48,0.01,,waiting,,,,,,,']);
  });
});
