import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { JobFailed, WorkerDied, withRetries } from '../../src/executors/executor';
import { inWorkerProcesses, type WorkerProcess } from '../../src/executors/worker-process';
import type { Job } from '../../src/jobs/job';
import { Interrupted, UserError } from '../../src/support/errors';
import { settled } from '../../src/support/settled';

const JOBS = 12;
/** The executor knows nothing of jobs but that it hands them on. */
const jobs = Array.from({ length: JOBS }, (_, seed) => ({ seed }) as unknown as Job);
const seedOf = (job: Job) => (job as unknown as { seed: number }).seed;

type Fate = 'done' | 'failed' | 'died';

/** Worker processes that take some turns for a job, whose end its seed and the number of the attempt decide. */
function workersWith(
  fate: (seed: number, attempt: number) => Fate,
  turnsOf = (seed: number) => 1 + ((7 * seed) % 4),
) {
  const attempts = new Map<number, number>();
  const seen = { started: 0, open: 0, mostOpen: 0, attempts };
  const start = async () => {
    seen.started++;
    seen.mostOpen = Math.max(seen.mostOpen, ++seen.open);
    let [isBusy, isDead] = [false, false];
    return {
      async run(job, { signal }) {
        if (isBusy || isDead) throw new Error('given a job while it was at work or dead');
        signal?.throwIfAborted();
        isBusy = true;
        const seed = seedOf(job);
        const attempt = (attempts.get(seed) ?? 0) + 1;
        attempts.set(seed, attempt);
        for (let turn = 0; turn < turnsOf(seed) && !signal?.aborted; turn++) await setImmediate();
        isBusy = false;
        signal?.throwIfAborted();
        const end = fate(seed, attempt);
        if (end === 'failed') throw new JobFailed('no room');
        if (end === 'died') {
          isDead = true;
          seen.open--;
          throw new WorkerDied('its process ended by SIGKILL');
        }
      },
      async end() {
        if (!isDead) seen.open--;
      },
    } as WorkerProcess;
  };
  return { start, seen };
}

/** Has all jobs done as runStudy does: as many at once as there are slots, each tried again where its process dies. */
async function runAll(
  workers: number,
  start: () => Promise<WorkerProcess>,
  signal?: AbortSignal,
): Promise<Map<number, unknown>> {
  const executor = inWorkerProcesses(workers, start);
  const ends = new Map<number, unknown>();
  const waiting = [...jobs];
  const slot = async () => {
    for (let job = waiting.shift(); job && !signal?.aborted; job = waiting.shift()) {
      const seed = seedOf(job);
      await withRetries(() => executor.run(job!, { signal })).then(
        () => ends.set(seed, undefined),
        (error: unknown) => ends.set(seed, error),
      );
    }
  };
  await settled(Array.from({ length: executor.slots }, slot));
  await executor.close();
  return ends;
}

describe('worker processes', () => {
  test('do every job once, no more of them than there may be, whichever die and whichever fail', async () => {
    const fates = fc.array(fc.constantFrom('done', 'failed', 'died', 'died once'), {
      minLength: JOBS,
      maxLength: JOBS,
    });
    await fc.assert(
      fc.asyncProperty(fates, fc.integer({ min: 1, max: 20 }), async (fate, workers) => {
        const { start, seen } = workersWith((seed, attempt) => {
          if (fate[seed] === 'died once') return attempt === 1 ? 'died' : 'done';
          return fate[seed] as Fate;
        });
        const ends = await runAll(workers, start);
        expect(ends.size).toBe(JOBS);
        const failures: Record<string, unknown> = {
          failed: new JobFailed('no room'),
          died: new JobFailed('its process ended by SIGKILL, 3 times'),
        };
        const attempts: Record<string, number> = { done: 1, failed: 1, died: 3, 'died once': 2 };
        for (let seed = 0; seed < JOBS; seed++) {
          expect([seed, ends.get(seed)]).toEqual([seed, failures[fate[seed]]]);
          expect([seed, seen.attempts.get(seed)]).toEqual([seed, attempts[fate[seed]]]);
        }
        expect(seen.open).toBe(0);
        expect(seen.mostOpen).toBeLessThanOrEqual(workers);
      }),
      { numRuns: 50 },
    );
  });

  test('live on from job to job', async () => {
    const { start, seen } = workersWith(() => 'done');
    await runAll(3, start);
    expect(seen).toMatchObject({ started: 3, open: 0 });
  });

  test('interrupted at any moment are all ended, and begin no other job', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.integer({ min: 1, max: 4 }), async (turns, workers) => {
        // The last jobs would never end by themselves.
        const { start, seen } = workersWith(
          () => 'done',
          (seed) => (seed < 6 ? 1 : Infinity),
        );
        const controller = new AbortController();
        const outcome = runAll(workers, start, controller.signal);
        for (let turn = 0; turn < turns; turn++) await setImmediate();
        const begun = seen.attempts.size;
        const interrupted = new Interrupted('enough');
        controller.abort(interrupted);
        const ends = await outcome;
        expect([...ends.values()].filter((end) => end !== undefined)).toContain(interrupted);
        expect(seen.attempts.size).toBe(begun);
        expect(seen.open).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('that cannot start fail the job with the reason, and are not tried again', async () => {
    let starts = 0;
    const executor = inWorkerProcesses(2, () => {
      starts++;
      return Promise.reject(new UserError('No engine works here.'));
    });
    await expect(withRetries(() => executor.run(jobs[0], {}))).rejects.toThrow('No engine works here.');
    expect(starts).toBe(1);
    await executor.close();
  });
});
