import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bestKnot, hingesOf, withinSeeds, type SeedPoint } from '../../src/verdict/broken-stick';
import { lackOfFit } from '../../src/verdict/lack-of-fit';
import { evenly } from '../helpers/arbitraries';
import { changePointReference } from '../helpers/fixtures';

const SIZES = 5;
const SEEDS = 3;

/** Any values at five x for three seeds, some of them missing. */
const scattered = fc
  .tuple(
    fc.array(evenly(-1, 1), { minLength: SIZES * SEEDS, maxLength: SIZES * SEEDS }),
    fc.uniqueArray(fc.integer({ min: 0, max: SIZES * SEEDS - 1 }), { maxLength: 3 }),
  )
  .map(([values, missing]) =>
    values
      .map((y, i): SeedPoint => ({ seed: Math.floor(i / SIZES), x: i % SIZES, y }))
      .filter((_, i) => !missing.includes(i)),
  );

const lackOf = (points: readonly SeedPoint[]) => {
  const y = withinSeeds(points, (point) => point.y);
  const hinges = hingesOf(points);
  return lackOfFit(points, y, bestKnot(hinges, y).explained);
};

describe('the lack of fit of a broken stick', () => {
  test.each(changePointReference().cases.map((found, i) => ({ i, ...found })))(
    'of data set $i is that of SciPy',
    ({ batchSizes, seeds, values, lackOfFit: expected }) => {
      const found = lackOf(values.map((y, k) => ({ seed: seeds[k], x: Math.log2(batchSizes[k]), y })));
      if (!expected) return expect(found).toBeNull();
      expect(found!.freedom).toEqual(expected.freedom);
      expect(found!.statistic).toBeCloseTo(expected.statistic, 6);
      expect(found!.pValue).toBeCloseTo(expected.pValue, 6);
    },
  );

  test('does not depend on the unit, or on the level of any seed', () => {
    fc.assert(
      fc.property(scattered, evenly(0.1, 9), evenly(-9, 9), (points, unit, level) => {
        const other = points.map(({ seed, x, y }) => ({ seed, x, y: unit * y + seed * level }));
        const [one, two] = [lackOf(points), lackOf(other)];
        // Where there is next to no noise, rounding counts.
        fc.pre(one !== null && one.statistic < 1e4);
        expect(Math.abs(two!.statistic - one!.statistic)).toBeLessThan(1e-6 * (1 + one!.statistic));
        expect(two!.pValue).toBeCloseTo(one!.pValue, 6);
      }),
    );
  });

  test('is a share of the noise: twice as far from every stick, with as much noise, it is four times as large', () => {
    // A zigzag that all seeds share, and noise that no batch size or seed has in its mean.
    const zigzag = [0, 1, -1, 1, 0];
    const noise = [
      [1, -2, 1, 0, 0],
      [-2, 1, 0, 1, 0],
      [1, 1, -1, -1, 0],
    ];
    const at = (size: number) =>
      lackOf(noise.flatMap((own, seed) => own.map((n, x) => ({ seed, x, y: 100 * (zigzag[x] * size) + n }))))!
        .statistic;
    expect(at(2) / at(1)).toBeCloseTo(4, 3);
  });

  test('is not told of data without any noise, of one seed, or of three batch sizes, which every stick goes through', () => {
    const exact = [0, 1, 2, 3, 4].flatMap((x) => [0, 1].map((seed) => ({ seed, x, y: Math.max(0, x - 2) })));
    expect(lackOf(exact)).toBeNull();
    fc.assert(
      fc.property(scattered, (points) => {
        expect(lackOf(points.filter(({ seed }) => seed === 0 || seed > 2))).toBeNull();
        const three = points.filter(({ x }) => x < 3);
        fc.pre(new Set(three.map(({ x }) => x)).size === 3);
        expect(lackOf(three)).toBeNull();
      }),
    );
  });
});
