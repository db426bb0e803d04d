import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { computeOn } from '../src/compute';
import type { Compute } from '../src/compute/compute';
import { firstImages, type Dataset } from '../src/data/dataset';
import { openEngine } from '../src/engine';
import type { EngineName } from '../src/engine/engine';
import { dataSource } from '../src/executors/datasets';
import { folderStore } from '../src/executors/folder-store';
import { isHolder, leaseTaker } from '../src/executors/lease';
import { openQueue } from '../src/executors/queue';
import { serveQueue } from '../src/executors/serve';
import { startWorker } from '../src/executors/worker-process';
import { jobId, jobLabel, type TrainingJob } from '../src/jobs/job';
import { KEYS } from '../src/jobs/result';
import { networkContent, trainingConfigOf, trainingId, type Training } from '../src/jobs/training';
import { SIMPLE_VGG } from '../src/model/networks';
import { encodeSafetensors } from '../src/model/safetensors';
import { settingsOf } from '../src/studies/comparison/settings';
import { cacheFolder } from '../src/support/cache-folder';
import { encodeCheckpoint } from '../src/training/checkpoint';
import type { TrainingState } from '../src/training/train';
import { redisMissing, startRedis } from '../spec/helpers/redis-server';
import { median } from './statistics';

/** What training jobs of SimpleVGG cost beside training, with a store in a folder. Medians, in seconds unless stated. */
export interface SweepCosts {
  readonly engine: string;
  /** Of the preset `quick`, SB's: its images over the rate of training. */
  readonly trainingSeconds: number;
  readonly epochs: number;
  /** Until a worker process is ready, once for all of its jobs. */
  readonly startUpSeconds: number;
  /** A job that is done already, to a worker process and back. */
  readonly handOverSeconds: number;
  /** To encode and write a checkpoint. */
  readonly checkpointSeconds: number;
  readonly checkpointBytes: number;
  /** To take and release a lease, to encode and write weights and a result, and to remove the checkpoint. */
  readonly resultSeconds: number;
  readonly resultBytes: number;
  /** For a job to be queued, taken and completed, where nothing is left to do; null where there is no Redis. */
  readonly queueSeconds: number | null;
  readonly queueMissing?: string;
  /** Redis memory of a job that waits. */
  readonly queueBytes: number | null;
}

const REPETITIONS = 15;
const QUEUED_JOBS = 10_000;

export async function measureSweepCosts(
  name: EngineName,
  progress: (line: string) => void,
): Promise<SweepCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'sharp-minima-bench-'));
  try {
    const cache = cacheFolder();
    const location = join(folder, 'store');
    const store = folderStore(location);
    const { smallBatch, smallEpochs, trainSize } = settingsOf('quick', 0, {});
    const { train: images, sha256 } = dataSource({ cache }).named('cifar10');
    const compute = computeOn(await openEngine(name, cache), cache);
    const { version } = compute.info;
    const training: Training = {
      network: networkContent(SIMPLE_VGG),
      data: { ...sha256, images: 64 },
      engine: { name, version },
      batchSize: 16,
      seed: 0,
      optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
      learningRate: 0.01,
      stopAfter: { epochs: 1 },
    };
    const id = trainingId(training);

    progress('the rate of training, and the state after an epoch');
    const { state, rate } = await trained(compute, training, images, smallBatch);
    await compute.close();

    progress('checkpoints and results in a folder');
    const checkpoint = encodeCheckpoint(state);
    const checkpointSeconds = await medianSeconds(() =>
      store.write(KEYS.checkpoint(id), encodeCheckpoint(state)),
    );
    const weights = encodeSafetensors(state.weights);
    const result = Buffer.from(JSON.stringify({ training, history: state.history }));
    const leases = leaseTaker(store);
    const resultSeconds = await medianSeconds(async () => {
      const lease = await leases.take(KEYS.leases(id));
      if (isHolder(lease)) throw new Error('The lease is held.');
      await store.write(KEYS.weights(id, 'end'), encodeSafetensors(state.weights));
      await store.write(KEYS.training(id), result);
      await store.remove(KEYS.checkpoint(id));
      await lease.release(true);
    });
    await store.remove(KEYS.training(id));

    progress('worker processes');
    const begun = performance.now();
    const worker = await startWorker(
      { engine: name, cache, store: location, skipped: [] },
      undefined,
      progress,
    );
    const startUpSeconds = (performance.now() - begun) / 1000;
    await worker.run({ train: training }, {});
    const handOverSeconds = await medianSeconds(() => worker.run({ train: training }, {}));
    await worker.end();

    progress(`${QUEUED_JOBS} jobs through a queue`);
    return {
      engine: name,
      trainingSeconds: (smallEpochs * trainSize) / rate,
      epochs: smallEpochs,
      startUpSeconds,
      handOverSeconds,
      checkpointSeconds,
      checkpointBytes: checkpoint.length,
      resultSeconds,
      resultBytes: weights.length + result.length,
      ...(await queueCosts(training, folder)),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Some steps of a training without anything around it: images per second, and the state after them. */
async function trained(
  compute: Compute,
  training: Training,
  images: Dataset,
  batchSize: number,
): Promise<{ state: TrainingState; rate: number }> {
  const config = { ...trainingConfigOf(training), batchSize };
  const seconds: number[] = [];
  let state: TrainingState | undefined;
  let before = performance.now();
  await compute.train(SIMPLE_VGG, { train: firstImages(images, 40 * batchSize) }, config, 0, {
    onStep() {
      seconds.push((performance.now() - before) / 1000);
      before = performance.now();
    },
    onEpoch: async (_, stateNow) => void (state = await stateNow()),
  });
  return { state: state!, rate: batchSize / median(seconds.slice(1)) };
}

/** What it costs to have jobs done through a queue whose workers have nothing to do. */
async function queueCosts(
  training: Training,
  folder: string,
): Promise<Pick<SweepCosts, 'queueSeconds' | 'queueBytes' | 'queueMissing'>> {
  const missing = redisMissing();
  if (missing) return { queueSeconds: null, queueBytes: null, queueMissing: missing };
  const jobs = Array.from({ length: QUEUED_JOBS }, (_, seed): TrainingJob => ({
    train: { ...training, seed },
  }));
  const entries = jobs.map((job) => ({
    name: jobLabel(job),
    data: job,
    opts: { jobId: jobId(job), priority: 100, removeOnComplete: true },
  }));
  const redis = await startRedis(folder);
  const controller = new AbortController();
  const { engine } = training;
  const client = new Redis(redis.url);
  const queue = openQueue(redis.url, engine, controller.signal, () => {});
  try {
    const memory = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]);
    const empty = await memory();
    const begun = performance.now();
    await queue.addBulk(entries);
    const queueBytes = ((await memory()) - empty) / jobs.length;
    let done = 0;
    const served = serveQueue({
      url: redis.url,
      engine,
      executor: { slots: 8, run: async () => void done++, close: async () => {} },
      say: () => {},
      signal: controller.signal,
    });
    while (done < jobs.length || (await queue.getActiveCount()) > 0) await setTimeout(50);
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
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const begun = performance.now();
    await action();
    seconds.push((performance.now() - begun) / 1000);
  }
  return median(seconds);
}
