import { setTimeout } from 'node:timers/promises';
import { UnrecoverableError, WaitingError, Worker, type Job as QueuedJob } from 'bullmq';
import { Interrupted } from '../support/errors';
import type { SweepEngine } from './job';
import { jobSchema, trainingId, trainingLabel, type Job } from './job';
import { connectionTo, queueName, troubleWith } from './queue';
import { seldom } from './seldom';
import { WorkerDied, type WorkerProcess } from './worker-process';

/** How a machine serves a queue. */
export interface ServeOptions {
  /** See {@link demandRedis}. */
  readonly url: string;
  readonly engine: SweepEngine;
  /** Worker processes side by side. */
  readonly workers: number;
  readonly start: () => Promise<WorkerProcess>;
  readonly say: (line: string) => void;
  /** Where it is aborted, jobs under way are stored as far as they are, and go back into the queue for others. */
  readonly signal: AbortSignal;
}

/**
 * For how long, in ms, a job belongs to a worker that nothing is heard of: then another one takes it over from its last
 * checkpoint. A worker says twice as often that it is there, from a process that does nothing else.
 */
const LOCK = 10_000;
const LOOK_FOR_STALLED_EVERY = 5_000;
/** In ms. */
const CLOSE_WITHIN = 5_000;
/** How often a job may be taken over; one that takes whole machines down is to end some time. */
const MOST_TAKEN_OVER = 20;

/**
 * Does the jobs of a queue as they come, until the signal says so. What a job's value is, is checked before it is run: it
 * must be a job, and of the training that its address is of.
 */
export async function serveQueue(options: ServeOptions): Promise<void> {
  const { url, engine, workers, start, say, signal } = options;
  const idle: WorkerProcess[] = [];
  const busy = new Set<WorkerProcess>();
  const underWay = new Set<Promise<void>>();

  /** @param lost aborted where the job may be another worker's by now. */
  async function run(queued: QueuedJob<Job>, token?: string, lost?: AbortSignal): Promise<void> {
    const parsed = jobSchema.safeParse(queued.data);
    if (!parsed.success || trainingId(parsed.data.training) !== queued.id) {
      throw new UnrecoverableError('its value is no job, or not of the training that its address is of');
    }
    const label = trainingLabel(parsed.data.training);
    const work = runInProcess(parsed.data, lost);
    underWay.add(work);
    try {
      await work;
      say(`Done: ${label}`);
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (lost?.aborted) say(`Left to others: ${label}: nothing was heard of this worker for too long`);
      else await queued.moveToWait(token);
      // The job is not this worker's any more, neither to complete nor to fail.
      throw new WaitingError();
    } finally {
      underWay.delete(work);
    }
  }

  async function runInProcess(job: Job, lost?: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const worker = idle.pop() ?? (await start());
    busy.add(worker);
    let alive = true;
    const interrupt = () => worker.interrupt();
    lost?.addEventListener('abort', interrupt);
    try {
      // It may have been aborted while the process started.
      signal.throwIfAborted();
      if (lost?.aborted) throw new Interrupted('the job is lost');
      const sayLong = seldom(say);
      await worker.run(job, { onImages: (_, what) => sayLong(what) });
    } catch (error) {
      alive = !(error instanceof WorkerDied);
      throw error;
    } finally {
      lost?.removeEventListener('abort', interrupt);
      busy.delete(worker);
      if (alive) idle.push(worker);
    }
  }

  const listener = new Worker<Job>(queueName(engine), run, {
    connection: connectionTo(url, signal),
    concurrency: workers,
    lockDuration: LOCK,
    stalledInterval: LOOK_FOR_STALLED_EVERY,
    maxStalledCount: MOST_TAKEN_OVER,
  });
  listener.on('error', troubleWith(say, signal));
  listener.on('lockRenewalFailed', (ids) => ids.forEach((id) => listener.cancelJob(id)));
  listener.on('failed', (queued, { message }) => say(`Failed: ${queued?.name ?? 'a job'}: ${message}`));
  listener.on('stalled', (id) =>
    say(`Job ${id} was left by its worker: it goes on from its last checkpoint.`),
  );

  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
  await listener.pause(true);
  for (const worker of busy) worker.interrupt();
  await Promise.allSettled(underWay);
  // Where Redis is gone, BullMQ waits for it without end; a job that it does not hear of stalls, and goes on elsewhere.
  await Promise.race([listener.close(), setTimeout(CLOSE_WITHIN, undefined, { ref: false })]);
  await Promise.all(idle.map((worker) => worker.end()));
}
