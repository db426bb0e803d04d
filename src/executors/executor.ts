import type { Job } from '../jobs/job';
import { runJob, type JobContext, type JobProgress } from './run-job';

/** Has jobs done: in this process, in worker processes, or by whoever serves a queue. */
export interface Executor {
  /** Jobs that may be under way at once. */
  readonly slots: number;
  /**
   * Has a job done.
   *
   * @returns once its results are in the store.
   * @throws JobFailed or UserError where trying again would not help; WorkerDied where it may; Interrupted.
   */
  run(job: Job, progress: JobProgress): Promise<void>;
  close(): Promise<void>;
}

/** A job that could not be done, for a reason that would be there the next time too. */
export class JobFailed extends Error {
  override name = 'JobFailed';
}

/** A process that ended, by itself or by a signal, before its job was done. */
export class WorkerDied extends Error {
  override name = 'WorkerDied';
}

/** How often a job is tried whose process dies. */
export const ATTEMPTS = 3;

/** Tries work again where the process that does it dies: the one retry policy of all executors. */
export async function withRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof WorkerDied)) throw error;
      if (attempt === ATTEMPTS) throw new JobFailed(`${error.message}, ${ATTEMPTS} times`);
    }
  }
}

/** Does jobs in this process, as many at once as the engine has worker threads. */
export function inThisProcess(context: JobContext): Executor {
  return {
    slots: context.compute.info.workers,
    run: (job, progress) => runJob(context, job, progress),
    close: () => context.compute.close(),
  };
}
