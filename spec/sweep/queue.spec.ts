import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Interrupted } from '../../src/support/errors';
import { distinctJobs, expandPlan } from '../../src/sweep/plan';
import { trainingId, type Job, type SweepEngine } from '../../src/sweep/job';
import { demandRedis, giveOut, haveDone, openQueue, pauseAfter, queueName } from '../../src/sweep/queue';
import { placeOf } from '../../src/sweep/redis-url';
import { encodeJson, KEYS } from '../../src/sweep/results';
import { folderStore } from '../../src/sweep/store';
import { serveQueue } from '../../src/sweep/worker';
import { JobFailed, WorkerDied, type WorkerProcess } from '../../src/sweep/worker-process';
import { redisMissing, startRedis, type RedisServer } from '../helpers/redis-server';
import { SETTING, tinyPlan } from '../helpers/sweeps';

test('the queue of an engine is its own, and a URL shows no password', () => {
  const engine = { name: 'wasm', version: '1' } as const;
  expect(queueName(engine)).toBe(queueName({ version: '1', name: 'wasm' }));
  expect(queueName(engine)).not.toBe(queueName({ ...engine, version: '2' }));
  expect(placeOf('rediss://me:secret@host:7000/3')).toBe('host:7000');
  expect(placeOf('redis://host')).toBe('host:6379');
  for (const url of ['host:6379', 'http://host', 'redis://', 'nonsense:secret']) {
    expect(() => placeOf(url)).toThrow(/^--queue must be like redis:/);
  }
  for (const sign of ['/', '?', '#', '7/', '/7#?']) {
    for (const user of ['', 'me']) {
      const withSign = `redis://${user}:${sign}secret@host:7000`;
      expect(() => placeOf(withSign)).toThrow(/^(?!.*secret)--queue has .*: percent-encode/);
      const encoded = `redis://${user}:${encodeURIComponent(sign)}secret@host:7000/1?family=6`;
      expect(placeOf(encoded)).toBe('host:7000');
    }
  }
});

test('a store that takes long to look at is looked at less often', () => {
  expect([0, 50, 200, 1500].map(pauseAfter)).toEqual([2000, 2000, 2000, 15_000]);
});

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

  const jobs = distinctJobs(expandPlan(tinyPlan({ seeds: [0, 1, 2, 3, 4, 5], measures: [] }), SETTING));
  const idOf = ({ training }: Job) => trainingId(training);
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const { signal } = new AbortController();
  let queues = 0;
  /** An engine that no other test's jobs are for, and its queue. */
  const fresh = () => {
    const engine: SweepEngine = { name: 'wasm', version: `spec ${++queues}` };
    const queue = openQueue(redis.url, engine, signal, () => {});
    closing.push(() => queue.close());
    return { engine, queue };
  };
  const store = () => folderStore(mkdtempSync(join(root, 'store ')));
  const finish = (results: ReturnType<typeof store>, { training }: Job) =>
    results.write(KEYS.training(training), encodeJson({}));

  /** Serves with workers that do as told, until it is stopped. */
  const serve = (engine: SweepEngine, run: (job: Job) => Promise<void>, workers = 1) => {
    const controller = new AbortController();
    const seen = { started: 0, ended: 0, interrupted: 0, said: [] as string[] };
    const served = serveQueue({
      url: redis.url,
      engine,
      workers,
      signal: controller.signal,
      say: (line) => seen.said.push(line),
      start: async () => {
        seen.started++;
        let stop: ((error: Error) => void) | undefined;
        const interrupted = () => new Promise<never>((_, reject) => (stop = reject));
        return {
          run: (job) => Promise.race([run(job as Job), interrupted()]),
          interrupt() {
            seen.interrupted++;
            stop?.(new Interrupted('interrupted'));
          },
          end: async () => void seen.ended++,
        } as WorkerProcess;
      },
    });
    const stop = async () => {
      controller.abort(new Interrupted('enough'));
      await served;
    };
    closing.unshift(stop);
    return { seen, stop };
  };

  test('holds each job once, under its address, the urgent first, however often they are given out', async () => {
    const { engine, queue } = fresh();
    await giveOut(queue, jobs, 100);
    await giveOut(queue, [...jobs].reverse(), 100);
    await giveOut(queue, jobs.slice(4), 1);
    const urgent = distinctJobs(expandPlan(tinyPlan({ seeds: [9], measures: [] }), SETTING));
    await giveOut(queue, urgent, 1);
    expect(await queue.getJobCountByTypes('prioritized')).toBe(7);
    expect((await queue.getJob(idOf(jobs[2])))?.data).toEqual(jobs[2]);
    const order: number[] = [];
    serve(engine, async ({ training }) => void order.push(training.seed));
    while (order.length < 7) await setTimeout(20);
    expect(order).toEqual([9, 0, 1, 2, 3, 4, 5]);
  });

  test('is followed until the store has every result, whoever puts it there, and keeps nothing that is done', async () => {
    const { engine, queue } = fresh();
    const results = store();
    await finish(results, jobs[0]);
    const done: number[] = [];
    serve(
      engine,
      async (job) => {
        done.push(job.training.seed);
        await finish(results, job);
      },
      2,
    );
    const said: string[] = [];
    const options = { store: results, priority: 100, say: (line: string) => void said.push(line), signal };
    expect(await haveDone(queue, jobs, options)).toEqual(new Map());
    expect(done.sort()).toEqual([1, 2, 3, 4, 5]);
    expect(said.at(-1)).toBe('6 of 6 jobs done');
    // What the store has lost is done again.
    await results.remove(KEYS.training(jobs[3].training));
    expect(await haveDone(queue, jobs, options)).toEqual(new Map());
    expect(done).toEqual([1, 2, 3, 4, 5, 3]);
  });

  test('holds no training twice, also where it is to be measured otherwise: what is missing comes behind it', async () => {
    const { engine, queue } = fresh();
    const results = store();
    const withMeasure = (kind: 'trace' | 'eigenvalue') =>
      distinctJobs(expandPlan(tinyPlan({ seeds: [0, 1], measures: [{ kind }] }), SETTING));
    let trainings = 0;
    serve(
      engine,
      async (job) => {
        await setTimeout(200);
        if (!(await results.read(KEYS.training(job.training)))) trainings++;
        await finish(results, job);
        for (const measure of job.measures) {
          await results.write(KEYS.measure(job.training, measure), encodeJson({}));
        }
      },
      2,
    );
    const options = { store: results, priority: 100, say: () => {}, signal, giveOutEvery: 1000 };
    const outcomes = (['trace', 'eigenvalue'] as const).map((kind) =>
      haveDone(queue, withMeasure(kind), options),
    );
    expect(await Promise.all(outcomes)).toEqual([new Map(), new Map()]);
    expect(trainings).toBe(2);
    expect(await results.list('results/')).toHaveLength(6);
  });

  test('is followed where its Redis does not let users ask who listens', async () => {
    const { engine, queue } = fresh();
    const client = new Redis(redis.url);
    closing.push(() => client.quit());
    await client.call('ACL', 'SETUSER', 'guest', 'on', '>pass', '~*', '&*', '+@all', '-client|list');
    const url = redis.url.replace(/\/\/.*@/, '//guest:pass@');
    const guest = openQueue(url, engine, signal, () => {});
    closing.push(() => guest.close());
    await expect(guest.getWorkersCount()).rejects.toThrow(/^NOPERM/);
    const results = store();
    serve(engine, (job) => finish(results, job));
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    expect(await haveDone(guest, jobs, { store: results, priority: 100, say, signal })).toEqual(new Map());
    expect(said.filter((line) => line.includes('no worker'))).toEqual([]);
    expect(await queue.getWorkersCount()).toBe(1);
  });

  test('says so where jobs leave the queue and their results are not in the store', async () => {
    const { engine, queue } = fresh();
    const results = store();
    const elsewhere = store();
    let tries = 0;
    serve(engine, (job) => finish(++tries > 3 ? results : elsewhere, job));
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    const options = { store: results, priority: 100, say, signal, giveOutEvery: 100 };
    expect(await haveDone(queue, jobs.slice(0, 3), options)).toEqual(new Map());
    expect(tries).toBe(6);
    expect(said.filter((line) => line.includes('neither'))).toEqual([
      '3 of the jobs given out are neither in the queue nor in the store, and are given out again: ' +
        'did Redis lose them, or have its workers another --store?',
    ]);
  });

  test('refuses a value that is no job, or stands under another address, without running it or trying again', async () => {
    const { engine, queue } = fresh();
    const ran: unknown[] = [];
    await queue.add('evil', { command: 'rm' } as unknown as Job, { jobId: 'evil', attempts: 5 });
    await queue.add('other', jobs[1], { jobId: idOf(jobs[0]), attempts: 5 });
    serve(engine, async (job) => void ran.push(job));
    while ((await queue.getFailedCount()) < 2) await setTimeout(20);
    for (const { failedReason, attemptsMade } of await queue.getFailed()) {
      expect(failedReason).toBe('its value is no job, or not of the training that its address is of');
      expect(attemptsMade).toBe(1);
    }
    expect(ran).toEqual([]);
  });

  test('tells why a job failed for good, and tries it again when it is asked for again', async () => {
    const { engine, queue } = fresh();
    const results = store();
    let broken = true;
    await queue.add('once', jobs[0], { jobId: idOf(jobs[0]), attempts: 1 });
    serve(engine, async (job) => {
      if (broken) throw new JobFailed('The disk is full.');
      await finish(results, job);
    });
    const options = { store: results, priority: 100, say: () => {}, signal };
    expect([...(await haveDone(queue, jobs.slice(0, 1), options))]).toEqual([[jobs[0], 'The disk is full.']]);
    broken = false;
    expect(await haveDone(queue, jobs.slice(0, 1), options)).toEqual(new Map());
  });

  test('gives a job whose process dies to a fresh one, after a pause', async () => {
    const { engine, queue } = fresh();
    let tries = 0;
    const { seen } = serve(engine, async () => {
      if (++tries === 1) throw new WorkerDied('its process ended by SIGKILL');
    });
    const opts = {
      jobId: idOf(jobs[0]),
      attempts: 5,
      backoff: { type: 'fixed', delay: 100 },
      removeOnComplete: true,
    };
    await queue.add('dying', jobs[0], opts);
    while (tries < 2 || (await queue.getJob(idOf(jobs[0])))) await setTimeout(20);
    expect(seen.started).toBe(2);
    expect(seen.said).toContain('Failed: dying: its process ended by SIGKILL');
  });

  test('has a job back whose worker drains, for the next at once, without counting it as failed', async () => {
    const { engine, queue } = fresh();
    await giveOut(queue, jobs.slice(0, 2), 100);
    let begun = 0;
    const first = serve(engine, () => {
      begun++;
      return new Promise(() => {});
    });
    while (begun === 0) await setTimeout(20);
    await first.stop();
    expect(first.seen).toMatchObject({ started: 1, interrupted: 1, ended: 1 });
    expect(begun).toBe(1);
    expect(await queue.getJobCountByTypes('prioritized')).toBe(2);
    expect((await queue.getJob(idOf(jobs[0])))?.attemptsMade).toBe(0);
    let done = 0;
    serve(engine, async () => void done++);
    while (done < 2) await setTimeout(20);
  });

  test('interrupts a job whose lock is lost, leaves it to whoever takes it, and does the next', async () => {
    const { engine, queue } = fresh();
    await giveOut(queue, jobs.slice(0, 1), 100);
    const id = idOf(jobs[0]);
    let begun = 0;
    const { seen } = serve(engine, () => (++begun === 1 ? new Promise(() => {}) : Promise.resolve()));
    while (begun === 0) await setTimeout(20);
    const client = new Redis(redis.url);
    await client.del(queue.toKey(`${id}:lock`));
    client.disconnect();
    while (seen.interrupted === 0) await setTimeout(50);
    // Nobody else is there, so that it comes back once it counts as stalled.
    while (begun < 2 || (await queue.getJob(id))) await setTimeout(50);
    expect(seen).toMatchObject({ started: 1, interrupted: 1 });
    expect(seen.said).toContain(
      'Left to others: SimpleVGG, batch size 16, seed 0: nothing was heard of this worker for too long',
    );
    expect(seen.said.filter((line) => line.startsWith('Failed'))).toEqual([]);
  });

  test('that goes away keeps no sweep that waits for it from being interrupted', async () => {
    const gone = await startRedis(mkdtempSync(join(root, 'gone ')));
    const controller = new AbortController();
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    const queue = openQueue(gone.url, { name: 'wasm', version: 'gone' }, controller.signal, say);
    await queue.waitUntilReady();
    await gone.stop();
    const followed = haveDone(queue, jobs, { store: store(), priority: 100, say, signal: controller.signal });
    const outcome = expect(followed).rejects.toThrow(Interrupted);
    await setTimeout(1500);
    controller.abort(new Interrupted('enough'));
    await outcome;
    expect(said).toContainEqual(expect.stringMatching(/^Redis: /));
    expect(new Set(said).size).toBe(said.length);
    await queue.close();
  });

  test('that cannot be reached is one line that shows no password', async () => {
    await expect(demandRedis(redis.url.replace('a%20secret', 'wrong'))).rejects.toThrow(
      /^Redis at 127.0.0.1:\d+ cannot be used \(WRONGPASS.*\): see to --queue\.$/,
    );
    await expect(demandRedis('redis://:secret@127.0.0.1:1')).rejects.toThrow(
      /^Redis at 127.0.0.1:1 cannot be used \((?!.*secret).*\): see to --queue\.$/,
    );
    await demandRedis(redis.url);
  });
});
