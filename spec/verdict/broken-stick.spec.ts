import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  fitBrokenStick,
  fitLine,
  hingesOf,
  withinSeeds,
  type SeedPoint,
} from '../../src/verdict/broken-stick';
import { criticalT } from '../../src/verdict/interval';
import { evenly } from '../helpers/arbitraries';
import { changePointReference } from '../helpers/fixtures';

const fit = (points: readonly SeedPoint[]) =>
  fitBrokenStick(
    hingesOf(points),
    withinSeeds(points, ({ y }) => y),
  );

/** The first seed at three x or more, each other one at two of them or more. */
const scattered = fc
  .tuple(fc.integer({ min: 3, max: 6 }), fc.integer({ min: 2, max: 4 }))
  .chain(([sizes, seeds]) =>
    fc.tuple(
      fc.array(evenly(0.3, 2), { minLength: sizes, maxLength: sizes }),
      fc.array(fc.tuple(evenly(-1, 1), fc.nat(3)), { minLength: sizes * seeds, maxLength: sizes * seeds }),
    ),
  )
  .map(([steps, cells]) => {
    const x = steps.map((_, i) => 5 + steps.slice(0, i).reduce((sum, step) => sum + step, 0));
    return cells.flatMap(([y, chance], i): SeedPoint[] => {
      const [seed, at] = [Math.floor(i / x.length), i % x.length];
      const isKept = seed === 0 || (at + x.length - seed) % x.length < 2 || chance > 0;
      return isKept ? [{ seed, x: x[at], y }] : [];
    });
  })
  .filter((points) => hingesOf(points).freedom >= 1);

/** What is left of y − b · max(0, x − τ) when each seed's mean is taken away, the plain way. */
function leftOver(points: readonly SeedPoint[], b: number, knot: number): number {
  return [...new Set(points.map(({ seed }) => seed))].reduce((total, seed) => {
    const own = points
      .filter((point) => point.seed === seed)
      .map(({ x, y }) => y - b * Math.max(0, x - knot));
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    return total + own.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  }, 0);
}

/** The least of it for any b: a parabola through three of its values. */
function leftOverAt(points: readonly SeedPoint[], knot: number): number {
  const [minus, zero, plus] = [-1, 0, 1].map((b) => leftOver(points, b, knot));
  const [slope, curvature] = [(plus - minus) / 2, (plus + minus) / 2 - zero];
  return zero - slope ** 2 / (4 * curvature);
}

/** Evenly from the smallest x to the largest but one, every x among them. */
function fineGrid(points: readonly SeedPoint[], perGap = 60): number[] {
  const x = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b).slice(0, -1);
  return x.flatMap((low, i) =>
    i + 1 < x.length
      ? Array.from({ length: perGap }, (_, k) => low + ((x[i + 1] - low) * k) / perGap)
      : [low],
  );
}

/** The least of it for any threshold: between two adjacent x it is a parabola. */
function leftOverBy(points: readonly SeedPoint[], b: number): number {
  const x = [...new Set(points.map((point) => point.x))].sort((one, other) => one - other);
  return Math.min(
    ...x.slice(1).map((high, i) => {
      const [low, width] = [x[i], high - x[i]];
      const [start, middle, end] = [0, 0.5, 1].map((part) => leftOver(points, b, low + part * width));
      const curvature = 2 * (start + end - 2 * middle);
      const lowest = (start - end + curvature) / (2 * curvature);
      const at = lowest > 0 && lowest < 1 ? lowest : 0;
      return Math.min(start, end, leftOver(points, b, low + at * width));
    }),
  );
}

const boundOf = (points: readonly SeedPoint[]) => {
  const { knot, slope } = fit(points);
  const { freedom } = hingesOf(points);
  return leftOver(points, slope, knot) * (1 + criticalT(freedom + 1) ** 2 / freedom);
};

describe('the broken stick', () => {
  test.each(changePointReference().cases.map((found, i) => ({ i, ...found })))(
    'of data set $i is what SciPy finds by searching',
    ({ batchSizes, seeds, values, ...found }) => {
      const points = batchSizes.map((size, k) => ({ seed: seeds[k], x: Math.log2(size), y: values[k] }));
      const { knot, knotInterval, slope, slopeInterval } = fit(points);
      // Where a least sum of squares lies is known to about the root of its rounding.
      expect(knot).toBeCloseTo(found.knot, 6);
      expect(slope).toBeCloseTo(found.slope, 6);
      const [low, high] = found.slopeInterval;
      const ends = [...knotInterval, ...slopeInterval];
      [...found.knotInterval, low ?? -Infinity, high ?? Infinity].forEach((end, k) =>
        Number.isFinite(end) ? expect(ends[k]).toBeCloseTo(end, 7) : expect(ends[k]).toBe(end),
      );
    },
  );

  test('leaves no more than any other threshold would, with the slope that suits each best', () => {
    fc.assert(
      fc.property(scattered, (points) => {
        const { knot, slope } = fit(points);
        const least = leftOver(points, slope, knot);
        expect(least).toBeCloseTo(leftOverAt(points, knot), 9);
        for (const other of fineGrid(points)) {
          expect(leftOverAt(points, other)).toBeGreaterThan(least - 1e-9);
        }
      }),
    );
  });

  test('has an interval that holds every threshold within the bound of the F test, and ends where it is met', () => {
    fc.assert(
      fc.property(scattered, (points) => {
        const { knot, knotInterval } = fit(points);
        const [low, high] = knotInterval;
        const bound = boundOf(points);
        const grid = fineGrid(points);
        for (const at of grid) {
          if (leftOverAt(points, at) < bound - 1e-9) expect(low <= at && at <= high).toBe(true);
        }
        const largest = Math.max(...points.map(({ x }) => x));
        if (low > grid[0]) expect(leftOverAt(points, low)).toBeCloseTo(bound, 8);
        if (high < largest) expect(leftOverAt(points, high)).toBeCloseTo(bound, 8);
        expect(low <= knot && knot <= high).toBe(true);
        expect(high === largest).toBe(leftOverAt(points, grid[grid.length - 1]) <= bound);
      }),
    );
  });

  test('has an interval of the slope that holds every slope that a threshold brings within the bound, and ends where it is met', () => {
    fc.assert(
      fc.property(scattered, (points) => {
        const { slope, slopeInterval } = fit(points);
        const [low, high] = slopeInterval;
        const bound = boundOf(points);
        for (const b of Array.from({ length: 41 }, (_, k) => -4 + 0.2 * k)) {
          if (leftOverBy(points, b) < bound - 1e-9) expect(low <= b && b <= high).toBe(true);
        }
        for (const end of [low, high]) {
          if (Number.isFinite(end)) expect(leftOverBy(points, end) / bound).toBeCloseTo(1, 6);
        }
        expect(low <= slope && slope <= high).toBe(true);
      }),
    );
  });

  test('has no end to its slope exactly where its threshold may come close to the largest x', () => {
    fc.assert(
      fc.property(scattered, (points) => {
        const { knotInterval, slopeInterval } = fit(points);
        const isOpen = knotInterval[1] === Math.max(...points.map(({ x }) => x));
        expect(slopeInterval.some((end) => Math.abs(end) === Infinity)).toBe(isOpen);
      }),
    );
  });
});

describe('the straight line', () => {
  test.each(changePointReference().cases.map((found, i) => ({ i, ...found })))(
    'through data set $i is that of least squares in NumPy, with its interval',
    ({ batchSizes, seeds, values, line }) => {
      const points = batchSizes.map((size, k) => ({ seed: seeds[k], x: Math.log2(size), y: values[k] }));
      const found = fitLine(
        hingesOf(points),
        withinSeeds(points, ({ y }) => y),
      );
      expect(found.slope).toBeCloseTo(line.slope, 9);
      found.slopeInterval.forEach((end, k) => expect(end).toBeCloseTo(line.slopeInterval[k], 7));
    },
  );
});
