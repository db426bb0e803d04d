import { beforeAll, describe, expect, test } from '@jest/globals';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { leaseTaker, isHolder, type Lease } from '../../src/executors/lease';
import { resultsView } from '../../src/executors/results-view';
import { runJob, type JobContext, type JobProgress } from '../../src/executors/run-job';
import type { ResultStore } from '../../src/executors/store';
import { jobId, type Job } from '../../src/jobs/job';
import { measureId, type Measure } from '../../src/jobs/measure';
import { KEYS, type TrainingResult } from '../../src/jobs/result';
import {
  architectureOf,
  networkContent,
  trainingConfigOf,
  trainingId,
  type Training,
} from '../../src/jobs/training';
import { distanceBetween } from '../../src/landscape/distance';
import { initialWeights, isTrainable, tensorSpecs } from '../../src/model/architecture';
import { decodeSafetensors } from '../../src/model/safetensors';
import type { Weights } from '../../src/model/weights';
import { Interrupted, OutOfDeviceMemory, UserError } from '../../src/support/errors';
import { randomStream } from '../../src/support/random';
import { sha256 } from '../../src/support/sha256';
import { summarize } from '../../src/training/evaluate';
import { TINY_VGG } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { softmaxRegression } from '../helpers/fixtures';
import {
  abortedAt,
  contentOf,
  freshStore,
  storedJson,
  tinyContext,
  tinyData,
  tinyTraining,
} from '../helpers/kernel';

/** Optimizer steps of the tiny training. */
const STEPS = 6;

let compute: Compute;
/** Two epochs of three steps, over which the learning rate falls. */
let training: Training;
beforeAll(async () => {
  compute = inThisThread(await specEngine());
  training = await tinyTraining({ schedule: 'cosine' });
});

/** Does jobs one after the other, and counts the optimizer steps. */
async function run(
  store: ResultStore,
  jobs: readonly Job[],
  changes: Partial<JobContext> = {},
  progress: JobProgress = {},
): Promise<{ steps: number; said: string[] }> {
  const done = { steps: 0, said: [] as string[] };
  const context = await tinyContext(store, { say: (line) => void done.said.push(line), ...changes });
  for (const job of jobs) {
    await runJob(context, job, {
      ...progress,
      onImages(images, kind) {
        if (kind === 'training') done.steps++;
        progress.onImages?.(images, kind);
      },
    });
  }
  return done;
}

const evaluationOf = (of: Training, changes: Partial<Measure> = {}): Measure =>
  ({ kind: 'evaluation', of: [{ training: of }], images: { to: 20 }, ...changes }) as Measure;
const measureKey = (measure: Measure) => KEYS.measure(trainingId(measure.of[0].training), measureId(measure));
const resultOf = (store: ResultStore, of: Training) =>
  storedJson<TrainingResult>(store, KEYS.training(trainingId(of)));
const figuresOf = async (store: ResultStore, of: Training) => {
  const { figures } = (await resultOf(store, of))!;
  if ('diverged' in figures) throw new Error(figures.diverged);
  return figures;
};
const weightsIn = async (store: ResultStore, key: string): Promise<Weights> =>
  decodeSafetensors((await store.read(key))!).tensors;

describe('a training and its measures', () => {
  const store = freshStore();
  const jobs: Job[] = [];
  beforeAll(async () => {
    const curve = { kind: 'curve', directionSeed: 7, alphas: [-1, 1], images: { to: 20 } } as const;
    jobs.push(
      { train: training, snapshots: [2, 3, 5] },
      { measure: evaluationOf(training) },
      { measure: { ...curve, of: [{ training, at: { step: 3 } }] } },
    );
    expect((await run(store, jobs)).steps).toBe(STEPS);
  });

  test('leave results, weights, losses of images, and no checkpoint', async () => {
    const id = trainingId(training);
    const [, evaluation, curve] = jobs.map(jobId);
    const places = (name: string) =>
      ['end', 'step-2', 'step-3', 'step-5'].map((place) => `weights/${id}/${place}${name}`);
    expect((await store.list('')).filter((key) => !key.startsWith('leases/'))).toEqual(
      [
        KEYS.training(id),
        ...[2, 3, 5].map((step) => KEYS.snapshot(id, step)),
        ...[evaluation, curve].flatMap((measure) => [KEYS.measure(id, measure), KEYS.images(id, measure)]),
        ...[...places(''), ...places('-running')],
      ].sort(),
    );
    // Nothing is left of the leases of jobs that are done.
    expect(await store.list('leases/')).toEqual([]);
  });

  test('end at the weights of the training loop, with recomputed and with running statistics', async () => {
    const { train } = tinyData();
    const architecture = architectureOf(training);
    const direct = await compute.train(TINY_VGG, { train }, trainingConfigOf(training), training.seed);
    const recomputed = await compute.batchStatistics(architecture, direct.weights, train, { batchSize: 48 });
    const id = trainingId(training);
    const [stored, running] = await Promise.all(
      [KEYS.weights(id, 'end'), KEYS.runningStatistics(id, 'end')].map((key) => weightsIn(store, key)),
    );
    expect(stored).toEqual(new Map([...recomputed].sort()));
    expect(new Map([...stored, ...running])).toEqual(new Map([...direct.weights].sort()));
    expect(stored.get('features.1.running_mean')).not.toEqual(running.get('features.1.running_mean'));

    const figures = await figuresOf(store, training);
    const start = initialWeights(TINY_VGG, randomStream(training.seed, 'weights'));
    expect(figures).toMatchObject({
      weightsSha256: sha256((await store.read(KEYS.weights(id, 'end')))!),
      distanceFromStart: distanceBetween(TINY_VGG, direct.weights, start),
      steps: STEPS,
    });
    expect(figures.history.map(({ trainingModeLoss }) => trainingModeLoss)).toEqual(
      direct.history.map(({ trainingModeLoss }) => trainingModeLoss),
    );
  });

  test('give the same bytes in a fresh store, times aside', async () => {
    const again = freshStore();
    await run(again, jobs);
    expect(await contentOf(again)).toEqual(await contentOf(store));
  });

  test('interrupted after any step and resumed end at the same bits, and take no step twice', async () => {
    const expected = await contentOf(store);
    for (let at = 1; at <= STEPS; at++) {
      const disturbed = freshStore();
      const { signal, step } = abortedAt(at);
      const onImages = (_: number, kind: string) => {
        if (kind === 'training') step();
      };
      await expect(run(disturbed, jobs, {}, { signal, onImages })).rejects.toThrow(Interrupted);
      expect(await disturbed.list('checkpoints/')).toEqual([KEYS.checkpoint(trainingId(training))]);
      const { steps, said } = await run(disturbed, jobs);
      expect(steps).toBe(STEPS - at);
      expect(said).toEqual([
        expect.stringMatching(/batch size 16, seed 5: resuming after (epoch|step) \d of/),
      ]);
      expect(await contentOf(disturbed)).toEqual(expected);
      expect(await disturbed.list('checkpoints/')).toEqual([]);
    }
  });

  test('interrupted while a snapshot or the end is stored take no step twice either', async () => {
    const expected = await contentOf(store);
    // Batch-norm statistics are recomputed over the images after steps 2, 3 and 5, and at the end.
    for (const [at, left] of [
      [1, 4],
      [2, 3],
      [3, 1],
      [4, 0],
    ]) {
      const disturbed = freshStore();
      const { signal, step } = abortedAt(at);
      const onImages = (_: number, kind: string) => {
        if (kind === 'evaluation') step();
      };
      await expect(run(disturbed, jobs, {}, { signal, onImages })).rejects.toThrow(Interrupted);
      expect((await run(disturbed, jobs)).steps).toBe(left);
      expect(await contentOf(disturbed)).toEqual(expected);
    }
  });

  test('that die when all is done but stored take no step again', async () => {
    const disturbed = freshStore();
    const dying: ResultStore = {
      ...disturbed,
      write: (key, bytes) =>
        key.startsWith('weights/') ? Promise.reject(new Error('dead')) : disturbed.write(key, bytes),
    };
    const [{ train }] = jobs as [{ train: Training }];
    await expect(run(dying, [{ train }])).rejects.toThrow('dead');
    expect((await run(disturbed, [{ train }])).steps).toBe(0);
    expect(await figuresOf(disturbed, train)).toMatchObject({
      weightsSha256: (await figuresOf(store, train)).weightsSha256,
    });
  });

  test('have snapshots that are trainings with so many steps', async () => {
    const id = trainingId(training);
    for (const steps of [2, 3, 5]) {
      const shorter: Training = { ...training, stopAfter: { steps }, scheduleEpochs: 2 };
      const short = freshStore();
      await run(short, [{ train: shorter }]);
      const figures = await figuresOf(short, shorter);
      expect(figures).toMatchObject({
        steps,
        weightsSha256: sha256((await store.read(KEYS.weights(id, { step: steps })))!),
      });
      expect(figures.history).toHaveLength(Math.floor(steps / 3));
      const snapshot = await storedJson<{ figures: object }>(store, KEYS.snapshot(id, steps));
      const { weightsSha256, distanceFromStart } = figures;
      expect(snapshot!.figures).toEqual({ weightsSha256, distanceFromStart });
    }
  });

  test('take a later snapshot by training again to there, and change nothing else', async () => {
    const later = freshStore();
    await run(later, [{ train: training }, ...jobs.slice(1, 2)]);
    const before = await contentOf(later);
    expect((await run(later, [{ train: training, snapshots: [2] }])).steps).toBe(2);
    expect((await run(later, [{ train: training, snapshots: [3, 5] }])).steps).toBe(5);
    expect((await run(later, jobs)).steps).toBe(0);
    const after = await contentOf(later);
    expect(after).toEqual(await contentOf(store));
    expect(after).toMatchObject(before);
  });

  test('leave out a snapshot beyond the end, which is no failure of the training', async () => {
    const before = await contentOf(store);
    expect((await run(store, [{ train: training, snapshots: [STEPS + 1] }])).steps).toBe(0);
    expect(await contentOf(store)).toEqual(before);
    const beyond = evaluationOf(training, { of: [{ training, at: { step: STEPS + 1 } }] });
    await expect(run(store, [{ measure: beyond }])).rejects.toThrow(/training ended before/);
  });

  test('done already need no engine, and another measure needs no training', async () => {
    const idle = { info: compute.info } as unknown as Compute;
    await run(store, jobs, { compute: idle });
    const { train: _, ...withoutTraining } = compute;
    const other = evaluationOf(training, { split: 'test', images: { to: 16 } });
    await run(store, [{ measure: other }], { compute: withoutTraining as Compute });
    expect(await storedJson(store, measureKey(other))).toBeDefined();
    await store.remove(measureKey(other));
    await store.remove(KEYS.images(trainingId(training), measureId(other)));
  });

  test('measure with the statistics that training left where that is asked for', async () => {
    const id = trainingId(training);
    const [recomputed, running] = await Promise.all(
      [KEYS.weights(id, 'end'), KEYS.runningStatistics(id, 'end')].map((key) => weightsIn(store, key)),
    );
    const other = freshStore();
    const measure = evaluationOf(training, { statistics: 'running' });
    await run(other, [{ measure }]);
    const { train } = tinyData();
    const images = { ...train, count: 20 };
    const direct = (weights: Weights) => compute.evaluateImages(TINY_VGG, weights, images).then(summarize);
    const stored = await storedJson<{ figures: object }>(other, measureKey(measure));
    expect(stored!.figures).toEqual(await direct(new Map([...recomputed, ...running])));
    expect(stored!.figures).not.toEqual(await direct(recomputed));
  });
});

describe('weights that a store lacks', () => {
  const evaluation = () => evaluationOf(training);
  const sam = (): Measure => ({ kind: 'sam', rho: 0.05, of: [{ training }], images: { to: 16 } });
  const trained = async () => {
    const store = freshStore();
    await run(store, [{ measure: evaluation() }]);
    return store;
  };

  test('are trained again, and all that was measured of them stays valid', async () => {
    const store = await trained();
    const before = await contentOf(store);
    for (const key of await store.list('weights/')) await store.remove(key);
    const { said } = await run(store, [{ measure: sam() }]);
    expect(said).toEqual([expect.stringMatching(/^The weights of .* are not stored: training again\.$/)]);
    expect(await contentOf(store)).toMatchObject(before);
    const view = await resultsView(store);
    const states = await view.evaluate((results) =>
      [evaluation(), sam()].map((measure) => results.measure(measure).state),
    );
    expect(states).toEqual(['done', 'done']);
  });

  test('and are others when trained again make what was measured of the old ones count no more', async () => {
    const store = await trained();
    const other = await tinyTraining({ seed: 8 });
    const path: Measure = {
      kind: 'path',
      of: [{ training: other }, { training }],
      alpha: 0.5,
      images: { to: 16 },
      testImages: { to: 8 },
    };
    await run(store, [{ measure: path }]);
    // As another machine would have trained it, whose arithmetic rounds otherwise.
    const key = KEYS.training(trainingId(training));
    const result = (await resultOf(store, training))!;
    const theirs = { ...result, figures: { ...result.figures, weightsSha256: '0'.repeat(64) } };
    await store.write(key, Buffer.from(JSON.stringify(theirs)));
    const { said } = await run(store, [{ measure: sam() }]);
    expect(said).toContainEqual(
      expect.stringMatching(/trained again, it ends at other weights than were stored/),
    );
    expect(await resultOf(store, training)).toMatchObject({ figures: result.figures });
    expect(await store.read(measureKey(evaluation()))).toBeUndefined();
    const view = await resultsView(store);
    const states = () =>
      view.evaluate((results) =>
        [evaluation(), sam(), path].map((measure) => results.measure(measure).state),
      );
    // The path is of the weights that it was measured at, which came back here.
    expect(await states()).toEqual(['missing', 'done', 'done']);
    await store.write(key, Buffer.from(JSON.stringify(theirs)));
    await view.refresh([training]);
    expect(await states()).toEqual(['missing', 'missing', 'missing']);
    // It is measured again though its result is there.
    await run(store, [{ measure: path }]);
    await view.refresh([training]);
    expect(await states()).toEqual(['missing', 'missing', 'done']);
  });

  test('or that were damaged are noticed by their hash', async () => {
    const store = await trained();
    const key = KEYS.weights(trainingId(training), 'end');
    const bytes = Buffer.from((await store.read(key))!);
    bytes[bytes.length - 1] ^= 1;
    await store.write(key, bytes);
    const { steps } = await run(store, [{ measure: sam() }]);
    expect(steps).toBeGreaterThanOrEqual(STEPS);
    const clean = await trained();
    await run(clean, [{ measure: sam() }]);
    expect(await contentOf(store)).toEqual(await contentOf(clean));
  });
});

describe('a training', () => {
  test('that diverges is stored as that, and its measures report it', async () => {
    const store = freshStore();
    const wild = await tinyTraining({
      optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1000 },
      learningRate: 1000,
      stopAfter: { epochs: 20 },
    });
    await run(store, [{ train: wild }]);
    const { figures } = (await resultOf(store, wild))!;
    expect(figures).toEqual({ diverged: expect.stringMatching(/^The loss became/) });
    const { diverged } = figures as { diverged: string };
    expect(await store.list('checkpoints/')).toEqual([]);
    const measure = evaluationOf(wild);
    const view = await resultsView(store);
    const outcome = await view.evaluate((results) => results.measure(measure));
    expect(outcome).toEqual({ state: 'diverged', reason: diverged });
    await expect(run(store, [{ measure }])).rejects.toThrow(diverged);
    expect(await store.read(measureKey(measure))).toBeUndefined();
    // It is done, and so is every snapshot that is asked for later.
    expect((await run(store, [{ train: wild, snapshots: [1] }])).steps).toBe(0);
  });

  test('with a rule to stop by ends there, and says after how many steps', async () => {
    const store = freshStore();
    const early: Training = { ...training, until: { loss: 100 }, stopAfter: { epochs: 9 } };
    // The rule looks at the end of an epoch alone: one step before this one would end.
    const late: Training = {
      ...training,
      until: { patience: 1, improvement: 0.99 },
      stopAfter: { steps: 7 },
    };
    await run(store, [{ train: early }, { train: late }]);
    expect(await figuresOf(store, early)).toMatchObject({ steps: 3, history: [{ epoch: 1 }] });
    expect(await figuresOf(store, late)).toMatchObject({ steps: 6, history: [{ epoch: 1 }, { epoch: 2 }] });
  });

  test('for another engine or other data is refused before anything is done', async () => {
    const store = freshStore();
    const refused: [Partial<Training>, RegExp][] = [
      [{ engine: { ...training.engine, version: '0' } }, /^The job is for .* \(0\), and here is/],
      [{ data: { ...training.data, test: '0'.repeat(64) } }, /^The job is for other test images/],
      [{ data: { ...training.data, train: '0'.repeat(64) } }, /^The job is for other train images/],
    ];
    for (const [changes, message] of refused) {
      const other = { ...training, ...changes };
      for (const job of [{ train: other }, { measure: evaluationOf(other) }]) {
        const outcome = run(store, [job]);
        await expect(outcome).rejects.toThrow(UserError);
        await expect(outcome).rejects.toThrow(message);
      }
    }
    expect((await store.list('')).filter((key) => !key.startsWith('leases/'))).toEqual([]);
  });

  test('begun with another number of threads is not resumed but starts anew', async () => {
    const store = freshStore();
    const { signal, step } = abortedAt(4);
    await expect(run(store, [{ train: training }], {}, { signal, onImages: step })).rejects.toThrow(
      Interrupted,
    );
    const { info } = compute;
    const threads = info.threads + 1;
    const other = { ...compute, info: { ...info, threads } };
    const { steps, said } = await run(store, [{ train: training }], { compute: other });
    expect(steps).toBe(STEPS);
    expect(said).toEqual([
      expect.stringContaining(
        `was written with ${info.threads} threads and here are ${threads}: training starts anew`,
      ),
    ]);
  });

  test('whose checkpoints cannot be stored ends with the reason, not with the training', async () => {
    const full: ResultStore = {
      ...freshStore(),
      write: (key) =>
        key.startsWith('checkpoints/')
          ? Promise.reject(new UserError('The disk is full.'))
          : Promise.resolve(),
    };
    let steps = 0;
    const outcome = run(full, [{ train: training }], {}, { onImages: () => steps++ });
    await expect(outcome).rejects.toThrow('The disk is full.');
    expect(steps).toBeLessThan(STEPS);
  });

  test('that takes more memory than the device has says so, and what to do', async () => {
    const small: Compute = { ...compute, train: () => Promise.reject(new OutOfDeviceMemory('no room')) };
    const outcome = run(freshStore(), [{ train: training }], { compute: small });
    await expect(outcome).rejects.toThrow(
      /^A step of batch size 16 needs about .* of memory.*: choose a smaller/,
    );
  });

  test('that starts at other weights begins there, and counts its distance from them', async () => {
    const store = freshStore();
    const still: Training = {
      ...(await tinyTraining({ seed: 9, learningRate: 1e-12 })),
      start: { training, at: { step: 2 } },
    };
    await run(store, [{ train: still }]);
    const at = { step: 2 };
    const [from, to] = await Promise.all([
      weightsIn(store, KEYS.weights(trainingId(training), at)),
      weightsIn(store, KEYS.weights(trainingId(still), 'end')),
    ]);
    for (const { name } of tensorSpecs(TINY_VGG).filter(isTrainable)) {
      const [one, other] = [from, to].map((weights) => weights.get(name)!.data);
      one.forEach((value, index) => expect(other[index]).toBeCloseTo(value, 6));
    }
    const { distanceFromStart, history } = await figuresOf(store, still);
    expect(distanceFromStart).toBeLessThan(1e-6);
    expect(history).toHaveLength(2);
    // What it started from was trained as far as that.
    expect(await resultOf(store, training)).toBeUndefined();
    expect(await store.read(KEYS.snapshot(trainingId(training), 2))).toBeDefined();
  });

  test('of a network without batch norm has no statistics to recompute', async () => {
    const store = freshStore();
    const plain = await tinyTraining({ network: networkContent(softmaxRegression()), batchSize: 47 });
    let evaluated = 0;
    await run(
      store,
      [{ train: plain }],
      {},
      {
        onImages: (images, kind) => void (evaluated += kind === 'evaluation' ? images : 0),
      },
    );
    expect(evaluated).toBe(0);
    await run(store, [{ measure: evaluationOf(plain, { statistics: 'running' }) }]);
    const direct = await compute.train(
      softmaxRegression(),
      { train: tinyData().train },
      trainingConfigOf(plain),
      plain.seed,
    );
    expect(await weightsIn(store, KEYS.weights(trainingId(plain), 'end'))).toEqual(direct.weights);
  });
});

describe('a job that another process is doing', () => {
  const take = async (store: ResultStore) => {
    const lease = await leaseTaker(store).take(KEYS.leases(trainingId(training)));
    if (isHolder(lease)) throw new Error('it is taken');
    return lease;
  };
  test('is waited for, and not done again', async () => {
    const store = freshStore();
    const lease: Lease = await take(store);
    const said: string[] = [];
    const outcome = run(store, [{ train: training }], { say: (line) => void said.push(line) });
    while (said.length === 0) await new Promise(setImmediate);
    expect(said).toEqual([
      expect.stringMatching(
        new RegExp(`^Waiting for process ${process.pid} on .*, which is doing this job: training of`),
      ),
    ]);
    // The other one does it.
    const elsewhere = freshStore();
    await run(elsewhere, [{ train: training }]);
    for (const key of (await elsewhere.list('')).filter((name) => !name.startsWith('leases/'))) {
      await store.write(key, (await elsewhere.read(key))!);
    }
    await lease.release(true);
    expect((await outcome).steps).toBe(0);
    expect(said).toHaveLength(1);
  });

  test('is left when the signal says so', async () => {
    const store = freshStore();
    await take(store);
    const controller = new AbortController();
    const say = () => setImmediate(() => controller.abort(new Interrupted('enough')));
    const begun = performance.now();
    const outcome = run(
      store,
      [{ train: training }],
      { say: () => void say() },
      { signal: controller.signal },
    );
    await expect(outcome).rejects.toThrow(Interrupted);
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});
