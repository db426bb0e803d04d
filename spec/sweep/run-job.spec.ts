import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Interrupted, UserError } from '../../src/support/errors';
import { decodeSafetensors } from '../../src/model/safetensors';
import { sha256 } from '../../src/support/sha256';
import { evaluateImages, summarize } from '../../src/training/evaluate';
import { encodeJson, KEYS, readMeasure, readTraining } from '../../src/sweep/results';
import { runJob, type JobContext } from '../../src/sweep/run-job';
import { folderStore, type ResultStore } from '../../src/sweep/store';
import { architectureOf } from '../../src/sweep/networks';
import { specEngine } from '../helpers/engine';
import { SILENT } from '../helpers/paper';
import { tinyContext, tinyJob } from '../helpers/sweeps';

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true }));
const freshStore = () => folderStore(mkdtempSync(join(root, 'store ')));

/** A progress that hears of every step. */
const hearing = (onStep: () => unknown): JobContext['progress'] => ({
  ...SILENT,
  begin: (title) => ({ ...SILENT.begin(title, 1), advance: onStep }),
});

describe('a job', () => {
  const undisturbed = freshStore();
  let context: JobContext;
  let job: ReturnType<typeof tinyJob>;
  beforeAll(async () => {
    context = await tinyContext(undisturbed);
    job = tinyJob(context.compute);
    await runJob(context, job);
  });

  /** All that a store holds of the job but times. */
  const figuresIn = async (store: ResultStore) => ({
    training: (await readTraining(store, job.training))?.figures,
    measure: (await readMeasure(store, job.training, job.measures[0]))?.figures,
    weightsSha256: sha256((await store.read(KEYS.weights(job.training)))!),
  });

  test('leaves a training, its weights and its measures, and no checkpoint', async () => {
    const { training } = job;
    expect(await undisturbed.list('')).toEqual(
      [KEYS.training(training), KEYS.measure(training, job.measures[0]), KEYS.weights(training)].sort(),
    );
    const { figures } = (await readTraining(undisturbed, training))!;
    if ('diverged' in figures) throw new Error(figures.diverged);
    expect(figures.history).toHaveLength(2);
    const { tensors } = decodeSafetensors((await undisturbed.read(KEYS.weights(training)))!);
    const { train } = context.load('cifar10');
    const architecture = architectureOf(training.network);
    expect(figures.train).toEqual(
      summarize(await evaluateImages(await specEngine(), architecture, tensors, train)),
    );
  });

  test('interrupted after any step, and gone on with elsewhere, ends at the same bits', async () => {
    for (const at of [2, 3]) {
      const store = freshStore();
      const controller = new AbortController();
      let steps = 0;
      const progress = hearing(() => {
        if (++steps === at) controller.abort(new Interrupted('enough'));
      });
      const disturbed = await tinyContext(store, { progress, signal: controller.signal });
      await expect(runJob(disturbed, job)).rejects.toThrow(Interrupted);
      expect(await store.list('')).toEqual([KEYS.checkpoint(job.training)]);
      steps = -100;
      await runJob(await tinyContext(store, { progress }), job);
      // Six steps in all; the rise takes three evaluations.
      expect(steps).toBe(-100 + (6 - at) + 3);
      expect(await figuresIn(store)).toEqual(await figuresIn(undisturbed));
      expect(await store.list('checkpoints/')).toEqual([]);
    }
  });

  test('that dies when all is done but stored takes no step again', async () => {
    const store = freshStore();
    const dying: ResultStore = {
      ...store,
      write: (key, bytes) =>
        key.startsWith('checkpoints/') ? store.write(key, bytes) : Promise.reject(new Error('dead')),
    };
    await expect(runJob(await tinyContext(dying), job)).rejects.toThrow('dead');
    let images = 0;
    await runJob(await tinyContext(store, { progress: hearing(() => images++) }), {
      ...job,
      measures: [],
    });
    expect(images).toBe(0);
    expect((await figuresIn(store)).training).toEqual((await figuresIn(undisturbed)).training);
  });

  test('done already takes no engine, and another measure no training', async () => {
    const idle = { info: context.compute.info } as unknown as JobContext['compute'];
    await runJob(await tinyContext(undisturbed, { compute: idle }), job);
    const { train: _, ...withoutTraining } = context.compute;
    const compute = withoutTraining as JobContext['compute'];
    const sam = tinyJob(compute, { measures: [{ kind: 'sam', images: 16 }] });
    const before = await figuresIn(undisturbed);
    await runJob(await tinyContext(undisturbed, { compute }), sam);
    expect((await readMeasure(undisturbed, job.training, sam.measures[0]))?.figures.value).toBeGreaterThan(0);
    expect(await figuresIn(undisturbed)).toEqual(before);
  });

  test('done meanwhile by another is left as that one has it, and measured at its weights', async () => {
    const store = freshStore();
    const other = freshStore();
    await runJob(await tinyContext(other), { ...job, measures: [] });
    const [trainingKey, weightsKey] = [KEYS.training(job.training), KEYS.weights(job.training)];
    // The other's rounding is another.
    const weights = Buffer.from((await other.read(weightsKey))!);
    weights[weights.length - 1] ^= 1;
    const result = (await readTraining(other, job.training))!;
    const figures = { ...result.figures, weightsSha256: sha256(weights) };
    const theirs = encodeJson({ ...result, figures });
    let steps = 0;
    const progress = hearing(async () => {
      if (++steps !== 5) return;
      await store.write(weightsKey, weights);
      await store.write(trainingKey, theirs);
    });
    await runJob(await tinyContext(store, { progress }), job);
    expect(steps).toBeGreaterThan(5);
    expect(Buffer.from((await store.read(trainingKey))!).equals(theirs)).toBe(true);
    expect(Buffer.from((await store.read(weightsKey))!).equals(weights)).toBe(true);
    expect((await readMeasure(store, job.training, job.measures[0]))?.weightsSha256).toBe(sha256(weights));
    expect(await store.list('checkpoints/')).toEqual([]);
  });

  test('done already loses the checkpoint that a late worker left', async () => {
    const key = KEYS.checkpoint(job.training);
    await undisturbed.write(key, Buffer.from('late'));
    await runJob(context, job);
    expect(await undisturbed.list('checkpoints/')).toEqual([]);
    const sam = tinyJob(context.compute, { measures: [{ kind: 'sam', images: 16 }] });
    const store = freshStore();
    await runJob(await tinyContext(store), { ...job, measures: [] });
    await store.write(key, Buffer.from('late'));
    await runJob(await tinyContext(store), sam);
    expect(await store.list('checkpoints/')).toEqual([]);
  });

  test('says how its training ended by the figures that are stored', async () => {
    const store = freshStore();
    const said: string[] = [];
    const progress = { ...SILENT, say: (line: string) => void said.push(line) };
    await runJob(await tinyContext(store, { progress }), { ...job, measures: [] });
    const { figures } = (await readTraining(store, job.training))!;
    if ('diverged' in figures) throw new Error(figures.diverged);
    const percent = (accuracy: number) => (100 * accuracy).toFixed(2);
    expect(said).toEqual([
      expect.stringContaining(
        `training loss ${figures.train.loss.toPrecision(3)}, accuracy ${percent(figures.train.accuracy)}%; ` +
          `test accuracy ${percent(figures.test.accuracy)}%; `,
      ),
    ]);
  });

  test('for another engine or other data is refused before anything is done', async () => {
    const store = freshStore();
    const refused = async (changes: object, message: RegExp) => {
      const other = { ...job, training: { ...job.training, ...changes } };
      const outcome = runJob(await tinyContext(store), other);
      await expect(outcome).rejects.toThrow(UserError);
      await expect(outcome).rejects.toThrow(message);
    };
    await refused(
      { engine: { ...job.training.engine, version: '0' } },
      /The job is for .* \(0\), and here is/,
    );
    const data = { ...job.training.data, test: '0'.repeat(64) };
    await refused({ data }, /for other test images of cifar10/);
    expect(await store.list('')).toEqual([]);
  });

  test('whose checkpoints cannot be stored ends with the reason, not with the training', async () => {
    let steps = 0;
    const full: ResultStore = {
      ...freshStore(),
      write: () => Promise.reject(new UserError('The disk is full.')),
    };
    const progress = hearing(() => steps++);
    await expect(runJob(await tinyContext(full, { progress }), job)).rejects.toThrow('The disk is full.');
    expect(steps).toBeLessThan(6);
  });

  test('that diverges is done: its result says so, and its measures are no numbers', async () => {
    const store = freshStore();
    const wild = tinyJob(context.compute, {
      protocols: [
        { name: 'wild', optimizer: { kind: 'sgd', weightDecay: 1000 }, learningRate: 1000, epochs: 20 },
      ],
    });
    await runJob(await tinyContext(store), wild);
    expect((await readTraining(store, wild.training))?.figures).toEqual({
      diverged: expect.stringMatching(/^The loss became/),
    });
    const measure = await readMeasure(store, wild.training, wild.measures[0]);
    expect(measure?.figures).toEqual({ value: NaN, standardError: NaN, details: {} });
    expect(await store.list('checkpoints/')).toEqual([]);
  });

  test('whose weights were lost or changed says how to go on', async () => {
    const store = freshStore();
    await runJob(await tinyContext(store), { ...job, measures: [] });
    await store.write(KEYS.weights(job.training), Buffer.from('other'));
    await expect(runJob(await tinyContext(store), job)).rejects.toThrow(
      /are not those of their training: delete/,
    );
    await store.remove(KEYS.weights(job.training));
    await expect(runJob(await tinyContext(store), job)).rejects.toThrow(/are missing: delete results\//);
  });
});
