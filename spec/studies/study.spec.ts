import { beforeAll, describe, expect, test } from '@jest/globals';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { imagesBetween } from '../../src/data/dataset';
import { inThisProcess, WorkerDied, type Executor } from '../../src/executors/executor';
import { resultsView } from '../../src/executors/results-view';
import type { ResultStore } from '../../src/executors/store';
import { costOf, jobId, type Job } from '../../src/jobs/job';
import { measureId, type EvaluationMeasure, type Measure } from '../../src/jobs/measure';
import { KEYS } from '../../src/jobs/result';
import { figuresOf, missingJobs, type Results } from '../../src/jobs/results';
import { trainingId, type Minimizer, type Training } from '../../src/jobs/training';
import { normalizeDirection, perturbed, randomDirection } from '../../src/landscape/directions';
import { decodeSafetensors } from '../../src/model/safetensors';
import { costLeft, keysOfStudy, type Setup, type Study } from '../../src/studies/study';
import { Interrupted, UserError } from '../../src/support/errors';
import type { Progress } from '../../src/support/progress';
import { summarize } from '../../src/training/evaluate';
import { TINY_VGG } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import {
  contentOf,
  freshStore,
  runHere,
  SILENT,
  storedJson,
  tinyContext,
  tinyData,
  tinySetup,
  tinyTraining,
} from '../helpers/kernel';

let setup: Setup<null>;
let compute: Compute;
let training: Training;
beforeAll(async () => {
  setup = await tinySetup(null);
  compute = inThisThread(await specEngine());
  training = await tinyTraining();
});

/** A study of functions of the results alone. */
function studyOf<Findings>(
  next: (results: Results) => readonly Job[],
  judge: (results: Results) => Findings,
): Study<null, Findings> {
  return {
    name: 'a study',
    next: (_, results) => missingJobs(results, next(results)),
    judge: (_, results) => judge(results),
    files: async () => [],
    parse: (text) => JSON.parse(text) as Findings,
  };
}

/** An executor that notes the jobs that it is given. */
async function noting(store: ResultStore): Promise<{ executor: Executor; ran: Job[] }> {
  const here = inThisProcess(await tinyContext(store));
  const ran: Job[] = [];
  const executor: Executor = {
    ...here,
    run(job, progress) {
      ran.push(job);
      return here.run(job, progress);
    },
  };
  return { executor, ran };
}

const REFUSING: Executor = {
  slots: 1,
  run: (job) => Promise.reject(new Error(`asked for ${jobId(job)}`)),
  close: async () => {},
};

const evaluationOf = (minimizer: Minimizer, images: Measure['images'] = { to: 48 }): EvaluationMeasure => ({
  kind: 'evaluation',
  of: [minimizer],
  images,
});
const lossOf = (results: Results, measure: EvaluationMeasure) => figuresOf(results.measure(measure))?.loss;
const weightsOf = async (store: ResultStore, { training: of, at }: Minimizer) =>
  decodeSafetensors((await store.read(KEYS.weights(trainingId(of), at)))!).tensors;

describe('a study decides by its results', () => {
  test('how many images it takes: blocks until the error of the loss is below a threshold', async () => {
    const BLOCK = 8;
    const block = (index: number) =>
      evaluationOf({ training }, { orderSeed: 3, from: index * BLOCK, to: (index + 1) * BLOCK });
    /** The losses of the blocks that are there. */
    const losses = (results: Results) => {
      const all: number[] = [];
      for (let index = 0; index < 6; index++) {
        const images = results.perImage(block(index));
        if (!images) break;
        all.push(...images.losses);
      }
      return all;
    };
    const errorOf = (all: readonly number[]) =>
      summarize({ losses: Float32Array.from(all), correct: new Uint8Array(all.length) }).lossStandardError;
    const study = (threshold: number) =>
      studyOf(
        (results) => {
          const all = losses(results);
          return all.length > 0 && errorOf(all) < threshold ? [] : [{ measure: block(all.length / BLOCK) }];
        },
        (results) => losses(results),
      );
    const store = freshStore();
    // A threshold that two blocks do not reach, and four do.
    const all = await runHere(
      studyOf(
        () => [0, 1, 2, 3, 4, 5].map((index): Job => ({ measure: block(index) })),
        (results) => losses(results),
      ),
      setup,
      store,
    );
    const errors = [1, 2, 3, 4, 5, 6].map((blocks) => errorOf(all.slice(0, blocks * BLOCK)));
    const threshold = (Math.min(errors[0], errors[1]) + errors[3]) / 2;
    const needed = errors.findIndex((error) => error < threshold) + 1;
    expect(needed).toBeGreaterThan(2);

    const fresh = freshStore();
    const { executor, ran } = await noting(fresh);
    const found = await runHere(study(threshold), setup, fresh, { executor });
    expect(found).toEqual(all.slice(0, needed * BLOCK));
    // The training was not asked for, but the measures need it.
    expect(ran).toEqual([
      { train: training },
      ...Array.from({ length: needed }, (_, index) => ({ measure: block(index) })),
    ]);
    // With a stricter threshold, no block is taken again.
    expect(await runHere(study(1e-9), setup, store, { executor: REFUSING }).catch(String)).toContain(
      'asked for',
    );
    ran.length = 0;
    await runHere(study(errors[needed - 1] * 0.999), setup, fresh, { executor });
    expect(ran.length).toBeGreaterThan(0);
    expect(ran).not.toContainEqual({ measure: block(0) });
  });

  test('where it looks: a bisection for the α at which the loss has risen so far', async () => {
    const images = { to: 16 };
    const curveAt = (alpha: number): Measure => ({
      kind: 'curve',
      of: [{ training }],
      images,
      directionSeed: 7,
      alphas: [alpha],
    });
    const base = evaluationOf({ training }, images);
    const RISE = 0.3;
    const HALVINGS = 5;
    const [LOW, HIGH] = [0, 4];
    /** The bracket as far as it is known, and the α that is to be looked at next. */
    const bisect = (results: Results) => {
      const start = lossOf(results, base);
      let [low, high] = [LOW, HIGH];
      for (let halving = 0; halving < HALVINGS; halving++) {
        const middle = (low + high) / 2;
        const figures = figuresOf(results.measure(curveAt(middle))) as
          { points: { loss: number }[] } | undefined;
        if (start === undefined || !figures) return { low, high, next: middle };
        if (figures.points[0].loss - start < RISE) low = middle;
        else high = middle;
      }
      return { low, high };
    };
    const study = studyOf((results) => {
      const { next } = bisect(results);
      return next === undefined ? [] : [{ measure: base }, { measure: curveAt(next) }];
    }, bisect);
    const store = freshStore();
    const { executor, ran } = await noting(store);
    const { low, high, next } = await runHere(study, setup, store, { executor });
    expect(next).toBeUndefined();
    expect(high - low).toBeCloseTo((HIGH - LOW) / 2 ** HALVINGS, 12);
    expect(ran).toHaveLength(1 + 1 + HALVINGS);

    const weights = await weightsOf(store, { training });
    const direction = normalizeDirection(TINY_VGG, randomDirection(TINY_VGG, 7), weights, 'filter');
    const first16 = imagesBetween(tinyData().train, 0, 16);
    const lossAt = async (alpha: number) =>
      summarize(await compute.evaluateImages(TINY_VGG, perturbed(weights, direction, alpha), first16)).loss;
    expect((await lossAt(low)) - (await lossAt(0))).toBeLessThan(RISE);
    expect((await lossAt(high)) - (await lossAt(0))).toBeGreaterThanOrEqual(RISE);
    expect(low).toBeGreaterThan(LOW);
  });

  test('which snapshots it needs: those that bracket a training loss', async () => {
    const STEPS = 12;
    const long: Training = { ...training, learningRate: 0.05, stopAfter: { steps: STEPS } };
    const at = (step: number): Minimizer => ({ training: long, at: step === STEPS ? 'end' : { step } });
    const lossAt = (results: Results, step: number) => lossOf(results, evaluationOf(at(step)));
    /** Two steps between which the loss crosses the target, as near to each other as is known. */
    const bracket = (target: number) => (results: Results) => {
      let [low, high] = [1, STEPS];
      for (;;) {
        const ends = [low, high].filter((step) => lossAt(results, step) === undefined);
        if (ends.length > 0) return { low, high, missing: ends };
        if (high - low === 1) return { low, high, missing: [] };
        const middle = Math.floor((low + high) / 2);
        const loss = lossAt(results, middle);
        if (loss === undefined) return { low, high, missing: [middle] };
        if (loss > target) low = middle;
        else high = middle;
      }
    };
    const jobsAt = (steps: readonly number[]) =>
      steps.map((step): Job => ({ measure: evaluationOf(at(step)) }));
    const store = freshStore();
    const losses = await runHere(
      studyOf(
        () => jobsAt([1, STEPS]),
        (results) => [1, STEPS].map((step) => lossAt(results, step)!),
      ),
      setup,
      store,
    );
    expect(losses[1]).toBeLessThan(losses[0]);
    const find = bracket((losses[0] + losses[1]) / 2);
    const { executor, ran } = await noting(store);
    const { low, high, missing } = await runHere(
      studyOf((results) => jobsAt(find(results).missing), find),
      setup,
      store,
      { executor },
    );
    expect(missing).toEqual([]);
    expect(high).toBe(low + 1);
    const view = await resultsView(store);
    const [above, below] = await view.evaluate((results) =>
      [low, high].map((step) => lossAt(results, step)!),
    );
    expect(above).toBeGreaterThan((losses[0] + losses[1]) / 2);
    expect(below).toBeLessThanOrEqual((losses[0] + losses[1]) / 2);
    // Each snapshot is a training job of its own, with no other end.
    const snapshots = ran.flatMap((job) => ('train' in job ? [job.snapshots] : []));
    expect(snapshots.length).toBeGreaterThanOrEqual(2);
    for (const steps of snapshots) expect(steps).toHaveLength(1);
    expect(new Set(ran.flatMap((job) => ('train' in job ? [jobId(job)] : [])))).toEqual(
      new Set([trainingId(long)]),
    );
  });

  test('how many seeds it takes: a further one only where the first look leaves it undecided', async () => {
    const looks = [
      [1, 2],
      [1, 2, 3],
    ];
    const evaluations = (seeds: readonly number[]) =>
      seeds.map((seed) => evaluationOf({ training: { ...training, seed } }));
    const judge = (isDecided: (losses: number[]) => boolean) => (results: Results) => {
      for (const [look, seeds] of looks.entries()) {
        const losses = evaluations(seeds).map((measure) => lossOf(results, measure));
        if (losses.some((loss) => loss === undefined)) return { look, done: losses.filter(Boolean).length };
        if (isDecided(losses as number[]) || look === looks.length - 1)
          return { look, losses, verdict: true };
      }
      throw new Error('there is a last look');
    };
    const study = (isDecided: (losses: number[]) => boolean) =>
      studyOf((results) => {
        const { look, verdict } = judge(isDecided)(results);
        return verdict ? [] : evaluations(looks[look]).map((measure): Job => ({ measure }));
      }, judge(isDecided));
    const store = freshStore();
    const seedsIn = (ran: readonly Job[]) => ran.flatMap((job) => ('train' in job ? [job.train.seed] : []));
    const first = await noting(store);
    const clear = await runHere(
      study(() => true),
      setup,
      store,
      { executor: first.executor },
    );
    expect(clear).toMatchObject({ look: 0, verdict: true, losses: [expect.any(Number), expect.any(Number)] });
    expect(seedsIn(first.ran)).toEqual([1, 2]);
    const second = await noting(store);
    const published: [object, boolean][] = [];
    const unclear = await runHere(
      study(() => false),
      setup,
      store,
      {
        executor: second.executor,
        publishInterval: 0,
        publish: async (findings, isFinal) => void published.push([findings, isFinal]),
      },
    );
    expect(unclear).toMatchObject({ look: 1, verdict: true });
    expect(seedsIn(second.ran)).toEqual([3]);
    // Between the looks there are counts, and no verdict.
    expect(published.map(([findings]) => findings)).toEqual([
      { look: 1, done: 2 },
      expect.objectContaining({ verdict: true }),
      unclear,
    ]);
    expect(published.map(([, isFinal]) => isFinal)).toEqual([false, false, true]);
  });
});

/** A study of some trainings and their evaluations, whose findings are how far each is. */
function plainStudy(trainings: readonly Training[]) {
  const jobs = trainings.flatMap((train): Job[] => [
    { train },
    { measure: evaluationOf({ training: train }) },
  ]);
  const study = studyOf(
    () => jobs,
    (results) => trainings.map((one) => results.measure(evaluationOf({ training: one })).state),
  );
  return { jobs, study };
}
const seeded = (...seeds: number[]) => seeds.map((seed): Training => ({ ...training, seed }));

describe('a study that is run', () => {
  test('is asked again after every result, and reported before its end, at most once in the interval', async () => {
    const { study, jobs } = plainStudy(seeded(1, 2));
    let asked = 0;
    const counted: typeof study = {
      ...study,
      next(...args) {
        asked++;
        return study.next(...args);
      },
    };
    const published: [string[], boolean][] = [];
    const publish = async (findings: string[], isFinal: boolean) => void published.push([findings, isFinal]);
    await runHere(counted, setup, freshStore(), { publish, publishInterval: 0 });
    expect(asked).toBeGreaterThan(jobs.length);
    expect(published).toEqual([
      [['missing', 'missing'], false],
      [['done', 'missing'], false],
      [['done', 'missing'], false],
      [['done', 'done'], false],
      [['done', 'done'], true],
    ]);
    published.length = 0;
    await runHere(study, setup, freshStore(), { publish });
    // The first result is reported at once, and the next ones only ten seconds later.
    expect(published).toEqual([
      [['missing', 'missing'], false],
      [['done', 'done'], true],
    ]);
  });

  test('run again computes nothing', async () => {
    const store = freshStore();
    const { study } = plainStudy(seeded(1, 2));
    await runHere(study, setup, store);
    const before = await contentOf(store);
    expect(await runHere(study, setup, store, { executor: REFUSING })).toEqual(['done', 'done']);
    expect(await contentOf(store)).toEqual(before);
    // So does another study that asks for the same.
    await runHere(plainStudy(seeded(2)).study, setup, store, { executor: REFUSING });
  });

  test('of which a job fails does all others, and ends in an error that says how many', async () => {
    const store = freshStore();
    const [one, other, third] = seeded(1, 2, 3);
    const foreign: Training = { ...other, engine: { ...other.engine, version: '0' } };
    const { study } = plainStudy([one, foreign, third]);
    const published: [string[], boolean][] = [];
    const said: string[] = [];
    const outcome = runHere(study, setup, store, {
      progress: { ...SILENT, say: (line) => void said.push(line) },
      publish: async (findings, isFinal) => void published.push([findings, isFinal]),
    });
    await expect(outcome).rejects.toThrow(UserError);
    await expect(outcome).rejects.toThrow(
      /^1 of 6 jobs failed, the first: training of .*: The job is for .*\. The same command tries them again\.$/,
    );
    expect(published.at(-1)).toEqual([['done', 'missing', 'done'], false]);
    expect(said).toEqual([expect.stringMatching(/^Failed: training of .*: The job is for/)]);
  });

  test('goes on where a process dies, and gives a job up after three deaths', async () => {
    const store = freshStore();
    const here = inThisProcess(await tinyContext(store));
    let deaths = 0;
    const dying = (most: number): Executor => ({
      ...here,
      run: (job, progress) =>
        'train' in job && job.train.seed === 1 && deaths++ < most
          ? Promise.reject(new WorkerDied('its process ended by SIGKILL'))
          : here.run(job, progress),
    });
    const { study } = plainStudy(seeded(1, 2));
    await expect(runHere(study, setup, store, { executor: dying(3) })).rejects.toThrow(
      /^1 of 4 jobs failed, .*: its process ended by SIGKILL, 3 times\. The same/,
    );
    deaths = 0;
    expect(await runHere(study, setup, store, { executor: dying(2) })).toEqual(['done', 'done']);
  });

  test('takes a measure of what diverged or ended before as settled', async () => {
    const store = freshStore();
    const wild: Training = {
      ...training,
      optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1000 },
      learningRate: 1000,
      stopAfter: { epochs: 20 },
    };
    const beyond = evaluationOf({ training, at: { step: 7 } });
    const study = studyOf(
      () => [{ measure: evaluationOf({ training: wild }) }, { measure: beyond }],
      (results) =>
        [evaluationOf({ training: wild }), beyond].map((measure) => results.measure(measure).state),
    );
    expect(await runHere(study, setup, store)).toEqual(['diverged', 'failed']);
  });

  test('interrupted ends at once, reports what there is and keeps it, and resumes there', async () => {
    const store = freshStore();
    const { study } = plainStudy(seeded(1, 2));
    const controller = new AbortController();
    const interrupted = new Interrupted('interrupted');
    const here = inThisProcess(await tinyContext(store));
    let steps = 0;
    const executor: Executor = {
      ...here,
      run: (job, progress) =>
        here.run(job, {
          ...progress,
          onImages(images, kind) {
            progress.onImages?.(images, kind);
            if (kind === 'training' && ++steps === 8) controller.abort(interrupted);
          },
        }),
    };
    const published: [string[], boolean][] = [];
    const outcome = runHere(study, setup, store, {
      executor,
      signal: controller.signal,
      publish: async (findings, isFinal) => void published.push([findings, isFinal]),
    });
    await expect(outcome).rejects.toBe(interrupted);
    expect(steps).toBe(8);
    expect(published.at(-1)).toEqual([['done', 'missing'], false]);
    const [first, second] = seeded(1, 2).map(trainingId);
    expect(await store.read(KEYS.training(first))).toBeDefined();
    expect(await store.list('checkpoints/')).toEqual([KEYS.checkpoint(second)]);
    steps = -100;
    expect(await runHere(study, setup, store, { executor })).toEqual(['done', 'done']);
    // Six steps each.
    expect(steps).toBe(-100 + 4);
  });

  test('interrupted, or given up by its executor, while it reports does not begin anything anew', async () => {
    const store = freshStore();
    const here = inThisProcess(await tinyContext(store));
    const interrupted = new Interrupted('a checkpoint could not be stored');
    let fail: (error: Error) => void = () => {};
    const ran: number[] = [];
    const executor: Executor = {
      ...here,
      slots: 2,
      run(job, progress) {
        const seed = 'train' in job ? job.train.seed : -1;
        ran.push(seed);
        if (seed !== 2) return here.run(job, progress);
        return new Promise((_, reject) => (fail = reject));
      },
    };
    const outcome = runHere(plainStudy(seeded(1, 2)).study, setup, store, {
      executor,
      publishInterval: 0,
      async publish() {
        fail(interrupted);
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    await expect(outcome).rejects.toBe(interrupted);
    expect(ran.filter((seed) => seed === 2)).toHaveLength(1);
  });

  test('has no more jobs under way than its executor has slots, and none twice', async () => {
    const store = freshStore();
    const here = inThisProcess(await tinyContext(store));
    const under = { way: 0, most: 0 };
    const ran: string[] = [];
    const executor: Executor = {
      ...here,
      slots: 3,
      async run(job, progress) {
        ran.push(jobId(job));
        under.most = Math.max(under.most, ++under.way);
        await here.run(job, progress);
        under.way--;
      },
    };
    const { study, jobs } = plainStudy(seeded(1, 2, 3, 4, 5));
    await runHere(study, setup, store, { executor });
    expect(under).toEqual({ way: 0, most: 3 });
    expect([...ran].sort()).toEqual(jobs.map(jobId).sort());
  });

  test('asks one training for all snapshots that its jobs need', async () => {
    const store = freshStore();
    const { executor, ran } = await noting(store);
    const measures = [4, 2].map((step) => evaluationOf({ training, at: { step } }));
    const study = studyOf(
      () => [{ train: training, snapshots: [3] }, ...measures.map((measure): Job => ({ measure }))],
      () => null,
    );
    await runHere(study, setup, store, { executor });
    expect(ran).toEqual([
      { train: training, snapshots: [2, 3, 4] },
      ...measures.map((measure) => ({ measure })),
    ]);
  });

  test('ends where a training of its measures came to other weights when it was done again', async () => {
    const store = freshStore();
    const [one, other] = seeded(1, 2);
    const path: Measure = {
      kind: 'path',
      of: [{ training: one }, { training: other }],
      alpha: 0.5,
      images: { to: 16 },
      testImages: { to: 8 },
    };
    await runHere(plainStudy([one, other]).study, setup, store);
    // A store of another machine, whose arithmetic rounds otherwise, without its weights.
    const key = KEYS.training(trainingId(other));
    const result = (await storedJson<{ figures: object }>(store, key))!;
    const theirs = { ...result, figures: { ...result.figures, weightsSha256: '0'.repeat(64) } };
    await store.write(key, Buffer.from(JSON.stringify(theirs)));
    for (const name of await store.list('weights/')) await store.remove(name);

    const evaluation = evaluationOf({ training: other });
    const { executor, ran } = await noting(store);
    const states = await runHere(
      studyOf(
        () => [{ measure: path }, { measure: evaluation }],
        (results) => [path, evaluation].map((measure) => results.measure(measure).state),
      ),
      setup,
      store,
      {
        executor: {
          ...executor,
          run: (job, progress) =>
            ran.length < 10 ? executor.run(job, progress) : Promise.reject(new Error('It does not end.')),
        },
      },
    );
    expect(states).toEqual(['done', 'done']);
    expect(ran.map(jobId).sort()).toEqual([path, evaluation].map(measureId).sort());
  });

  test('tells its progress in images, all of it at the end, and the end of each epoch and job', async () => {
    const seen = { work: 0, total: 0, ended: 0 };
    const details: string[] = [];
    const progress: Progress = {
      ...SILENT,
      detail: (line) => void details.push(line),
      begin: (_, work) => {
        seen.total += work;
        return {
          ...SILENT.begin('', 0),
          advance: (more) => void (seen.work += more),
          extend: (more) => void (seen.total += more),
          end: () => void seen.ended++,
        };
      },
    };
    // It ends after the first of two epochs, which no cost can tell beforehand.
    const { study, jobs } = plainStudy([{ ...training, seed: 1, until: { loss: 100 } }]);
    await runHere(study, setup, freshStore(), { progress });
    // A pass with a gradient takes about three times as long as an evaluation.
    const works = jobs.map(costOf).map(({ training: gradients, evaluation }) => 3 * gradients + evaluation);
    const total = works.reduce((sum, work) => sum + work);
    expect(seen).toEqual({ work: total, total, ended: 1 });
    expect(details).toEqual([
      expect.stringMatching(/^training of .*, seed 1: epoch 1\/2, loss \d/),
      expect.stringMatching(/^1 of 2 jobs done: training of .*, seed 1$/),
      expect.stringMatching(/^2 of 2 jobs done: .*, seed 1: evaluation, 48 images$/),
    ]);
  });
});

test('the cost of a study is that of its jobs and of the trainings that they need, as far as they are known', async () => {
  const store = freshStore();
  const study = studyOf(
    () => seeded(1, 2).map((one): Job => ({ measure: evaluationOf({ training: one }) })),
    () => null,
  );
  const left = async () => costLeft(study, setup, await resultsView(store));
  expect(await left()).toEqual({ training: 2 * 96, evaluation: 2 * (48 + 48) });
  await runHere(plainStudy(seeded(1)).study, setup, store);
  expect(await left()).toEqual({ training: 96, evaluation: 96 });
  await runHere(study, setup, store);
  expect(await left()).toEqual({ training: 0, evaluation: 0 });
});

test('the keys of a study are those of all that it asks for, and of nothing else', async () => {
  const store = freshStore();
  await runHere(plainStudy(seeded(1, 2, 3)).study, setup, store);
  const { study } = plainStudy(seeded(1, 2));
  const keys = await keysOfStudy(study, setup, await resultsView(store));
  const own = seeded(1, 2).map(trainingId);
  const there = await store.list('results/');
  expect(keys.filter((key) => there.includes(key)).sort()).toEqual(
    there.filter((key) => own.includes(key.split('/')[1])),
  );
});
