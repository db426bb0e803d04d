import { setTimeout } from 'node:timers/promises';
import { Queue, type RedisOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { messageOf, UserError } from '../support/errors';
import { contentId } from './canonical';
import { trainingId, trainingLabel, type Job, type SweepEngine } from './job';
import { onceAnOutage } from './outages';
import { placeOf } from './redis-url';
import { KEYS, keysOf } from './results';
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

/** A job that is waited for, where it stands in the queue, and the names of its results. */
interface Expected {
  readonly job: Job;
  readonly place: string;
  readonly keys: readonly string[];
}

/** Where a job can stand in a queue: it leaves the queue where it is done. */
const STATES = ['active', 'wait', 'prioritized', 'delayed', 'failed'] as const;

async function placesIn(queue: Queue<Job>): Promise<ReadonlySet<string>> {
  return new Set(await queue.getRanges([...STATES], 0, -1));
}

/** Takes those of some jobs out of a queue that have failed there, so that they can be given out as if they never had. */
async function takeBack(queue: Queue<Job>, places: ReadonlySet<string>): Promise<void> {
  for (const { id } of await queue.getFailed()) if (places.has(id!)) await queue.remove(id!);
}

/** Why jobs failed, by where they stand, of those that will not be tried again. */
async function failuresIn(queue: Queue<Job>): Promise<ReadonlyMap<string, string>> {
  return new Map((await queue.getFailed()).map(({ id, failedReason }) => [id!, failedReason]));
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

/** How a queue is followed. */
export interface FollowOptions {
  readonly store: ResultStore;
  readonly priority: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** How often what the store still lacks is given out again, in ms; every minute where it is not said. */
  readonly giveOutEvery?: number;
}

const GIVE_OUT_EVERY = 60_000;
const LEAST_PAUSE = 2000;

/** How long to wait behind a look that took so long, in ms: a large store on a slow line is not asked all the time. */
export function pauseAfter(took: number): number {
  return Math.max(LEAST_PAUSE, 10 * took);
}

/**
 * Has jobs done by whoever listens to a queue, and waits for their results. What Redis may have lost meanwhile is given out
 * again, and said.
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
  const wanted: readonly Expected[] = jobs.map((job) => ({ job, place: placeIn(job), keys: keysOf(job) }));
  await takeBack(queue, new Set(wanted.map(({ place }) => place)));
  /** How many results each job lacked when it was last given out. */
  const lacked = new Map<Expected, number>();
  let given = -Infinity;
  let last = '';
  for (;;) {
    signal.throwIfAborted();
    const begun = performance.now();
    // Before the store is looked at: what has left the queue by now has its results there.
    const queued = begun - given > giveOutEvery ? await placesIn(queue) : undefined;
    const looked = performance.now();
    const names = new Set(await store.list(KEYS.results));
    const pause = pauseAfter(performance.now() - looked);
    const lacks = ({ keys }: Expected) => keys.filter((key) => !names.has(key)).length;
    const pending = wanted.filter((one) => lacks(one) > 0);
    if (queued) {
      const absent = pending.filter(({ place }) => !queued.has(place));
      const lost = absent.filter((one) => lacked.get(one) === lacks(one)).length;
      if (lost > 0) {
        say(
          `${lost} of the jobs given out are neither in the queue nor in the store, and are given out again: ` +
            'did Redis lose them, or have its workers another --store?',
        );
      }
      await giveOut(
        queue,
        absent.map(({ job }) => job),
        priority,
      );
      for (const one of absent) lacked.set(one, lacks(one));
      given = begun;
    }
    const reasons = await failuresIn(queue);
    const failed = pending.filter(({ place }) => reasons.has(place));
    const state = `${jobs.length - pending.length} of ${jobs.length} jobs done${failed.length ? `, ${failed.length} failed` : ''}`;
    const nobody = (await someoneListens(queue)) ? '' : '; no worker listens';
    if (state + nobody !== last) say(`${state}${nobody}`);
    last = state + nobody;
    if (failed.length === pending.length) {
      return new Map(failed.map(({ job, place }) => [job, reasons.get(place)!]));
    }
    await setTimeout(pause, undefined, { signal }).catch(() => {});
  }
}
