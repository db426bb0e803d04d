import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { randomStream } from '../../src/support/random';
import { changePoint, type BatchObservation, type ChangePoint } from '../../src/verdict/change-point';
import { evenly } from '../helpers/arbitraries';
import { changePointReference } from '../helpers/fixtures';

const SIZES = [32, 64, 128, 256, 512, 1024, 2048];

interface Truth {
  readonly knot: number;
  readonly slope: number;
  readonly noise: number;
  readonly sizes?: readonly number[];
  readonly seeds?: number;
}

/** Level up to 2^knot, then a slope per doubling; each seed with a level of its own. */
function observe({ knot, slope, noise, sizes = SIZES, seeds = 3 }: Truth, draw = 1): BatchObservation[] {
  const random = randomStream(draw, 'observations');
  return Array.from({ length: seeds }, (_, seed) =>
    sizes.map((batchSize) => ({
      batchSize,
      seed,
      value: 10 * seed + slope * Math.max(0, Math.log2(batchSize) - knot) + noise * random.normal(),
    })),
  ).flat();
}

/** Some with a change and some without, some of whose runs are missing. */
const observed = fc
  .tuple(evenly(5, 11), evenly(-2, 2), fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 6 }))
  .map(([knot, slope, draw, missing]) =>
    observe({ knot, slope, noise: 1 }, draw).filter((_, i) => i % 8 !== missing),
  );

const mapped = (observations: readonly BatchObservation[], value: (one: BatchObservation) => number) =>
  observations.map((one) => ({ ...one, value: value(one) }));

type Change = Extract<ChangePoint, { kind: 'change' }>;
function asChange(found: ChangePoint): Change {
  if (found.kind !== 'change') throw new Error(`${found.kind}: ${found.reason}`);
  return found;
}
/** Its numbers, thresholds as logarithms and times a unit, slopes in a unit. */
function numbersOf(found: ChangePoint, { times = 1, unit = 1 } = {}): number[] | string {
  if (found.kind !== 'change') return found.kind;
  const { threshold, interval, slope, slopeInterval, pValue } = found;
  const logs = [threshold, ...interval].map((size) => Math.log2(size * times));
  const slopes = [slope, ...[...slopeInterval].sort((a, b) => unit * (a - b))].map((value) => value * unit);
  return [...logs, ...slopes, pValue];
}
function expectAlike(found: ChangePoint, expected: number[] | string) {
  const numbers = numbersOf(found);
  if (typeof expected === 'string' || typeof numbers === 'string') return expect(numbers).toBe(expected);
  numbers.forEach((value, i) =>
    Number.isFinite(value) ? expect(value).toBeCloseTo(expected[i], 6) : expect(value).toBe(expected[i]),
  );
}

describe('the threshold batch size', () => {
  test('of data without noise is exactly where they change, and so are the slope and both intervals', () => {
    fc.assert(
      fc.property(evenly(5, 9.9), evenly(0.1, 5), fc.constantFrom(-1, 1), (knot, steepness, sign) => {
        const slope = sign * steepness;
        const found = asChange(changePoint(observe({ knot, slope, noise: 0 }), 99));
        for (const size of [found.threshold, ...found.interval]) expect(Math.log2(size)).toBeCloseTo(knot, 5);
        for (const value of [found.slope, ...found.slopeInterval]) expect(value / slope).toBeCloseTo(1, 5);
        expect(found.sign).toBe(sign);
      }),
    );
  });

  test('does not depend on the order of the observations', () => {
    fc.assert(
      fc.property(observed, fc.infiniteStream(fc.nat()), (observations, keys) => {
        const shuffled = observations
          .map((one) => ({ one, key: keys.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
        expect(changePoint(shuffled, 99)).toEqual(changePoint(observations, 99));
      }),
    );
  });

  test('is as many times as large where all batch sizes are', () => {
    fc.assert(
      fc.property(observed, fc.integer({ min: 2, max: 50 }), (observations, times) => {
        const larger = observations.map((one) => ({ ...one, batchSize: one.batchSize * times }));
        expectAlike(changePoint(larger, 99), numbersOf(changePoint(observations, 99), { times }));
      }),
    );
  });

  test('stays where the values have another unit, or fall instead of rise, and the slope goes along', () => {
    fc.assert(
      fc.property(observed, evenly(0.1, 10), fc.constantFrom(-1, 1), (observations, size, sign) => {
        const unit = size * sign;
        const other = mapped(observations, ({ value }) => value * unit);
        expectAlike(changePoint(other, 99), numbersOf(changePoint(observations, 99), { unit }));
      }),
    );
  });

  test('does not depend on the level of any seed', () => {
    fc.assert(
      fc.property(
        observed,
        fc.array(evenly(-9, 9), { minLength: 3, maxLength: 3 }),
        (observations, levels) => {
          const shifted = mapped(observations, ({ value, seed }) => value + levels[seed]);
          expectAlike(changePoint(shifted, 99), numbersOf(changePoint(observations, 99)));
        },
      ),
    );
  });

  test('does not hear a seed that ran with one batch size alone', () => {
    fc.assert(
      fc.property(observed, fc.constantFrom(...SIZES, 4096), evenly(-99, 99), (observations, size, value) => {
        const more = [...observations, { batchSize: size, seed: 77, value }];
        expect(changePoint(more, 99)).toEqual(changePoint(observations, 99));
      }),
    );
  });

  test('is told with its sign, a slope whose interval leaves out 0, and an interval around it', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(observed, (observations) => {
        const found = changePoint(observations, 99);
        kinds.add(found.kind);
        if (found.kind === 'unknown') throw new Error(found.reason);
        if (found.kind === 'none') return expect(found.reason).not.toBe('');
        const { threshold, interval, slopeInterval, sign, pValue } = found;
        expect(pValue).toBeLessThanOrEqual(0.05);
        expect(slopeInterval.map(Math.sign)).toEqual([sign, sign]);
        expect(interval[0] <= threshold && threshold <= interval[1]).toBe(true);
      }),
    );
    expect([...kinds].sort()).toEqual(['change', 'none']);
  });

  test('has an interval that says where it is cut: at the smallest batch size, or at the largest', () => {
    const cutOf = (knot: number) => asChange(changePoint(observe({ knot, slope: 3, noise: 0.3 }))).cut;
    expect(cutOf(5)).toEqual({ below: true, above: false });
    expect(cutOf(7.5)).toEqual({ below: false, above: false });
    expect(cutOf(10.5)).toEqual({ below: false, above: true });
  });

  test('is the largest batch size but one where the largest alone is off the level, which no slope has a limit for', () => {
    const found = asChange(changePoint(observe({ knot: 10.5, slope: 9, noise: 0 })));
    for (const [size, expected] of [
      [found.threshold, 1024],
      [found.interval[0], 1024],
      [found.interval[1], 2048],
    ]) {
      expect(size).toBeCloseTo(expected, 3);
    }
    expect(found.slope).toBeCloseTo(4.5, 6);
    expect(found.slopeInterval[0]).toBeCloseTo(4.5, 6);
    expect(found.slopeInterval[1]).toBe(Infinity);
  });

  test('takes a measure that changes from the smallest batch size on for one whose threshold may lie below', () => {
    const found = asChange(changePoint(observe({ knot: 0, slope: -2, noise: 0.2 })));
    expect(found.cut.below).toBe(true);
    expect(found.sign).toBe(-1);
  });
});

describe('a change that the interval of its slope leaves open', () => {
  test('is none, even where no permutation fits one as well: one seed has a single residual to tell noise by', () => {
    const found = changePoint(
      [0, 1, 2, 4].map((value, i) => ({ batchSize: 32 * 2 ** i, seed: 1, value })),
      999,
    );
    expect(found).toMatchObject({ kind: 'none', reason: 'the interval of the slope holds 0' });
    if (found.kind === 'none') expect(found.pValue).toBeLessThanOrEqual(0.05);
  });
});

describe('the p-value of a change', () => {
  test.each(changePointReference().cases.map((found, i) => ({ i, ...found })))(
    'of data set $i is the share of permutations that NumPy finds',
    ({ batchSizes, seeds, values, pValue, permutations, enumerated }) => {
      const draws = 4999;
      const found = changePoint(
        batchSizes.map((batchSize, k) => ({ batchSize, seed: seeds[k], value: values[k] })),
        draws,
      );
      if (found.kind === 'unknown') throw new Error(found.reason);
      const variance = pValue * (1 - pValue) * (1 / draws + (enumerated ? 0 : 1 / permutations));
      expect(Math.abs(found.pValue - pValue)).toBeLessThan(4 * Math.sqrt(variance) + 2 / draws);
    },
  );

  test('is 1 where the measure never changes at all', () => {
    const found = changePoint(observe({ knot: 5, slope: 0, noise: 0 }), 99);
    expect(found).toMatchObject({ kind: 'none', pValue: 1 });
  });

  test('takes permutations within seeds alone: seeds that differ are no evidence against a change', () => {
    const observations = observe({ knot: 8, slope: 1, noise: 0.3 });
    const apart = mapped(observations, ({ value, seed }) => value + 1000 * seed);
    expect(asChange(changePoint(apart, 999)).pValue).toBe(0.001);
  });
});

describe('what is too little for a threshold', () => {
  const reasonOf = (observations: readonly BatchObservation[]) => {
    const found = changePoint(observations);
    if (found.kind !== 'unknown') throw new Error(found.kind);
    return found.reason;
  };
  const some = (sizes: readonly number[], seeds: number) =>
    observe({ knot: 5.5, slope: 1, noise: 0.1, sizes, seeds });

  test('has a reason of its own: batch sizes, runs, permutations', () => {
    expect(reasonOf([])).toContain('three batch sizes');
    expect(reasonOf(some([32, 512], 5))).toContain('here there are 2');
    expect(reasonOf(some([32, 128, 512], 1))).toContain('3 runs of 1 seed leave');
    // Three batch sizes in all, but no seed has more than one.
    expect(reasonOf([32, 64, 128].flatMap((size, seed) => [{ ...some([size], 1)[0], seed }]))).toContain(
      'are 0',
    );
    expect(reasonOf(some([32, 128, 512], 2).slice(0, 5))).toContain('12 permutations');
    expect(changePoint(some([32, 128, 512], 2)).kind).toBe('change');
    expect(changePoint(some([32, 64, 128, 512], 1)).kind).not.toBe('unknown');
  });

  test('includes a value that is no number, a batch size that is none, and a run that is there twice', () => {
    const [first, ...others] = some(SIZES, 3);
    for (const value of [NaN, Infinity, -Infinity]) {
      expect(reasonOf([{ ...first, value }, ...others])).toBe(`batch size 32 of seed 0 has value ${value}`);
    }
    for (const batchSize of [0, -8, NaN, Infinity]) {
      expect(reasonOf([{ ...first, batchSize }, ...others])).toContain(`batch size ${batchSize} of seed 0`);
    }
    expect(reasonOf([first, ...others, first])).toBe('batch size 32 of seed 0 is there twice');
  });
});
