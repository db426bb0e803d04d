import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dataSource } from '../../src/executors/datasets';
import { JobFailed, WorkerDied, withRetries } from '../../src/executors/executor';
import { folderStore } from '../../src/executors/folder-store';
import { runJob } from '../../src/executors/run-job';
import type { ResultStore } from '../../src/executors/store';
import { inWorkerProcesses, startWorker, type WorkerProcess } from '../../src/executors/worker-process';
import { jobId, type Job } from '../../src/jobs/job';
import { KEYS, type TrainingResult } from '../../src/jobs/result';
import { trainingId, type Training } from '../../src/jobs/training';
import { cacheFolder } from '../../src/support/cache-folder';
import { Interrupted, UserError } from '../../src/support/errors';
import { fastestEngine } from '../helpers/engine';
import {
  abortedAt,
  contentOf,
  freshFolder,
  freshStore,
  storedJson,
  tinyContext,
  tinyTraining,
} from '../helpers/kernel';

const cache = cacheFolder();
const data = dataSource({ cache });

/** A store, and the start of workers on it, each of which is noted. */
function workplace() {
  const path = freshFolder();
  const started: WorkerProcess[] = [];
  const said: string[] = [];
  const setting = { engine: fastestEngine(), cache, store: path, skipped: ['webgpu: no GPU'] };
  const start = async () => {
    const worker = await startWorker(setting, undefined, (line) => said.push(line));
    started.push(worker);
    return worker;
  };
  return { store: folderStore(path), start, started, said };
}

/** Processes read the whole data set; trainings take its first images. */
let training: Training;
let long: Training;
beforeAll(async () => {
  const { sha256 } = data.named('cifar10');
  training = await tinyTraining({ data: { ...sha256, images: 48 } });
  long = { ...training, stopAfter: { epochs: 20 } };
});

async function doneHere(...jobs: Job[]): Promise<ResultStore> {
  const store = freshStore();
  const context = await tinyContext(store, { data });
  for (const job of jobs) await runJob(context, job);
  return store;
}

/** All but the environment, which says where it was done. */
async function figuresIn(store: ResultStore): Promise<unknown> {
  const content = await contentOf(store);
  return JSON.parse(JSON.stringify(content), (key, value: unknown) => (key === 'environment' ? null : value));
}

describe('a worker process', () => {
  const { store, start } = workplace();
  let worker: WorkerProcess;
  beforeAll(async () => {
    worker = await start();
  });
  afterAll(() => worker.end());

  const evaluation = (): Job => ({
    measure: { kind: 'evaluation', of: [{ training }], split: 'test', images: { to: 30 } },
  });

  test('refuses what is no job, and what is for another engine', async () => {
    const jobs = [null, {}, { train: training, command: 'rm' }, { train: { ...training, batchSize: 49 } }];
    for (const value of jobs) {
      const outcome = worker.run(value as unknown as Job, {});
      await expect(outcome).rejects.toThrow(JobFailed);
      await expect(outcome).rejects.toThrow(/^The job is invalid: /);
    }
    const other = { ...training, engine: { ...training.engine, version: '0' } };
    await expect(worker.run({ train: other }, {})).rejects.toThrow(/^The job is for/);
  });

  test('gives the same bits as this process, and tells how far it is', async () => {
    const seen = { training: 0, evaluation: 0, notes: 0, milestones: [] as string[] };
    for (const job of [{ train: training }, evaluation()]) {
      await worker.run(job, {
        onImages: (images, kind) => (seen[kind] += images),
        onNote: () => seen.notes++,
        onMilestone: (text) => seen.milestones.push(text),
      });
    }
    // Batch-norm statistics are recomputed over the images at the end.
    expect(seen).toMatchObject({ training: 2 * 48, evaluation: 48 + 30 });
    expect(seen.notes).toBeGreaterThanOrEqual(6);
    expect(seen.milestones).toEqual([1, 2].map((epoch) => expect.stringMatching(`^epoch ${epoch}/2, loss `)));
    expect(await figuresIn(store)).toEqual(
      await figuresIn(await doneHere({ train: training }, evaluation())),
    );
    const { environment } = (await storedJson<TrainingResult>(store, KEYS.training(trainingId(training))))!;
    expect(environment).toMatchObject({
      engine: fastestEngine(),
      threads: worker.info.threads,
      skippedEngines: ['webgpu: no GPU'],
      dataSha256: training.data.train,
    });
  });

  test('measures how fast it is', async () => {
    const { training: trained, evaluation: evaluated } = await worker.measureRates(16);
    expect(Math.min(trained, evaluated)).toBeGreaterThan(0);
  });

  test('interrupted stores how far it is, and does the next job', async () => {
    const { signal, step } = abortedAt(5);
    const endless: Training = { ...training, seed: 6, stopAfter: { epochs: 100_000 } };
    await expect(worker.run({ train: endless }, { signal, onImages: step })).rejects.toThrow(Interrupted);
    expect(await store.list('checkpoints/')).toEqual([KEYS.checkpoint(trainingId(endless))]);
    // Nothing is begun where it is aborted already.
    await expect(worker.run(evaluation(), { signal })).rejects.toThrow(Interrupted);
    await worker.run({ train: training, snapshots: [1] }, {});
    expect(await store.read(KEYS.snapshot(trainingId(training), 1))).toBeDefined();
  });

  test('that is killed says so of the job under way and of every later one', async () => {
    const endless: Training = { ...training, seed: 7, stopAfter: { epochs: 100_000 } };
    const run = worker.run({ train: endless }, { onImages: () => worker.kill() });
    await expect(run).rejects.toThrow(WorkerDied);
    await expect(run).rejects.toThrow('its process ended by SIGKILL');
    await expect(worker.run({ train: training }, {})).rejects.toThrow(WorkerDied);
  });
});

test('a worker process that is killed is replaced, and its job resumes; three deaths fail a job, and no other', async () => {
  const { store, start, started, said } = workplace();
  const executor = inWorkerProcesses(1, start);
  let deaths = 0;
  const killAt = (milestone: string, most: number) => ({
    onMilestone(text: string) {
      if (!text.startsWith(milestone) || deaths === most) return;
      deaths++;
      started.at(-1)!.kill();
    },
  });
  const job: Job = { train: long };
  await withRetries(() => executor.run(job, killAt('epoch 2/', 1)));
  expect(started).toHaveLength(2);
  expect(said).toEqual([
    expect.stringMatching(/batch size 16, seed 5: resuming after epoch [1-9]\d? of 20\.$/),
  ]);
  expect(await figuresIn(store)).toEqual(await figuresIn(await doneHere(job)));

  deaths = 0;
  const doomed: Job = { train: { ...training, seed: 8, stopAfter: { epochs: 100_000 } } };
  const outcome = withRetries(() => executor.run(doomed, killAt('epoch', Infinity)));
  await expect(outcome).rejects.toThrow(new JobFailed('its process ended by SIGKILL, 3 times'));
  expect(started).toHaveLength(4);
  expect(await store.read(`results/${jobId(doomed)}/training`)).toBeUndefined();
  await executor.close();
}, 60_000);

test('a worker process that cannot begin says why in one line', async () => {
  const setting = { engine: 'wasm', cache, store: 's3://', skipped: [] } as const;
  const outcome = startWorker(setting, undefined, () => {});
  await expect(outcome).rejects.toThrow(UserError);
  await expect(outcome).rejects.toThrow(/^--store s3:\/\/ names no bucket/);
});
