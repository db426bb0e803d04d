import { setTimeout } from 'node:timers/promises';
import { Queue, type RedisOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { messageOf, UserError } from '../errors';
import { contentId } from './canonical';
import { trainingId, trainingLabel, type Job, type SweepEngine } from './job';
import { onceAnOutage } from './outages';
import { placeOf } from './redis-url';
import { isDone, KEYS } from './results';
import type { ResultStore } from './store';

// Jobs wait in a queue of BullMQ on Redis, each under its training's address, so that no training is under way twice,
// whatever is to be measured of it. Redis holds what is to be done; what is done, the store alone says.

/** Where an engine's jobs wait: a worker hears of no others. */
export function queueName(engine: SweepEngine): string {
  return `sharp-minima-${contentId(engine).slice(0, 16)}`;
}

/** How BullMQ reaches Redis: a connection that is lost is tried again until it is there, or the signal says to stop. */
export function connectionTo(url: string, signal: AbortSignal): RedisOptions {
  return {
    url,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (signal.aborted ? null : Math.min(100 * times, MOST_BETWEEN_TRIES)),
  };
}

/** In ms. */
const MOST_BETWEEN_TRIES = 2000;

/**
 * Makes sure of a Redis before anything waits for it.
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
    throw new UserError(`Redis at ${place} cannot be used (${messageOf(cause ?? error)}): see to --queue.`);
  } finally {
    client.disconnect();
  }
}

/**
 * Opens the queue of an engine's jobs. A connection that is lost comes again; until then, calls wait.
 *
 * @param say told of each outage once.
 */
export function openQueue(
  url: string,
  engine: SweepEngine,
  signal: AbortSignal,
  say: (line: string) => void,
): Queue<Job> {
  const queue = new Queue<Job>(queueName(engine), { connection: connectionTo(url, signal) });
  queue.on('error', troubleWith(say, signal));
  return queue;
}

/** Says what is wrong with Redis, unless the signal is the cause. */
export function troubleWith(say: (line: string) => void, signal: AbortSignal): (error: Error) => void {
  const onError = onceAnOutage((message) => say(`Redis: ${message}`));
  return (error) => {
    if (!signal.aborted) onError(error);
  };
}

/** How often a job is tried whose process dies or whose store cannot be reached, and the first pause before the next. */
const ATTEMPTS = 5;
const FIRST_PAUSE = 5000;
/** Of one call. */
const TOGETHER = 500;

/** Where a job stands in a queue. */
function placeIn({ training }: Job): string {
  return trainingId(training);
}

/**
 * Puts jobs into a queue, in order. Those whose training is there already stay as they are, whatever is to be measured of
 * it and whatever their priority.
 *
 * @param priority 1 is taken first.
 */
export async function giveOut(queue: Queue<Job>, jobs: readonly Job[], priority: number): Promise<void> {
  const entries = jobs.map((job) => ({
    name: trainingLabel(job.training),
    data: job,
    opts: {
      jobId: placeIn(job),
      priority,
      attempts: ATTEMPTS,
      backoff: { type: 'exponential', delay: FIRST_PAUSE, jitter: 0.5 },
      // The store says what is done, so that what it lost can be done again.
      removeOnComplete: true,
      removeOnFail: false,
    },
  }));
  for (let from = 0; from < entries.length; from += TOGETHER) {
    await queue.addBulk(entries.slice(from, from + TOGETHER));
  }
}

/** Takes those of some jobs out of a queue that have failed there, so that they can be given out as if they never had. */
async function takeBack(queue: Queue<Job>, jobs: readonly Job[]): Promise<void> {
  const wanted = new Set(jobs.map(placeIn));
  for (const { id } of await queue.getFailed()) if (wanted.has(id!)) await queue.remove(id!);
}

/** Why jobs failed, by where they stand, of those that will not be tried again. */
async function failuresOf(queue: Queue<Job>, jobs: readonly Job[]): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set(jobs.map(placeIn));
  const failed = await queue.getFailed();
  return new Map(
    failed.filter(({ id }) => wanted.has(id!)).map(({ id, failedReason }) => [id!, failedReason]),
  );
}

/** How a queue is followed. */
export interface FollowOptions {
  readonly store: ResultStore;
  readonly priority: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** How often what the store still lacks is given out again, in ms; every minute where it is not said. */
  readonly giveOutEvery?: number;
}

/** How often the store is looked at, in ms. */
const LOOK_EVERY = 2000;
const GIVE_OUT_EVERY = 60_000;

/**
 * Has jobs done by whoever listens to a queue, and waits for their results. What Redis may have lost meanwhile is given out
 * again.
 *
 * @returns the jobs that failed, and why.
 * @throws the signal's reason, also where Redis or the store is gone; the jobs stay in the queue then.
 */
export async function haveDone(
  queue: Queue<Job>,
  jobs: readonly Job[],
  options: FollowOptions,
): Promise<ReadonlyMap<Job, string>> {
  try {
    return await follow(queue, jobs, options);
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  }
}

async function follow(
  queue: Queue<Job>,
  jobs: readonly Job[],
  { store, priority, say, signal, giveOutEvery = GIVE_OUT_EVERY }: FollowOptions,
): Promise<ReadonlyMap<Job, string>> {
  await takeBack(queue, jobs);
  let given = -Infinity;
  let last = '';
  for (;;) {
    signal.throwIfAborted();
    const names = new Set(await store.list(KEYS.results));
    const pending = jobs.filter((job) => !isDone(job, names));
    if (performance.now() - given > giveOutEvery) {
      await giveOut(queue, pending, priority);
      given = performance.now();
    }
    const failures = await failuresOf(queue, pending);
    const state = `${jobs.length - pending.length} of ${jobs.length} jobs done${failures.size ? `, ${failures.size} failed` : ''}`;
    const nobody = (await queue.getWorkersCount()) === 0 ? '; no worker listens' : '';
    if (state + nobody !== last) say(`${state}${nobody}`);
    last = state + nobody;
    if (failures.size === pending.length) {
      return new Map(pending.map((job) => [job, failures.get(placeIn(job))!]));
    }
    await setTimeout(LOOK_EVERY, undefined, { signal }).catch(() => {});
  }
}
