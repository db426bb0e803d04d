import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { largerForLb, ratioOf, type PairedFigure, type SeedPairs } from '../../src/verdict/ratio';
import { evenly } from '../helpers/arbitraries';

/** Close enough together for every verdict to be common. */
const positive = evenly(-1, 1).map(Math.exp);
const pairs = fc
  .array(fc.tuple(positive, positive), { minLength: 1, maxLength: 20 })
  .map((figures) =>
    figures.map(([smallBatch, largeBatch], direction) => ({ direction, smallBatch, largeBatch })),
  );
const oneSeed = pairs.map((own): SeedPairs[] => [{ seed: 7, pairs: own }]);
const severalSeeds = fc
  .array(pairs, { minLength: 2, maxLength: 6 })
  .map((all): SeedPairs[] => all.map((own, seed) => ({ seed, pairs: own })));
const anySeeds = fc.oneof(oneSeed, severalSeeds);

const claimOf = (seeds: readonly SeedPairs[]) =>
  largerForLb({ id: 'id', statement: 'statement', figure: 'rise', shownBy: 'The curves' }, ratioOf(seeds));

const mapped = (seeds: readonly SeedPairs[], change: (pair: PairedFigure) => PairedFigure): SeedPairs[] =>
  seeds.map(({ seed, pairs: own }) => ({ seed, pairs: own.map(change) }));
const swapped = (seeds: readonly SeedPairs[]) =>
  mapped(seeds, (pair) => ({ ...pair, smallBatch: pair.largeBatch, largeBatch: pair.smallBatch }));
const alongDirections = (ratios: readonly number[]): SeedPairs[] => [
  { seed: 1, pairs: ratios.map((largeBatch, direction) => ({ direction, smallBatch: 1, largeBatch })) },
];

describe('the claim that a figure is larger for LB', () => {
  test('passes, fails or stays open as the interval of the ratio lies above, below or around 1', () => {
    fc.assert(
      fc.property(anySeeds, (seeds) => {
        const { verdict, interval, estimate } = claimOf(seeds);
        const [low, high] = interval;
        expect(verdict).toBe(low > 1 ? 'PASS' : high < 1 ? 'FAIL' : 'INCONCLUSIVE');
        if (seeds.length > 1 || seeds[0].pairs.length > 1) {
          expect(low <= estimate && estimate <= high).toBe(true);
        }
      }),
    );
  });

  test('turns around when SB and LB are swapped', () => {
    const opposite = { PASS: 'FAIL', FAIL: 'PASS', INCONCLUSIVE: 'INCONCLUSIVE' };
    fc.assert(
      fc.property(anySeeds, (seeds) => {
        const [there, back] = [claimOf(seeds), claimOf(swapped(seeds))];
        expect(back.verdict).toBe(opposite[there.verdict]);
        expect(back.estimate * there.estimate).toBeCloseTo(1, 8);
      }),
    );
  });

  test('does not depend on the unit of the figures', () => {
    fc.assert(
      fc.property(anySeeds, evenly(-4, 4).map(Math.exp), (seeds, unit) => {
        const scaled = mapped(seeds, ({ direction, smallBatch, largeBatch }) => ({
          direction,
          smallBatch: smallBatch * unit,
          largeBatch: largeBatch * unit,
        }));
        expect(Math.log(claimOf(scaled).estimate)).toBeCloseTo(Math.log(claimOf(seeds).estimate), 8);
      }),
    );
  });

  test('estimates the geometric mean of the ratios', () => {
    expect(ratioOf(alongDirections([2, 8])).estimate).toBeCloseTo(4, 12);
  });

  test('passes where every direction rises about twice as fast, and fails in plain words where half as fast', () => {
    const twice = alongDirections([1.9, 2, 2.1, 2.05, 1.95]);
    expect(claimOf(twice).verdict).toBe('PASS');
    const half = claimOf(swapped(twice));
    expect(half.verdict).toBe('FAIL');
    expect(half.reason).toContain('against the claim');
  });

  test('is inconclusive with one direction of one seed, which has no interval', () => {
    const { verdict, interval, estimate, bySeed } = claimOf(alongDirections([50]));
    expect({ verdict, interval }).toEqual({ verdict: 'INCONCLUSIVE', interval: [NaN, NaN] });
    expect(estimate).toBeCloseTo(50, 10);
    expect(bySeed[0].interval).toEqual([NaN, NaN]);
  });

  test('is inconclusive, naming the direction, where a figure is no positive number', () => {
    fc.assert(
      fc.property(
        anySeeds,
        fc.constantFrom(0, -1, NaN, Infinity),
        fc.nat(),
        fc.nat(),
        fc.boolean(),
        (seeds, bad, atSeed, at, large) => {
          const spoiltSeed = seeds[atSeed % seeds.length];
          const direction = at % spoiltSeed.pairs.length;
          const spoilt = seeds.map((own) =>
            own === spoiltSeed
              ? mapped([own], (pair) =>
                  pair.direction === direction
                    ? { ...pair, [large ? 'largeBatch' : 'smallBatch']: bad }
                    : pair,
                )[0]
              : own,
          );
          const { verdict, reason, estimate } = claimOf(spoilt);
          expect(verdict).toBe('INCONCLUSIVE');
          expect(reason).toContain(`direction ${direction} `);
          if (seeds.length > 1) expect(reason).toContain(`of seed ${spoiltSeed.seed} `);
          expect(estimate).toBeNaN();
        },
      ),
    );
  });
});

describe('the ratio over several seeds', () => {
  test("takes each seed's mean log ratio as one observation, however many directions there are", () => {
    const repeated = (ratio: number, times: number) =>
      Array.from({ length: times }, (_, direction) => ({ direction, smallBatch: 1, largeBatch: ratio }));
    const seeds = [1.5, 2, 2.5].map((ratio, seed) => ({ seed, pairs: repeated(ratio, 3 + seed) }));
    const overSeeds = ratioOf(seeds);
    const asDirections = ratioOf(alongDirections([1.5, 2, 2.5]));
    expect(overSeeds).toMatchObject({ n: 3, over: 'seeds' });
    expect(asDirections).toMatchObject({ n: 3, over: 'directions' });
    expect(overSeeds.estimate).toBeCloseTo(asDirections.estimate, 12);
    expect(overSeeds.interval[0]).toBeCloseTo(asDirections.interval[0], 12);
  });

  test("gives each seed's own interval over its directions apart from it", () => {
    fc.assert(
      fc.property(severalSeeds, (seeds) => {
        const { bySeed } = ratioOf(seeds);
        expect(bySeed).toEqual(
          seeds.map((own) => {
            const { estimate, interval, n, over } = ratioOf([own]);
            return { seed: own.seed, estimate, interval, n, over };
          }),
        );
        expect(bySeed.every(({ over }) => over === 'directions')).toBe(true);
      }),
    );
  });
});
