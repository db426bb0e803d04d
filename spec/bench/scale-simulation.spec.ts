import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { earliestFirst } from '../../bench/earliest-first';
import { simulate, type ScaleSetting } from '../../bench/scale-simulation';

// Whole seconds throughout, where sums are to be exact.

/** Nothing but training. */
const BARE: Omit<ScaleSetting, 'jobs' | 'workers' | 'epochSeconds'> = {
  startUpSeconds: 0,
  aroundSeconds: 0,
  checkpointSeconds: 0,
  queue: { operations: 3, operationSeconds: 0, beatsPerSecond: 0 },
  store: { checkpointBytes: 0, resultBytes: 0, requests: 0 },
  hoursBetweenLosses: Infinity,
  takeoverSeconds: 10,
};

const equal = (count: number, seconds: number) => Array.from({ length: count }, () => seconds);
const counts = fc.integer({ min: 1, max: 60 });
const seconds = fc.integer({ min: 1, max: 1000 });
const total = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value, 0);

const anySetting: fc.Arbitrary<ScaleSetting> = fc.record({
  jobs: fc.array(seconds, { minLength: 1, maxLength: 60 }),
  workers: counts,
  epochSeconds: fc.integer({ min: 1, max: 300 }),
  startUpSeconds: fc.integer({ min: 0, max: 30 }),
  aroundSeconds: fc.integer({ min: 0, max: 5 }),
  checkpointSeconds: fc.integer({ min: 0, max: 2 }),
  queue: fc.record({
    operations: fc.integer({ min: 0, max: 5 }),
    operationSeconds: fc.constantFrom(0, 1),
    beatsPerSecond: fc.constantFrom(0, 0.4),
  }),
  store: fc.record({
    checkpointBytes: fc.integer({ min: 0, max: 1000 }),
    resultBytes: fc.integer({ min: 0, max: 1000 }),
    requests: fc.integer({ min: 0, max: 10 }),
  }),
  hoursBetweenLosses: fc.constantFrom(0.2, 1, Infinity),
  takeoverSeconds: fc.integer({ min: 0, max: 20 }),
});

describe('what comes earliest first', () => {
  test('comes in the order of times, and as it was added within one time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (times) => {
        const waiting = earliestFirst<number>();
        times.forEach((time, turn) => waiting.add(time, turn));
        const taken = times.map(() => waiting.take()!);
        const sorted = times
          .map((time, value) => ({ time, value }))
          .sort((one, other) => one.time - other.time);
        expect(taken).toEqual(sorted);
        expect([waiting.size, waiting.take()]).toEqual([0, undefined]);
      }),
    );
  });
});

describe('the simulation of a sweep', () => {
  test('has equal jobs done in so many waves as it takes', () => {
    fc.assert(
      fc.property(counts, counts, seconds, seconds, (jobs, workers, each, epochSeconds) => {
        const { makespan } = simulate({ ...BARE, jobs: equal(jobs, each), workers, epochSeconds }, 0);
        expect(makespan).toBe(Math.ceil(jobs / workers) * each);
      }),
    );
  });

  test('adds a start for each worker, and what is around a job and a checkpoint for each of them', () => {
    fc.assert(
      fc.property(counts, counts, counts, (jobs, workers, epochs) => {
        const setting = { ...BARE, startUpSeconds: 7, aroundSeconds: 3, checkpointSeconds: 2 };
        const { makespan } = simulate(
          { ...setting, jobs: equal(jobs, 10 * epochs), workers, epochSeconds: 10 },
          0,
        );
        expect(makespan).toBe(7 + Math.ceil(jobs / workers) * (12 * epochs + 3));
      }),
    );
  });

  test("accounts for every second of every worker, and for every job's work once", () => {
    fc.assert(
      fc.property(anySetting, fc.integer(), (setting, seed) => {
        const { makespan, workerSeconds } = simulate(setting, seed);
        expect(total(Object.values(workerSeconds))).toBeCloseTo(setting.workers * makespan, 3);
        expect(workerSeconds.work).toBeCloseTo(total(setting.jobs), 3);
        for (const spent of Object.values(workerSeconds)) expect(spent).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('is the same under the same seed, and another under another', () => {
    const setting = { ...BARE, jobs: equal(50, 3600), workers: 5, epochSeconds: 60, hoursBetweenLosses: 2 };
    expect(simulate(setting, 1)).toEqual(simulate(setting, 1));
    expect(simulate(setting, 1)).not.toEqual(simulate(setting, 2));
  });

  test('loses half an epoch and the takeover with each loss, about', () => {
    const [hours, epochSeconds] = [1000, 100];
    const setting = { ...BARE, jobs: [hours * 3600], workers: 1, epochSeconds, hoursBetweenLosses: 1 };
    const { makespan, losses, workerSeconds } = simulate(setting, 3);
    // A Poisson number of mean 1000, and a mean of as many uniform ones: five standard errors.
    expect(Math.abs(losses - hours)).toBeLessThan(5 * Math.sqrt(hours));
    const each = (makespan - hours * 3600) / losses;
    expect(Math.abs(each - (epochSeconds / 2 + 10))).toBeLessThan(
      (5 * epochSeconds) / Math.sqrt(12 * losses),
    );
    expect(workerSeconds.lost / losses).toBeCloseTo(each - 10, 6);
  });

  test('takes no longer with more workers, where jobs are equal', () => {
    fc.assert(
      fc.property(anySetting, counts, counts, (setting, jobs, more) => {
        const quiet = { ...setting, jobs: equal(jobs, setting.jobs[0]), hoursBetweenLosses: Infinity };
        const fewer = simulate(quiet, 0).makespan;
        expect(simulate({ ...quiet, workers: quiet.workers + more }, 0).makespan).toBeLessThanOrEqual(fewer);
      }),
    );
  });

  test('takes at least as long as the longest job and as all of them shared out, and at most both together', () => {
    fc.assert(
      fc.property(anySetting, ({ jobs, workers, epochSeconds }) => {
        const { makespan } = simulate({ ...BARE, jobs, workers, epochSeconds }, 0);
        const [longest, shared] = [Math.max(...jobs), total(jobs) / workers];
        expect(makespan).toBeGreaterThanOrEqual(Math.max(longest, shared));
        expect(makespan).toBeLessThanOrEqual(longest + shared);
      }),
    );
  });

  test('asks the queue ops·W/t times a second, and each worker for its beats', () => {
    fc.assert(
      fc.property(counts, counts, seconds, (waves, workers, each) => {
        const setting = { ...BARE, jobs: equal(waves * workers, each), workers, epochSeconds: each };
        expect(simulate(setting, 0).queueRate).toBeCloseTo((3 * workers) / each, 6);
        const beating = { ...setting, queue: { ...setting.queue, beatsPerSecond: 0.4 } };
        expect(simulate(beating, 0).queueRate).toBeCloseTo((3 * workers) / each + 0.4 * workers, 6);
      }),
    );
  });

  test('has one operation of the queue at a time', () => {
    const queue = { operations: 2, operationSeconds: 1, beatsPerSecond: 0 };
    const { makespan, workerSeconds } = simulate(
      { ...BARE, queue, jobs: equal(5, 100), workers: 5, epochSeconds: 100 },
      0,
    );
    expect(makespan).toBe(5 * 2 + 100);
    expect(workerSeconds.queue).toBe(2 + 4 + 6 + 8 + 10);
  });

  test('stores each result once and a checkpoint an epoch', () => {
    fc.assert(
      fc.property(counts, counts, counts, (jobs, workers, epochs) => {
        const store = { checkpointBytes: 20, resultBytes: 100, requests: 8 };
        const setting = { ...BARE, store, jobs: equal(jobs, 10 * epochs), workers, epochSeconds: 10 };
        const { makespan, storeBytes, peakStoreBytes, writeRate, requestRate, peakRequestRate } = simulate(
          setting,
          0,
        );
        expect(storeBytes).toBe(100 * jobs);
        expect(peakStoreBytes).toBeLessThanOrEqual(100 * jobs + 20 * workers);
        expect(writeRate).toBeCloseTo((jobs * (100 + 20 * epochs)) / makespan, 6);
        expect(requestRate).toBeCloseTo((jobs * (8 + epochs)) / makespan, 6);
        // All that run side by side end in the same second.
        expect(peakRequestRate).toBe(9 * Math.min(jobs, workers));
      }),
    );
  });
});
