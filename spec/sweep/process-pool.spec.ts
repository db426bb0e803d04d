import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Interrupted, UserError } from '../../src/support/errors';
import { distinctJobs, expandPlan } from '../../src/sweep/plan';
import type { Job } from '../../src/sweep/job';
import { runJobs, type Worker } from '../../src/sweep/process-pool';
import { JobFailed, WorkerDied } from '../../src/sweep/worker-process';
import { jobId, SETTING, tinyPlan } from '../helpers/sweeps';

const jobs = distinctJobs(
  expandPlan(tinyPlan({ seeds: Array.from({ length: 12 }, (_, seed) => seed), measures: [] }), SETTING),
);
const seedOf = (job: unknown) => (job as Job).training.seed;

/**
 * Workers that take some turns for a job, and are told how it ends by the job's seed and how often it
 * was tried.
 */
function workersWith(
  fate: (seed: number, attempt: number) => 'done' | 'failed' | 'died',
  turnsOf = (seed: number) => 1 + ((7 * seed) % 4),
) {
  const attempts = new Map<number, number>();
  const seen = { started: 0, open: 0, mostOpen: 0, attempts };
  const start = async (): Promise<Worker> => {
    seen.started++;
    seen.mostOpen = Math.max(seen.mostOpen, ++seen.open);
    let stop: (() => void) | undefined;
    let dead = false;
    return {
      async run(job) {
        if (dead || stop) throw new Error('given a job while it was dead or at work');
        const seed = seedOf(job);
        const attempt = (attempts.get(seed) ?? 0) + 1;
        attempts.set(seed, attempt);
        const interrupted = new Promise<never>((_, reject) => {
          stop = () => reject(new Interrupted('interrupted'));
        });
        const turns = async () => {
          for (let turn = 0; turn < turnsOf(seed) && stop; turn++) await setImmediate();
        };
        await Promise.race([turns(), interrupted]).finally(() => (stop = undefined));
        const end = fate(seed, attempt);
        if (end === 'failed') throw new JobFailed('no room');
        if (end === 'died') {
          dead = true;
          seen.open--;
          throw new WorkerDied('its process ended by SIGKILL');
        }
      },
      interrupt: () => stop?.(),
      async end() {
        if (!dead) seen.open--;
      },
    };
  };
  return { start, seen };
}

describe('the pool of worker processes', () => {
  test('has every job done once, by no more workers than it may have, whichever die and whichever fail', async () => {
    const fates = fc.array(fc.constantFrom('done', 'failed', 'died', 'died once'), {
      minLength: 12,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(fates, fc.integer({ min: 1, max: 20 }), async (fate, workers) => {
        const { start, seen } = workersWith((seed, attempt) => {
          if (fate[seed] === 'died once') return attempt === 1 ? 'died' : 'done';
          return fate[seed] as 'done' | 'failed' | 'died';
        });
        const ends = new Map<number, string | undefined>();
        await runJobs(jobs, {
          workers,
          start,
          onEnd(job, failure) {
            expect(ends.has(seedOf(job))).toBe(false);
            ends.set(seedOf(job), failure);
          },
        });
        expect(ends.size).toBe(jobs.length);
        const failures = {
          done: undefined,
          'died once': undefined,
          failed: 'no room',
          died: 'its process ended by SIGKILL, 3 times',
        };
        for (const [seed, failure] of ends) expect(failure).toBe(failures[fate[seed] as 'done']);
        for (const [seed, attempts] of seen.attempts) {
          expect(attempts).toBe({ done: 1, failed: 1, died: 3, 'died once': 2 }[fate[seed]]);
        }
        expect(seen.open).toBe(0);
        expect(seen.mostOpen).toBeLessThanOrEqual(workers);
      }),
      { numRuns: 50 },
    );
  });

  test('interrupted at any moment ends all workers, and begins no other job', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.integer({ min: 1, max: 4 }), async (turns, workers) => {
        // The last jobs would never end by themselves.
        const { start, seen } = workersWith(
          () => 'done',
          (seed) => (seed < 6 ? 1 : Infinity),
        );
        const controller = new AbortController();
        const pool = runJobs(jobs, { workers, start, signal: controller.signal });
        const outcome = pool.then(
          () => 'done',
          (error: Error) => error,
        );
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        const begun = seen.attempts.size;
        controller.abort(new Interrupted('enough'));
        expect(await outcome).toBeInstanceOf(Interrupted);
        expect(seen.attempts.size).toBe(begun);
        expect(seen.open).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('ends with what keeps a worker from starting, the others being interrupted', async () => {
    const { start, seen } = workersWith(
      () => 'done',
      () => Infinity,
    );
    let starts = 0;
    const pool = runJobs(jobs, {
      workers: 3,
      start: () => (++starts === 2 ? Promise.reject(new UserError('No engine works here.')) : start()),
    });
    await expect(pool).rejects.toThrow('No engine works here.');
    expect(seen.open).toBe(0);
    expect(seen.attempts.size).toBeLessThan(jobs.length);
  });

  test('of no jobs starts nothing', async () => {
    const { start, seen } = workersWith(() => 'done');
    await runJobs([], { workers: 3, start });
    expect(seen.started).toBe(0);
    expect(new Set(jobs.map(jobId)).size).toBe(12);
  });
});
