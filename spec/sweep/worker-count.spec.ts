import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EngineInfo } from '../../src/engine/engine';
import { Interrupted } from '../../src/support/errors';
import { fastestCount, ratesTogether, rememberedCount } from '../../src/sweep/worker-count';
import { JobFailed, WorkerDied } from '../../src/sweep/worker-process';

const ignore = () => {};

describe('the number of workers', () => {
  test('is the fastest of 1, 2, 4, … and the most, where more bring more up to some number and then no more', async () => {
    const most = fc.integer({ min: 1, max: 64 });
    await fc.assert(
      fc.asyncProperty(most, fc.integer({ min: 1, max: 100 }), async (limit, best) => {
        const tried: number[] = [];
        const { workers, rates } = await fastestCount(
          limit,
          async (count) => {
            tried.push(count);
            const training = 100 * Math.min(count, best) - Math.max(0, count - best);
            return { training, evaluation: 4 * training };
          },
          ignore,
        );
        const all = [1, 2, 4, 8, 16, 32, 64].filter((count) => count < limit).concat(limit);
        const speed = (count: number) => 100 * Math.min(count, best) - Math.max(0, count - best);
        expect(speed(workers)).toBeGreaterThanOrEqual(Math.max(...all.map(speed)) / 1.05);
        expect(rates.training).toBe(speed(workers));
        expect(Math.max(...tried)).toBeLessThanOrEqual(limit);
        // None is tried beyond the first that is no better.
        expect(tried.filter((count) => count > workers).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('is the last that could work, where more cannot, and none where one cannot or it is interrupted', async () => {
    const failing = (error: Error, from: number) => async (count: number) => {
      if (count >= from) throw error;
      return { training: count, evaluation: count };
    };
    const said: string[] = [];
    const dead = new WorkerDied('its process ended by SIGKILL');
    const { workers } = await fastestCount(16, failing(dead, 4), (line) => said.push(line));
    expect(workers).toBe(2);
    expect(said).toEqual(['4 workers side by side cannot work here: its process ended by SIGKILL']);
    await expect(fastestCount(16, failing(dead, 1), ignore)).rejects.toThrow(dead);
    const interrupted = new Interrupted('enough');
    await expect(fastestCount(16, failing(interrupted, 2), ignore)).rejects.toThrow(interrupted);
  });

  const cache = mkdtempSync(join(tmpdir(), 'sharp minima '));
  afterAll(() => rmSync(cache, { recursive: true }));
  const info: EngineInfo = {
    name: 'wasm',
    version: '1',
    device: 'CPU',
    gpu: false,
    threads: 1,
    workers: 2,
  };

  test('is measured once for an engine, a machine and a limit, and again where the notes are damaged', async () => {
    let measured = 0;
    const count = (of: EngineInfo, most: number) =>
      rememberedCount(join(cache, 'new'), of, most, async () => ({
        workers: ++measured,
        rates: { training: 1, evaluation: 2 },
      }));
    expect((await count(info, 4)).workers).toBe(1);
    expect((await count(info, 4)).workers).toBe(1);
    expect((await count({ ...info, threads: 2 }, 4)).workers).toBe(2);
    expect((await count({ ...info, version: '2' }, 4)).workers).toBe(3);
    expect((await count(info, 8)).workers).toBe(4);
    expect((await count(info, 4)).workers).toBe(1);
    writeFileSync(join(cache, 'new', 'sweep-workers.json'), '{"broken"');
    expect((await count(info, 4)).workers).toBe(5);
  });
});

describe('the rates of workers side by side', () => {
  /** Workers, of which one may not start or not work; with a signal to be waited for, all work until they are killed. */
  const workers = (fault: { start?: number; work?: number }, waiting?: AbortController) => {
    const seen = { started: 0, ended: 0, killed: 0 };
    const start = async () => {
      const index = ++seen.started;
      if (index === fault.start) throw new WorkerDied('it did not start');
      let die: ((error: Error) => void) | undefined;
      return {
        async measureRates() {
          if (index === fault.work) throw new JobFailed('no room');
          if (waiting && index === 3) setImmediate(() => waiting.abort(new Interrupted('enough')));
          if (waiting) await new Promise((_, reject) => (die = reject));
          return { training: 1, evaluation: 2 };
        },
        end: async () => void seen.ended++,
        kill() {
          seen.killed++;
          die?.(new WorkerDied('killed'));
        },
      };
    };
    return { start, seen };
  };
  const { signal } = new AbortController();

  test('are their sum, and end every worker that was started, whichever fails', async () => {
    const good = workers({});
    expect(await ratesTogether(3, good.start, signal)).toEqual({ training: 3, evaluation: 6 });
    expect(good.seen).toEqual({ started: 3, ended: 3, killed: 0 });
    const lame = workers({ start: 2 });
    await expect(ratesTogether(3, lame.start, signal)).rejects.toThrow('it did not start');
    expect(lame.seen).toEqual({ started: 3, ended: 2, killed: 0 });
    const full = workers({ work: 2 });
    await expect(ratesTogether(3, full.start, signal)).rejects.toThrow('no room');
    expect(full.seen).toEqual({ started: 3, ended: 3, killed: 0 });
  });

  test('interrupted are not waited for', async () => {
    const controller = new AbortController();
    const slow = workers({}, controller);
    await expect(ratesTogether(4, slow.start, controller.signal)).rejects.toThrow(Interrupted);
    expect(slow.seen).toMatchObject({ started: 4, ended: 4, killed: 4 });
    const late = workers({});
    await expect(ratesTogether(4, late.start, controller.signal)).rejects.toThrow(Interrupted);
    expect(late.seen.started).toBe(0);
  });
});
