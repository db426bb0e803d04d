import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { cacheFolder } from '../src/support/cache-folder';
import { computeOn } from '../src/compute';
import { firstImages } from '../src/data/dataset';
import { openEngine } from '../src/engine';
import type { EngineInfo, EngineName } from '../src/engine/engine';
import { settingsOf } from '../src/experiment/settings';
import { encodeSafetensors } from '../src/model/safetensors';
import { loadSweepData } from '../src/sweep/data';
import { trainingConfigOf, type Job } from '../src/sweep/job';
import { architectureOf } from '../src/sweep/networks';
import { expandPlan, planSchema, type SweepSetting } from '../src/sweep/plan';
import { giveOut, openQueue } from '../src/sweep/queue';
import { KEYS } from '../src/sweep/results';
import { folderStore, type ResultStore } from '../src/sweep/store';
import { serveQueue } from '../src/sweep/worker';
import { startWorker, type WorkerProcess } from '../src/sweep/worker-process';
import { encodeCheckpoint } from '../src/training/checkpoint';
import type { TrainingState } from '../src/training/train';
import { redisMissing, startRedis } from '../spec/helpers/redis-server';
import { median } from './statistics';

/** What a sweep does around trainings of SimpleVGG, with a store in a folder. Medians, in seconds unless told. */
export const sweepCostsSchema = z.object({
  engine: z.string(),
  /** Of the preset `quick`, SB's: its images over the rate of training, with nothing beside it. */
  trainingSeconds: z.number(),
  epochs: z.number(),
  /** Until a worker process is ready, once for all of its jobs. */
  startUpSeconds: z.number(),
  /** A job to a worker process and back, where nothing is left of it to do. */
  handOverSeconds: z.number(),
  /** To encode and write a checkpoint. */
  checkpointSeconds: z.number(),
  checkpointBytes: z.number(),
  /** To encode and write weights and a result, and to remove the checkpoint. */
  resultSeconds: z.number(),
  resultBytes: z.number(),
  /** For a job to be given out, taken and completed, where nothing is left to do; null where there is no Redis. */
  queueSeconds: z.number().nullable(),
  queueMissing: z.string().optional(),
  /** Of Redis's memory, for a job that waits. */
  queueBytes: z.number().nullable(),
});
export type SweepCosts = z.infer<typeof sweepCostsSchema>;

const TURNS = 15;
/** Through the queue. */
const MANY_JOBS = 10_000;

export async function measureSweepCosts(
  name: EngineName,
  progress: (line: string) => void,
): Promise<SweepCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'sharp-minima-bench-'));
  try {
    const store = folderStore(join(folder, 'store'));
    const { smallBatch, smallEpochs, trainSize } = settingsOf('quick', 0, {});
    const data = loadSweepData('cifar10', { cache: cacheFolder() });
    const engine = await openEngine(name, cacheFolder());
    const compute = computeOn(engine, cacheFolder());
    const { version } = compute.info;
    const jobs = jobsOf(MANY_JOBS, { engine: { name, version }, data: { cifar10: data.sha256 } });
    const [job] = jobs;

    progress('the rate of training, and where it stands behind an epoch');
    const { state, trainingRate } = await trained(job);

    progress('checkpoints and results in a folder');
    const checkpoint = encodeCheckpoint(state);
    const checkpointSeconds = await medianSeconds(() =>
      store.write(KEYS.checkpoint(job.training), encodeCheckpoint(state)),
    );
    const weights = encodeSafetensors(state.weights);
    const resultSeconds = await medianSeconds(async () => {
      await store.write(KEYS.weights(job.training), encodeSafetensors(state.weights));
      await store.list(KEYS.resultsOf(job.training));
      await store.write(`${KEYS.resultsOf(job.training)}bench`, Buffer.from(JSON.stringify(state.history)));
      await store.remove(KEYS.checkpoint(job.training));
    });
    await compute.close();

    progress('worker processes');
    const places = { engine: name, cache: cacheFolder(), store: join(folder, 'store') };
    const begun = performance.now();
    const worker = await startWorker(places, progress);
    const startUpSeconds = (performance.now() - begun) / 1000;
    await worker.run(job);
    const handOverSeconds = await medianSeconds(() => worker.run(job));
    await worker.end();

    progress(`${MANY_JOBS} jobs through a queue`);
    const queue = await queueCosts(jobs, folder, compute.info);
    return {
      engine: name,
      trainingSeconds: (smallEpochs * trainSize) / trainingRate,
      epochs: smallEpochs,
      startUpSeconds,
      handOverSeconds,
      checkpointSeconds,
      checkpointBytes: checkpoint.length,
      resultSeconds,
      resultBytes: weights.length + (await bytesOf(store, KEYS.training(job.training))),
      ...queue,
    };

    /** Some steps of a training, without anything around it. */
    async function trained({ training }: Job) {
      const config = { ...trainingConfigOf(training), batchSize: smallBatch, epochs: 1 };
      const images = { train: firstImages(data.train, 40 * smallBatch), test: firstImages(data.test, 100) };
      let last: TrainingState | undefined;
      const seconds: number[] = [];
      let before = performance.now();
      await compute.train(architectureOf(training.network), images, config, 0, {
        onStep() {
          seconds.push((performance.now() - before) / 1000);
          before = performance.now();
        },
        onEpoch: async (_, stateNow) => void (last = await stateNow()),
      });
      return { state: last!, trainingRate: smallBatch / median(seconds.slice(1)) };
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Small jobs, a seed each. */
function jobsOf(count: number, setting: SweepSetting): Job[] {
  const plan = planSchema.parse({
    name: 'bench',
    networks: ['SimpleVGG'],
    batchSizes: [16],
    seeds: [0],
    trainSize: 64,
    testSize: 64,
    protocols: [{ name: 'sgd', optimizer: { kind: 'sgd' }, learningRate: 0.01, epochs: 1 }],
  });
  const [{ job }] = expandPlan(plan, setting);
  return Array.from({ length: count }, (_, seed) => ({ ...job, training: { ...job.training, seed } }));
}

/** What it costs to have jobs done by a queue whose workers have nothing to do. */
async function queueCosts(
  jobs: readonly Job[],
  folder: string,
  info: EngineInfo,
): Promise<Pick<SweepCosts, 'queueSeconds' | 'queueBytes' | 'queueMissing'>> {
  const missing = redisMissing();
  if (missing) return { queueSeconds: null, queueBytes: null, queueMissing: missing };
  const redis = await startRedis(folder);
  const controller = new AbortController();
  const { engine } = jobs[0].training;
  const client = new Redis(redis.url);
  const queue = openQueue(redis.url, engine, controller.signal, () => {});
  try {
    const memory = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
    const empty = await memory();
    const begun = performance.now();
    await giveOut(queue, jobs, 100);
    const queueBytes = ((await memory()) - empty) / jobs.length;
    let done = 0;
    const idle: WorkerProcess = {
      info,
      run: async () => void done++,
      measureRates: () => Promise.reject(new Error('nothing to measure')),
      interrupt: () => {},
      end: () => Promise.resolve(),
      kill: () => {},
    };
    const served = serveQueue({
      url: redis.url,
      engine,
      workers: 8,
      start: () => Promise.resolve(idle),
      say: () => {},
      signal: controller.signal,
    });
    while (done < jobs.length || (await queue.getActiveCount()) > 0)
      await new Promise((r) => setTimeout(r, 50));
    const seconds = (performance.now() - begun) / 1000;
    controller.abort();
    await served;
    return { queueSeconds: seconds / jobs.length, queueBytes };
  } finally {
    controller.abort();
    client.disconnect();
    await queue.close();
    await redis.stop();
  }
}

async function medianSeconds(action: () => Promise<unknown>): Promise<number> {
  const seconds: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const begun = performance.now();
    await action();
    seconds.push((performance.now() - begun) / 1000);
  }
  return median(seconds);
}

async function bytesOf(store: ResultStore, key: string): Promise<number> {
  return (await store.read(key))?.length ?? 0;
}
