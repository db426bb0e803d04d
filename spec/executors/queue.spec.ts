import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { JobFailed, WorkerDied, type Executor } from '../../src/executors/executor';
import { demandRedis, openQueue, queueName, throughQueue } from '../../src/executors/queue';
import { serveQueue } from '../../src/executors/serve';
import type { ResultStore } from '../../src/executors/store';
import { jobId, jobLabel, type Job } from '../../src/jobs/job';
import { measureId, type Measure } from '../../src/jobs/measure';
import { KEYS } from '../../src/jobs/result';
import { networkContent, trainingId, type EngineId, type Training } from '../../src/jobs/training';
import { Interrupted } from '../../src/support/errors';
import { TINY_VGG } from '../helpers/arbitraries';
import { ENVIRONMENT } from '../helpers/environment';
import { freshStore } from '../helpers/kernel';
import { redisMissing, startRedis, type RedisServer } from '../helpers/redis-server';

test('the queue of an engine is its own', () => {
  const engine = { name: 'wasm', version: '1' } as const;
  expect(queueName(engine)).toBe(queueName({ version: '1', name: 'wasm' }));
  expect(queueName(engine)).not.toBe(queueName({ ...engine, version: '2' }));
  expect(queueName(engine)).not.toBe(queueName({ ...engine, name: 'tensorflow' }));
});

/** Trainings that take no time: those who serve the queue here only write that they are done. */
const trainingOf = (seed: number): Training => ({
  network: networkContent(TINY_VGG),
  data: { train: '1'.repeat(64), test: '2'.repeat(64), images: 48 },
  engine: { name: 'wasm', version: '1' },
  batchSize: 16,
  seed,
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
  learningRate: 0.01,
  stopAfter: { epochs: 2 },
});
const STEPS = 6;
const jobs: Job[] = Array.from({ length: 6 }, (_, seed) => ({ train: trainingOf(seed) }));
const evaluation: Measure = { kind: 'evaluation', of: [{ training: trainingOf(0) }], images: { to: 20 } };
const seedOf = (job: Job) => ('train' in job ? job.train.seed : -1);

/** Writes results as a worker would that has done a job. */
async function finish(store: ResultStore, job: Job): Promise<void> {
  const write = (key: string, value: object) => store.write(key, Buffer.from(JSON.stringify(value)));
  if ('measure' in job) {
    return write(KEYS.measure(trainingId(job.measure.of[0].training), measureId(job.measure)), {});
  }
  const { train: training, snapshots = [] } = job;
  const id = trainingId(training);
  const common = { training, environment: ENVIRONMENT, seconds: 1, finishedAt: '' };
  const weights = { weightsSha256: '0', distanceFromStart: 1 };
  for (const step of snapshots.filter((one) => one <= STEPS)) {
    await write(KEYS.snapshot(id, step), { ...common, step, figures: weights });
  }
  await write(KEYS.training(id), { ...common, figures: { ...weights, steps: STEPS, history: [] } });
}

const missing = redisMissing();
if (missing) process.stderr.write(`The specs do without a queue: ${missing}\n`);

(missing ? describe.skip : describe)('a queue', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis(root);
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(root, { recursive: true });
  });

  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const { signal } = new AbortController();
  let queues = 0;
  /** An engine that no other test's jobs are for, and its queue. */
  const fresh = () => {
    const engine: EngineId = { name: 'wasm', version: `spec ${++queues}` };
    const queue = openQueue(redis.url, engine, signal, () => {});
    closing.push(() => queue.close());
    return { engine, queue };
  };
  type Fresh = ReturnType<typeof fresh>;

  /** Has jobs done through a queue, as a study does. */
  const through = ({ queue }: Pick<Fresh, 'queue'>, store: ResultStore, priority = 100) => {
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    const executor = throughQueue(queue, { store, priority, say, signal });
    const run = (...all: Job[]) => Promise.all(all.map((job) => executor.run(job, {})));
    return { executor, run, said };
  };

  /** Serves with an executor that does as it is told, until it is stopped. */
  const serve = ({ engine }: Pick<Fresh, 'engine'>, run: (job: Job) => Promise<void>, slots = 1) => {
    const controller = new AbortController();
    const seen = { interrupted: 0, said: [] as string[] };
    const executor: Executor = {
      slots,
      run: (job, progress) =>
        Promise.race([
          run(job),
          new Promise<never>((_, reject) =>
            progress.signal!.addEventListener('abort', () => {
              seen.interrupted++;
              reject(new Interrupted('interrupted'));
            }),
          ),
        ]),
      close: async () => {},
    };
    const served = serveQueue({
      url: redis.url,
      engine,
      executor,
      signal: controller.signal,
      say: (line) => seen.said.push(line),
    });
    const stop = async () => {
      controller.abort(new Interrupted('enough'));
      await served;
    };
    closing.unshift(stop);
    return { seen, stop };
  };

  test('that cannot be reached is one line that shows no password', async () => {
    await expect(demandRedis(redis.url.replace('a%20secret', 'wrong'))).rejects.toThrow(
      /^Redis at 127.0.0.1:\d+ cannot be used \(WRONGPASS.*\): check --queue\.$/,
    );
    await expect(demandRedis('redis://:secret@127.0.0.1:1')).rejects.toThrow(
      /^Redis at 127.0.0.1:1 cannot be used \((?!.*secret).*\): check --queue\.$/,
    );
    await demandRedis(redis.url);
  });

  test('holds each job once, under its id, the urgent first, whoever adds it', async () => {
    const place = fresh();
    const store = freshStore();
    const first = through(place, store);
    const done = first.run(...jobs);
    while ((await place.queue.getJobCountByTypes('prioritized')) < 6) await setTimeout(20);
    const second = through(place, store, 1);
    const urgent: Job = { train: trainingOf(9) };
    const alsoDone = second.run(urgent, ...[...jobs].reverse());
    while ((await place.queue.getJobCountByTypes('prioritized')) < 7) await setTimeout(20);
    const stored = await place.queue.getJob(jobId(jobs[2]));
    expect(stored).toMatchObject({ name: jobLabel(jobs[2]), data: jobs[2] });
    const order: number[] = [];
    serve(place, async (job) => {
      order.push(seedOf(job));
      await finish(store, job);
    });
    await Promise.all([done, alsoDone]);
    expect(order).toEqual([9, 0, 1, 2, 3, 4, 5]);
    expect(second.said.at(-1)).toBe('7 jobs done through the queue, 0 under way or waiting');
  });

  test('keeps nothing that is done, so that what the store lost is done again', async () => {
    const place = fresh();
    const store = freshStore();
    const done: number[] = [];
    serve(
      place,
      async (job) => {
        done.push(seedOf(job));
        await finish(store, job);
      },
      2,
    );
    const { run } = through(place, store);
    await run(...jobs, { measure: evaluation });
    expect(done.sort()).toEqual([-1, 0, 1, 2, 3, 4, 5]);
    expect(await place.queue.getJobCounts()).toMatchObject({ completed: 0, failed: 0, prioritized: 0 });
    await store.remove(KEYS.training(trainingId(trainingOf(3))));
    await run(jobs[3]);
    expect(done.slice(7)).toEqual([3]);
  });

  test('holds no training twice, also with other snapshots, which come behind it', async () => {
    const place = fresh();
    const store = freshStore();
    const under = { way: 0, most: 0 };
    const trained: (readonly number[] | undefined)[] = [];
    serve(
      place,
      async (job) => {
        under.most = Math.max(under.most, ++under.way);
        trained.push('train' in job ? job.snapshots : undefined);
        await setTimeout(200);
        await finish(store, job);
        under.way--;
      },
      2,
    );
    const train = trainingOf(0);
    await Promise.all([
      through(place, store).run({ train }),
      through(place, store).run({ train, snapshots: [2] }),
    ]);
    expect(under.most).toBe(1);
    expect(trained.at(-1)).toEqual([2]);
    expect(await store.list('results/')).toHaveLength(2);
  });

  test('takes a training as done whose snapshot is beyond its end', async () => {
    const place = fresh();
    const store = freshStore();
    let trained = 0;
    serve(place, async (job) => {
      trained++;
      await finish(store, job);
    });
    const { run, said } = through(place, store);
    await run({ train: trainingOf(0), snapshots: [2, STEPS + 1] });
    expect(trained).toBe(1);
    expect(said.filter((line) => line.includes('added again'))).toEqual([]);
  });

  test('is followed where its Redis does not let users ask who listens', async () => {
    const place = fresh();
    const client = new Redis(redis.url);
    closing.push(() => client.quit());
    await client.call('ACL', 'SETUSER', 'guest', 'on', '>pass', '~*', '&*', '+@all', '-client|list');
    const url = redis.url.replace(/\/\/.*@/, '//guest:pass@');
    const queue = openQueue(url, place.engine, signal, () => {});
    closing.push(() => queue.close());
    await expect(queue.getWorkersCount()).rejects.toThrow(/^NOPERM/);
    const store = freshStore();
    serve(place, (job) => finish(store, job));
    const { run, said } = through({ queue }, store);
    await run(...jobs);
    expect(said.filter((line) => line.includes('no worker'))).toEqual([]);
    expect(await place.queue.getWorkersCount()).toBe(1);
  });

  test('says so where no worker listens, and where jobs leave it and their results are not in the store', async () => {
    const place = fresh();
    const [store, elsewhere] = [freshStore(), freshStore()];
    const { run, said } = through(place, store);
    const done = run(...jobs.slice(0, 3));
    while (said.length === 0) await setTimeout(20);
    expect(said).toEqual(['0 jobs done through the queue, 3 under way or waiting; no worker listens']);
    let tries = 0;
    serve(place, (job) => finish(++tries > 3 ? store : elsewhere, job));
    await done;
    expect(tries).toBe(6);
    expect(said.join('\n')).toMatch(
      /\d jobs are neither in the queue nor in the store, and are added again: did Redis lose them, or have its workers another --store\?/,
    );
  });

  test('refuses a value that is no job, or has another id, without running it or trying again', async () => {
    const place = fresh();
    const ran: unknown[] = [];
    await place.queue.add('evil', { command: 'rm' } as unknown as Job, { jobId: 'evil', attempts: 5 });
    await place.queue.add('other', jobs[1], { jobId: jobId(jobs[0]), attempts: 5 });
    serve(place, async (job) => void ran.push(job));
    while ((await place.queue.getFailedCount()) < 2) await setTimeout(20);
    for (const { id, failedReason, attemptsMade } of await place.queue.getFailed()) {
      expect(failedReason).toBe(`job ${id} is invalid: its id does not match its content`);
      expect(attemptsMade).toBe(1);
    }
    expect(ran).toEqual([]);
  });

  test('tells why a job failed for good, and tries it again when it is asked for again', async () => {
    const place = fresh();
    const store = freshStore();
    let tries = 0;
    const { seen } = serve(place, async (job) => {
      if (++tries === 1) throw new JobFailed('The disk is full.');
      await finish(store, job);
    });
    const { executor } = through(place, store);
    const outcome = executor.run(jobs[0], {});
    await expect(outcome).rejects.toThrow(new JobFailed('The disk is full.'));
    expect(tries).toBe(1);
    expect(seen.said).toEqual([`Failed: ${jobLabel(jobs[0])}: The disk is full.`]);
    await executor.run(jobs[0], {});
    expect(tries).toBe(2);
  });

  test('tries a job again whose process dies, after a pause', async () => {
    const place = fresh();
    let tries = 0;
    const { seen } = serve(place, async () => {
      if (++tries === 1) throw new WorkerDied('its process ended by SIGKILL');
    });
    const opts = {
      jobId: jobId(jobs[0]),
      attempts: 3,
      backoff: { type: 'fixed', delay: 100 },
      removeOnComplete: true,
    };
    await place.queue.add('dying', jobs[0], opts);
    while (tries < 2 || (await place.queue.getJob(jobId(jobs[0])))) await setTimeout(20);
    expect(seen.said).toContain('Failed: dying: its process ended by SIGKILL');
  });

  test('has a job back whose worker drains, for the next at once, without counting it as failed', async () => {
    const place = fresh();
    const store = freshStore();
    const done = through(place, store).run(...jobs.slice(0, 2));
    let begun = 0;
    const first = serve(place, () => {
      begun++;
      return new Promise(() => {});
    });
    while (begun === 0) await setTimeout(20);
    await first.stop();
    expect(first.seen.interrupted).toBe(1);
    expect(begun).toBe(1);
    expect(await place.queue.getJobCountByTypes('prioritized')).toBe(2);
    expect((await place.queue.getJob(jobId(jobs[0])))?.attemptsMade).toBe(0);
    serve(place, (job) => finish(store, job));
    await done;
  });

  test('keeps the jobs of a study that is interrupted, and others go on with them', async () => {
    const place = fresh();
    const store = freshStore();
    const { executor } = through(place, store);
    const controller = new AbortController();
    const outcome = executor.run(jobs[0], { signal: controller.signal });
    while ((await place.queue.getJobCountByTypes('prioritized')) < 1) await setTimeout(20);
    const interrupted = new Interrupted('enough');
    controller.abort(interrupted);
    await expect(outcome).rejects.toBe(interrupted);
    expect(await place.queue.getJobCountByTypes('prioritized')).toBe(1);
    serve(place, (job) => finish(store, job));
    await executor.run(jobs[0], {});
  });

  test('interrupts a job whose lock is lost, leaves it to whoever takes it, and does the next', async () => {
    const place = fresh();
    await place.queue.add(jobLabel(jobs[0]), jobs[0], { jobId: jobId(jobs[0]), removeOnComplete: true });
    const id = jobId(jobs[0]);
    let begun = 0;
    const { seen } = serve(place, () => (++begun === 1 ? new Promise(() => {}) : Promise.resolve()));
    while (begun === 0) await setTimeout(20);
    const client = new Redis(redis.url);
    await client.del(place.queue.toKey(`${id}:lock`));
    client.disconnect();
    while (seen.interrupted === 0) await setTimeout(50);
    // Nobody else is there, so that it comes back once it counts as stalled.
    while (begun < 2 || (await place.queue.getJob(id))) await setTimeout(50);
    expect(seen.interrupted).toBe(1);
    expect(seen.said).toContain(
      `Left to others: ${jobLabel(jobs[0])}: nothing was heard of this worker for too long`,
    );
    expect(seen.said.filter((line) => line.startsWith('Failed'))).toEqual([]);
  });

  test('that goes away keeps no study that waits for it from being interrupted', async () => {
    const gone = await startRedis(mkdtempSync(join(root, 'gone ')));
    const controller = new AbortController();
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    const queue = openQueue(gone.url, { name: 'wasm', version: 'gone' }, controller.signal, say);
    await queue.waitUntilReady();
    await gone.stop();
    const executor = throughQueue(queue, {
      store: freshStore(),
      priority: 100,
      say,
      signal: controller.signal,
    });
    const outcome = expect(executor.run(jobs[0], { signal: controller.signal })).rejects.toThrow(Interrupted);
    await setTimeout(1500);
    controller.abort(new Interrupted('enough'));
    await outcome;
    expect(said).toContainEqual(expect.stringMatching(/^Redis: /));
    expect(new Set(said).size).toBe(said.length);
    await executor.close();
  });
});
