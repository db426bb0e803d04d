import { setTimeout } from 'node:timers/promises';
import { UnrecoverableError, WaitingError, Worker, type Job as QueuedJob } from 'bullmq';
import { jobId, jobLabel, jobSchema, type Job } from '../jobs/job';
import type { EngineId } from '../jobs/training';
import { Interrupted } from '../support/errors';
import { throttled } from '../support/throttle';
import { JobFailed, type Executor } from './executor';
import { connectionTo, queueName, troubleWith } from './queue';

/** How a machine serves a queue. */
export interface ServeOptions {
  /** See {@link demandRedis}. */
  readonly url: string;
  readonly engine: EngineId;
  /** Does the jobs, as many at once as it has slots. */
  readonly executor: Executor;
  readonly say: (line: string) => void;
  /** Where it is aborted, jobs under way are stored as far as they are, and go back into the queue for others. */
  readonly signal: AbortSignal;
}

/**
 * How long a job belongs to a worker that nothing is heard of, in ms: then another one resumes it from its last
 * checkpoint. A worker shows twice as often that it lives, from a process that does nothing else.
 */
const LOCK_DURATION = 10_000;
const STALLED_INTERVAL = 5_000;
/** In ms. */
const CLOSE_WITHIN = 5_000;
/** How often a job may be taken over; one that takes whole machines down is to end some time. */
const MAX_TAKEN_OVER = 20;

/**
 * Does the jobs of a queue as they come, until the signal is aborted. The value of a job is checked before it is run: it
 * must be a job, and its id the hash of its content.
 */
export async function serveQueue({ url, engine, executor, say, signal }: ServeOptions): Promise<void> {
  const underWay = new Set<Promise<void>>();

  /** @param lost aborted where the job may be another worker's by now. */
  async function run(queued: QueuedJob<Job>, token?: string, lost?: AbortSignal): Promise<void> {
    const parsed = jobSchema.safeParse(queued.data);
    if (!parsed.success || jobId(parsed.data) !== queued.id) {
      throw new UnrecoverableError(`job ${queued.id} is invalid: its id does not match its content`);
    }
    const job = parsed.data;
    const work = doJob(job, lost);
    underWay.add(work);
    try {
      await work;
      say(`Done: ${jobLabel(job)}`);
    } catch (error) {
      if (error instanceof JobFailed) throw new UnrecoverableError(error.message);
      if (!(error instanceof Interrupted)) throw error;
      if (lost?.aborted)
        say(`Left to others: ${jobLabel(job)}: nothing was heard of this worker for too long`);
      else await queued.moveToWait(token);
      // The job is not this worker's any more, neither to complete nor to fail.
      throw new WaitingError();
    } finally {
      underWay.delete(work);
    }
  }

  async function doJob(job: Job, lost?: AbortSignal): Promise<void> {
    const onNote = throttled(say);
    await executor.run(job, {
      onNote: (text) => onNote(`${jobLabel(job)}: ${text}`),
      signal: lost ? AbortSignal.any([signal, lost]) : signal,
    });
  }

  const listener = new Worker<Job>(queueName(engine), run, {
    connection: connectionTo(url, signal),
    concurrency: executor.slots,
    lockDuration: LOCK_DURATION,
    stalledInterval: STALLED_INTERVAL,
    maxStalledCount: MAX_TAKEN_OVER,
  });
  listener.on('error', troubleWith(say, signal));
  listener.on('lockRenewalFailed', (ids) => ids.forEach((id) => listener.cancelJob(id)));
  listener.on('failed', (queued, { message }) => say(`Failed: ${queued?.name ?? 'a job'}: ${message}`));
  listener.on('stalled', (id) =>
    say(`Job ${id} was left by its worker: it resumes from its last checkpoint.`),
  );

  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
  await listener.pause(true);
  await Promise.allSettled(underWay);
  // Where Redis is gone, BullMQ waits for it without end; a job that it does not hear of stalls, and resumes elsewhere.
  await Promise.race([listener.close(), setTimeout(CLOSE_WITHIN, undefined, { ref: false })]);
}
