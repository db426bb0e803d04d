import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cacheFolder } from '../../src/support/cache-folder';
import { inThisThread } from '../../src/compute/compute';
import { Interrupted, UserError } from '../../src/support/errors';
import { loadSweepData } from '../../src/sweep/data';
import type { Job } from '../../src/sweep/job';
import { expandPlan } from '../../src/sweep/plan';
import { KEYS, readMeasure, readTraining } from '../../src/sweep/results';
import { runJob } from '../../src/sweep/run-job';
import { folderStore, type ResultStore } from '../../src/sweep/store';
import { JobFailed, startWorker, WorkerDied } from '../../src/sweep/worker-process';
import { fastestEngine, specEngine } from '../helpers/engine';
import { tinyContext, tinyPlan } from '../helpers/sweeps';

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true }));
const cache = cacheFolder();

/** A worker on a fresh store, which ends with the test. */
async function withWorker<T>(
  use: (worker: Awaited<ReturnType<typeof startWorker>>, store: ResultStore) => Promise<T>,
): Promise<T> {
  const path = mkdtempSync(join(root, 'store '));
  const worker = await startWorker({ engine: fastestEngine(), cache, store: path }, () => {});
  try {
    return await use(worker, folderStore(path));
  } finally {
    await worker.end();
  }
}

describe('a worker process', () => {
  let job: Job;
  let long: Job;
  beforeAll(async () => {
    const { info } = await specEngine();
    const setting = {
      engine: { name: info.name, version: info.version },
      data: { cifar10: loadSweepData('cifar10', { cache }).sha256 },
    };
    const jobOf = (changes: object) => expandPlan(tinyPlan(changes), setting)[0].job;
    job = jobOf({});
    long = jobOf({
      protocols: [{ name: 'long', optimizer: { kind: 'sgd' }, learningRate: 1e-4, epochs: 10_000 }],
      measures: [],
    });
  });

  const figuresIn = async (store: ResultStore) => ({
    training: (await readTraining(store, job.training))!.figures,
    measure: (await readMeasure(store, job.training, job.measures[0]))!.figures,
  });

  test('gives the same bits as this process, one job after the other, and refuses what is no job', async () => {
    const here = await tinyContext(folderStore(mkdtempSync(join(root, 'here '))), {
      compute: inThisThread(await specEngine()),
      load: (name) => loadSweepData(name, { cache }),
    });
    await runJob(here, job);
    await withWorker(async (worker, store) => {
      for (const value of [null, {}, { ...job, command: 'rm' }]) {
        await expect(worker.run(value)).rejects.toThrow(JobFailed);
      }
      const other = {
        ...job,
        training: { ...job.training, engine: { ...job.training.engine, version: '0' } },
      };
      await expect(worker.run(other)).rejects.toThrow(/The job is for/);
      let images = 0;
      await worker.run(job, { onImages: (more) => (images += more) });
      expect(images).toBe(2 * 48 + 3 * 16);
      expect(await figuresIn(store)).toEqual(await figuresIn(here.store));
      expect((await readTraining(store, job.training))!.environment.engine).toBe(fastestEngine());
      expect((await worker.measureRates()).training).toBeGreaterThan(0);
    });
  });

  test('interrupted stores how far it is, and does the next job', async () => {
    await withWorker(async (worker, store) => {
      let told = 0;
      const run = worker.run(long, { onImages: () => void (++told === 2 && worker.interrupt()) });
      await expect(run).rejects.toThrow(Interrupted);
      expect(await store.list('')).toEqual([KEYS.checkpoint(long.training)]);
      await worker.run(job);
      expect(await store.list('results/')).toHaveLength(2);
    });
  });

  test('that is killed says so of the job under way and of every later one', async () => {
    await withWorker(async (worker) => {
      let told = 0;
      const run = worker.run(long, { onImages: () => void (++told === 2 && worker.kill()) });
      await expect(run).rejects.toThrow(WorkerDied);
      await expect(run).rejects.toThrow('its process ended by SIGKILL');
      await expect(worker.run(job)).rejects.toThrow(WorkerDied);
    });
  });

  test('that cannot begin says why in one line', async () => {
    const started = startWorker({ engine: 'wasm', cache, store: 's3://' }, () => {});
    await expect(started).rejects.toThrow(UserError);
    await expect(started).rejects.toThrow(/s3:/);
  });
});
