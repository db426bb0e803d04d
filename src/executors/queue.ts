import { setTimeout } from 'node:timers/promises';
import { Queue, type RedisOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { contentId } from '../jobs/canonical';
import { jobId, jobLabel, type Job } from '../jobs/job';
import { KEYS, measureKey } from '../jobs/result';
import { trainingId, type EngineId } from '../jobs/training';
import { messageOf, UserError } from '../support/errors';
import { nextTurn } from '../support/next-turn';
import { onceAnOutage } from '../support/outages';
import { placeOf } from '../support/redis-url';
import { ATTEMPTS, JobFailed, type Executor } from './executor';
import { isTrained } from './run-job';
import type { ResultStore } from './store';

// Jobs wait in a queue of BullMQ on Redis, each under its id, so that no job is under way twice. Redis holds what is to
// be done; what is done, the store alone says.

/** The queue of an engine's jobs: workers of another engine or version do not see them. */
export function queueName({ name, version }: EngineId): string {
  return `sharp-minima-${contentId({ name, version }).slice(0, 16)}`;
}

/** How BullMQ reaches Redis: a connection that is lost is tried again until it is there, or the signal says to stop. */
export function connectionTo(url: string, signal: AbortSignal): RedisOptions {
  return {
    url,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (signal.aborted ? null : Math.min(100 * times, MAX_RECONNECT_PAUSE)),
  };
}

/** The longest pause before a lost connection is tried again, in ms. */
const MAX_RECONNECT_PAUSE = 2000;

/**
 * Makes sure that a Redis can be reached before anything waits for it.
 *
 * @param url redis://user:password@host:port/number, or rediss:// for TLS.
 * @throws UserError if there is none; it does not show the password.
 */
export async function demandRedis(url: string): Promise<void> {
  const place = placeOf(url);
  const client = new Redis(url, { lazyConnect: true, connectTimeout: 5000, retryStrategy: () => null });
  // The call fails, too, but does not tell why.
  let cause: unknown;
  client.on('error', (error) => (cause ??= error));
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw new UserError(`Redis at ${place} cannot be used (${messageOf(cause ?? error)}): check --queue.`);
  } finally {
    client.disconnect();
  }
}

/**
 * Opens the queue of an engine's jobs. A connection that is lost is opened again; until then, calls wait.
 *
 * @param say receives a line for each outage.
 */
export function openQueue(
  url: string,
  engine: EngineId,
  signal: AbortSignal,
  say: (line: string) => void,
): Queue<Job> {
  const queue = new Queue<Job>(queueName(engine), { connection: connectionTo(url, signal) });
  queue.on('error', troubleWith(say, signal));
  return queue;
}

/** Reports errors of Redis, unless the signal is the cause. */
export function troubleWith(say: (line: string) => void, signal: AbortSignal): (error: Error) => void {
  const onError = onceAnOutage((message) => say(`Redis: ${message}`));
  return (error) => {
    if (!signal.aborted) onError(error);
  };
}

/** The first pause before a job is tried again, in ms. */
const FIRST_PAUSE = 5000;
/** Jobs added to the queue per Redis call. */
const BULK_ADD_CHUNK = 500;
/** The pause between two looks at queue and store, in ms; a store that is slow is looked at less often. */
const LOOK_INTERVAL = 1000;
const LOOK_SHARE = 10;
/** States of a job in a queue: it leaves the queue when it is done. */
const STATES = ['active', 'wait', 'prioritized', 'delayed', 'failed'] as const;

/** How a queue is used. */
export interface QueueOptions {
  readonly store: ResultStore;
  /** 1 is taken first. */
  readonly priority: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Pending {
  readonly job: Job;
  readonly keys: readonly string[];
  isAdded: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Has jobs done by whoever serves a queue. What Redis loses meanwhile is added again.
 *
 * Where the signal is aborted, or Redis or the store is gone, all jobs fail with that; they stay in the queue.
 */
export function throughQueue(queue: Queue<Job>, { store, priority, say, signal }: QueueOptions): Executor {
  const pending = new Map<string, Pending>();
  let watching: Promise<void> | undefined;
  let lastState = '';
  let finished = 0;

  async function add(jobs: readonly Pending[]): Promise<void> {
    const entries = jobs.map(({ job }) => ({
      name: jobLabel(job),
      data: job,
      opts: {
        jobId: jobId(job),
        priority,
        attempts: ATTEMPTS,
        backoff: { type: 'exponential', delay: FIRST_PAUSE, jitter: 0.5 },
        // The store says what is done, so that what it lost can be done again.
        removeOnComplete: true,
        removeOnFail: false,
      },
    }));
    for (let from = 0; from < entries.length; from += BULK_ADD_CHUNK) {
      await queue.addBulk(entries.slice(from, from + BULK_ADD_CHUNK));
    }
    for (const one of jobs) one.isAdded = true;
  }

  async function look(): Promise<number> {
    const fresh = [...pending.values()].filter(({ isAdded }) => !isAdded);
    if (fresh.length > 0) {
      // One that failed in an earlier run is tried again.
      const ids = new Set(fresh.map(({ job }) => jobId(job)));
      for (const { id } of await queue.getFailed()) if (ids.has(id!)) await queue.remove(id!);
      await add(fresh);
    }
    // The queue before the store: what has left the queue by now has its results there.
    const queued = new Set(await queue.getRanges([...STATES], 0, -1));
    const begun = performance.now();
    const names = new Set(await store.list(KEYS.results));
    const took = performance.now() - begun;
    for (const { id, failedReason } of await queue.getFailed()) {
      settle(id!, (one) => one.reject(new JobFailed(failedReason)));
    }
    const gone = [...pending].filter(([id, one]) => one.isAdded && !queued.has(id) && !fresh.includes(one));
    const lost: Pending[] = [];
    for (const [id, one] of gone) {
      if (await isDone(one, names)) settle(id, () => one.resolve());
      else lost.push(one);
    }
    if (lost.length > 0) {
      say(
        `${lost.length} jobs are neither in the queue nor in the store, and are added again: did Redis lose them, or ` +
          'have its workers another --store?',
      );
      await add(lost);
    }
    const nobody = pending.size > 0 && !(await someoneListens(queue)) ? '; no worker listens' : '';
    const state = `${finished} jobs done through the queue, ${pending.size} under way or waiting${nobody}`;
    if (state !== lastState) say(state);
    lastState = state;
    return took;
  }

  async function isDone({ job, keys }: Pending, names: ReadonlySet<string>): Promise<boolean> {
    if (keys.every((key) => names.has(key))) return true;
    // Of snapshots that are beyond the end there will be none.
    return 'train' in job && isTrained({ store }, job);
  }

  function settle(id: string, how: (one: Pending) => void): void {
    const one = pending.get(id);
    if (!one) return;
    pending.delete(id);
    finished++;
    how(one);
  }

  async function watch(): Promise<void> {
    try {
      // Jobs that are asked for one after the other in a turn are added together.
      await nextTurn();
      while (pending.size > 0) {
        signal.throwIfAborted();
        const took = await look();
        await setTimeout(Math.max(LOOK_INTERVAL, LOOK_SHARE * took), undefined, { signal }).catch(() => {});
      }
    } catch (error) {
      const reason = signal.aborted ? signal.reason : error;
      for (const id of [...pending.keys()]) settle(id, (one) => one.reject(reason));
    } finally {
      watching = undefined;
    }
  }

  return {
    slots: Infinity,
    run: (job, progress) =>
      new Promise((resolve, reject) => {
        const id = jobId(job);
        pending.set(id, { job, keys: keysOf(job), isAdded: false, resolve, reject });
        const leave = () => settle(id, (one) => one.reject(progress.signal!.reason));
        progress.signal?.addEventListener('abort', leave, { once: true });
        watching ??= watch();
      }),
    async close() {
      await watching;
      await queue.close();
    },
  };
}

/** Names of the results of a job. */
function keysOf(job: Job): string[] {
  if ('measure' in job) return [measureKey(job.measure)];
  const id = trainingId(job.train);
  return [KEYS.training(id), ...(job.snapshots ?? []).map((step) => KEYS.snapshot(id, step))];
}

/** Whether some worker listens to a queue; where a Redis does not let its users ask, one may. */
async function someoneListens(queue: Queue<Job>): Promise<boolean> {
  try {
    return (await queue.getWorkersCount()) > 0;
  } catch (error) {
    if (messageOf(error).startsWith('NOPERM')) return true;
    throw error;
  }
}
