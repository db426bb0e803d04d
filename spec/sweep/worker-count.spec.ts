import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { EngineInfo } from '../../src/engine/engine';
import { fastestCount, rememberedCount } from '../../src/sweep/worker-count';

describe('the number of workers', () => {
  test('is the fastest of 1, 2, 4, … and the most, where more bring more up to some number and then no more', async () => {
    const most = fc.integer({ min: 1, max: 64 });
    await fc.assert(
      fc.asyncProperty(most, fc.integer({ min: 1, max: 100 }), async (limit, best) => {
        const tried: number[] = [];
        const { workers, rates } = await fastestCount(limit, async (count) => {
          tried.push(count);
          const training = 100 * Math.min(count, best) - Math.max(0, count - best);
          return { training, evaluation: 4 * training };
        });
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
