import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EngineInfo } from '../../src/engine/engine';
import { Interrupted } from '../../src/support/errors';
import { JobFailed, WorkerDied } from '../../src/executors/executor';
import {
  fastestLayout,
  possibleLayouts,
  ratesTogether,
  rememberedLayout,
  type Layout,
} from '../../src/executors/layout';

const ignore = () => {};

const sizes = fc.integer({ min: 1, max: 64 });

test('the possible layouts are 1 process, 2, 4, … that share the cores and fit into memory', () => {
  expect(possibleLayouts(8, 4)).toEqual([
    { workers: 1, threads: 8 },
    { workers: 2, threads: 4 },
    { workers: 4, threads: 2 },
  ]);
  fc.assert(
    fc.property(sizes, sizes, (cores, maxWorkers) => {
      const layouts = possibleLayouts(cores, maxWorkers);
      expect(layouts.map(({ workers }) => workers)).toEqual(layouts.map((_, power) => 2 ** power));
      for (const { workers, threads } of layouts) {
        expect(workers).toBeLessThanOrEqual(Math.min(cores, maxWorkers));
        expect(workers * threads).toBeLessThanOrEqual(cores);
        expect(workers * (threads + 1)).toBeGreaterThan(cores);
      }
      expect(2 * layouts.at(-1)!.workers).toBeGreaterThan(Math.min(cores, maxWorkers));
    }),
  );
});

describe('the layout of a machine', () => {
  test('is the fastest, or one with fewer processes that is nearly as fast', async () => {
    const speeds = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 7, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(sizes, speeds, async (cores, rates) => {
        const layouts = possibleLayouts(cores, 64);
        const speed = ({ workers }: Layout) => rates[Math.log2(workers)];
        const tried: Layout[] = [];
        const best = await fastestLayout(
          layouts,
          async (layout) => {
            tried.push(layout);
            return { training: speed(layout), evaluation: 4 * speed(layout) };
          },
          ignore,
        );
        expect(tried).toEqual(layouts);
        expect(best.rates).toEqual({ training: speed(best), evaluation: 4 * speed(best) });
        for (const layout of layouts) {
          // Clearly faster than what has fewer processes, and not clearly slower than what has more.
          if (layout.workers < best.workers) expect(speed(best)).toBeGreaterThan(1.05 * speed(layout));
          if (layout.workers > best.workers) expect(speed(layout)).toBeLessThanOrEqual(1.05 * speed(best));
        }
      }),
    );
  });

  test('leaves out what cannot work, and is none where the first cannot or it is interrupted', async () => {
    const layouts = possibleLayouts(16, 16);
    const failing =
      (error: Error, from: number) =>
      async ({ workers }: Layout) => {
        if (workers >= from) throw error;
        return { training: workers, evaluation: workers };
      };
    const said: string[] = [];
    const dead = new WorkerDied('its process ended by SIGKILL');
    const best = await fastestLayout(layouts, failing(dead, 4), (line) => said.push(line));
    expect(best).toMatchObject({ workers: 2, threads: 8 });
    expect(said).toEqual(
      [4, 8, 16].map(
        (workers) => `${workers} workers cannot work side by side here: its process ended by SIGKILL`,
      ),
    );
    await expect(fastestLayout(layouts, failing(dead, 1), ignore)).rejects.toThrow(dead);
    const interrupted = new Interrupted('enough');
    await expect(fastestLayout(layouts, failing(interrupted, 2), ignore)).rejects.toThrow(interrupted);
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

  test('is measured once for an engine, a device, its layouts and a batch size, and again where the notes are damaged', async () => {
    const folder = join(cache, 'new');
    let measured = 0;
    const layoutOf = (of: EngineInfo, cores: number, batchSize: number) =>
      rememberedLayout(folder, of, possibleLayouts(cores, cores), batchSize, async () => ({
        workers: 1,
        threads: cores,
        rates: { training: ++measured, evaluation: 2 },
      }));
    const number = async (...args: Parameters<typeof layoutOf>) => (await layoutOf(...args)).rates.training;
    expect(await number(info, 4, 64)).toBe(1);
    expect(await number(info, 4, 64)).toBe(1);
    // What runs it, the number of threads of this process included, is no part of the machine.
    expect(await number({ ...info, threads: 3 }, 4, 64)).toBe(1);
    expect(await number({ ...info, version: '2' }, 4, 64)).toBe(2);
    expect(await number({ ...info, device: 'GPU' }, 4, 64)).toBe(3);
    expect(await number(info, 8, 64)).toBe(4);
    expect(await number(info, 4, 128)).toBe(5);
    expect(await layoutOf(info, 4, 64)).toEqual({
      workers: 1,
      threads: 4,
      rates: { training: 1, evaluation: 2 },
    });
    writeFileSync(join(folder, 'layouts.json'), '{"broken"');
    expect(await number(info, 4, 64)).toBe(6);
  });
});

describe('the rates of workers side by side', () => {
  /** Workers, of which one may not start or not work; with a signal to be waited for, all work until they are killed. */
  const workers = (fault: { start?: number; work?: number }, waiting?: AbortController) => {
    const seen = {
      started: 0,
      ended: 0,
      killed: 0,
      threads: [] as number[],
      batchSizes: [] as number[],
    };
    const start = async (threads: number) => {
      seen.threads.push(threads);
      const index = ++seen.started;
      if (index === fault.start) throw new WorkerDied('it did not start');
      let die: ((error: Error) => void) | undefined;
      return {
        async measureRates(batchSize: number) {
          seen.batchSizes.push(batchSize);
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
  const layout = (count: number): Layout => ({ workers: count, threads: 2 });
  const together = (count: number, { start }: ReturnType<typeof workers>, until = signal) =>
    ratesTogether(layout(count), 64, start, until);

  test('are their sum, and end every worker that was started, whichever fails', async () => {
    const good = workers({});
    expect(await together(3, good)).toEqual({ training: 3, evaluation: 6 });
    expect(good.seen).toEqual({
      started: 3,
      ended: 3,
      killed: 0,
      threads: [2, 2, 2],
      batchSizes: [64, 64, 64],
    });
    const lame = workers({ start: 2 });
    await expect(together(3, lame)).rejects.toThrow('it did not start');
    expect(lame.seen).toMatchObject({ started: 3, ended: 2, killed: 0 });
    const full = workers({ work: 2 });
    await expect(together(3, full)).rejects.toThrow('no room');
    expect(full.seen).toMatchObject({ started: 3, ended: 3, killed: 0 });
  });

  test('interrupted are not waited for', async () => {
    const controller = new AbortController();
    const slow = workers({}, controller);
    await expect(together(4, slow, controller.signal)).rejects.toThrow(Interrupted);
    expect(slow.seen).toMatchObject({ started: 4, ended: 4, killed: 4 });
    const late = workers({});
    await expect(together(4, late, controller.signal)).rejects.toThrow(Interrupted);
    expect(late.seen.started).toBe(0);
  });
});
