import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { firstCpus } from '../../bench/cpus';
import { drawGrowth, panelOf } from '../../bench/growth-picture';
import { FULL, memoryLacking, QUICK, seriesOf, stepsOf, threadCounts } from '../../bench/growth-plan';
import { growthTable, parseGrowth, type Growth, type GrowthRow } from '../../bench/growth-results';

describe('the plan of growth', () => {
  test('varies one quantity at a time, all of them through one point of training and one of a direction', () => {
    for (const settings of [FULL, QUICK]) {
      const series = seriesOf(settings, 4);
      for (const task of ['train', 'direction']) {
        const keys = series
          .filter(({ points }) => points[0].point.task === task)
          .map(({ points }) => points.map(({ point }) => JSON.stringify(point)));
        expect(keys.length).toBe(task === 'train' ? 3 : 2);
        expect(keys[0].filter((key) => keys.every((others) => others.includes(key)))).toHaveLength(1);
      }
      for (const { points } of series) {
        const [first, ...rest] = points.map(({ point }) => Object.entries(point));
        for (const entries of rest) {
          expect(entries.filter(([, value], i) => value !== first[i][1])).toHaveLength(1);
        }
      }
    }
  });

  test('goes from all threads down by powers of two to one', () => {
    expect(threadCounts(1)).toEqual([1]);
    expect(threadCounts(2)).toEqual([2, 1]);
    expect(threadCounts(6)).toEqual([6, 4, 2, 1]);
    expect(threadCounts(8)).toEqual([8, 4, 2, 1]);
  });

  test('takes a step that counts in every turn, and no more images than there are', () => {
    const seconds = fc.double({ min: 1e-4, max: 100, noNaN: true });
    const batches = fc.constantFrom(...FULL.batches);
    fc.assert(
      fc.property(seconds, batches, (step, batch) => {
        const steps = stepsOf(step, 2, batch, 50_000);
        expect(steps * batch).toBeLessThanOrEqual(50_000);
        if (step > 10) expect(steps).toBe(1);
        else expect(steps).toBeGreaterThanOrEqual(2);
      }),
    );
    expect(stepsOf(0.5, 2, 16, 50_000)).toBe(5);
    expect(stepsOf(Infinity, 2, 16, 50_000)).toBe(1);
  });

  test('does not try what memory might not hold, and says so, and tries the rest', () => {
    const peaks = new Map([
      ['wasm', 5303],
      ['tensorflow', 2136],
      ['pytorch', 2186],
    ]);
    expect(memoryLacking(peaks, 2, 24 * 1024)).toEqual(new Map());
    expect(memoryLacking(peaks, 4, 24 * 1024)).toEqual(
      new Map([['wasm', 'may need 20.7 GiB of memory, and 7.1 GiB are left']]),
    );
    expect([...memoryLacking(peaks, 4, 8 * 1024).keys()]).toEqual(['tensorflow', 'pytorch', 'wasm']);
  });

  test("takes the first of the processors that it may use, as Linux's lists name them", () => {
    expect(firstCpus('0-3', 2)).toEqual([0, 1]);
    expect(firstCpus('2,4-6,9', 3)).toEqual([2, 4, 5]);
  });
});

describe("the benchmark's picture of growth", () => {
  const row = (
    engine: string,
    varies: GrowthRow['varies'],
    value: number,
    rate: number | null,
  ): GrowthRow => ({
    engine,
    varies,
    value,
    imagesPerSecond: rate,
    seconds: rate && value / rate,
    cores: rate && 1,
    peakMiB: rate && 100 * value,
    timesPytorch: null,
    reason: rate === null ? 'a step takes over a minute' : null,
  });
  const growth: Growth = {
    machine: { processor: 'CPU', threads: 2, memoryGiB: 8, node: 'v20', versions: {} },
    fixed: { batch: 256, images: 1000, alphas: 3 },
    rows: [16, 256, 4096].map((batch) => row('wasm', 'batch size', batch, batch > 256 ? null : 40)),
  };

  test('places equal factors equally far apart, and what was not measured nowhere', () => {
    const box = { x: 100, y: 50, width: 600, height: 400 };
    const line = { label: 'one', colour: '#000000', xs: [16, 256, 4096], ys: [10, 100, null] };
    const view = { varies: 'batch size', figure: 'peakMiB', xLabel: '', yLabel: '' } as const;
    const { place, xTicks } = panelOf(box, 1, [line], view);
    expect(xTicks.map(({ label }) => label)).toEqual(['16', '256', '4096']);
    const [a, b, c] = line.xs.map((x, i) => place(x, line.ys[i]));
    expect(b.x - a.x).toBeCloseTo(c.x - b.x);
    expect(a.x).toBeGreaterThan(box.x);
    expect(c.x).toBeLessThan(box.x + box.width);
    expect(a.y).toBeGreaterThan(b.y);
    expect(c.y).toBeNaN();
  });

  test('comes of what was stored, also where much of it is missing', async () => {
    const pictures = await drawGrowth(parseGrowth(JSON.stringify(growth)));
    expect(pictures.map(({ name }) => name)).toEqual(['batch-size', 'width', 'threads', 'direction']);
    const [again] = await drawGrowth(growth);
    expect(again.png.equals(pictures[0].png)).toBe(true);
    expect(again.png.equals(pictures[1].png)).toBe(false);
  });

  test('has a table beside it that says why a figure is missing', () => {
    expect(growthTable(growth.rows)).toMatch(/batch size +4096 +wasm +n\/a .*a step takes over a minute/);
  });
});
