import { settled } from '../support/settled';
import { messageOf } from '../support/errors';
import type { Job } from './job';
import { JobFailed, WorkerDied, type WorkerProcess } from './worker-process';

/** What has jobs done. */
export type Worker = Pick<WorkerProcess, 'run' | 'interrupt' | 'end'>;

export interface PoolOptions {
  /** Worker processes side by side, at most. */
  readonly workers: number;
  readonly start: () => Promise<Worker>;
  /** Where it is aborted, jobs under way are stored as far as they are, and no others begun. */
  readonly signal?: AbortSignal;
  readonly onImages?: (job: Job, images: number, note: string) => void;
  /** @param failure why it could not be done, in one line, if so. */
  readonly onEnd?: (job: Job, failure?: string) => void;
}

/** How often a job is given out whose worker process dies. */
const ATTEMPTS = 3;

/**
 * Has jobs done by worker processes, each one job at a time, in order. A job whose process dies is given to a fresh one,
 * up to three times in all; one that fails is left, and the others go on.
 *
 * @throws Interrupted where the signal says so; whatever keeps workers from starting.
 */
export async function runJobs(jobs: readonly Job[], options: PoolOptions): Promise<void> {
  const { start, onImages, onEnd } = options;
  const waiting = jobs.map((job) => ({ job, deaths: 0 }));
  const stopping = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stopping.signal]) : stopping.signal;

  const open = new Set<Worker>();
  signal.addEventListener('abort', () => open.forEach((worker) => worker.interrupt()));

  async function work(): Promise<void> {
    let worker: Worker | undefined;
    try {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const { job } = next;
        try {
          signal.throwIfAborted();
          open.add((worker ??= await start()));
          // It may have been aborted while the worker started.
          signal.throwIfAborted();
          await worker.run(job, { onImages: (images, note) => onImages?.(job, images, note) });
          onEnd?.(job);
        } catch (error) {
          if (error instanceof JobFailed) onEnd?.(job, error.message);
          else if (error instanceof WorkerDied) {
            if (worker) open.delete(worker);
            worker = undefined;
            if (++next.deaths < ATTEMPTS) waiting.unshift(next);
            else onEnd?.(job, `${messageOf(error)}, ${ATTEMPTS} times`);
          } else throw error;
        }
      }
    } catch (error) {
      // What ends one ends all.
      stopping.abort(error);
      throw error;
    } finally {
      await worker?.end();
    }
  }

  const outcomes = Array.from({ length: Math.min(options.workers, jobs.length) }, work);
  try {
    await settled(outcomes);
  } catch (error) {
    throw stopping.signal.reason ?? error;
  }
}
