import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  comparableTrainingLoss,
  overallVerdict,
  risesFaster,
  type PairedRise,
} from '../../src/verdict/claims';
import { meanInterval } from '../../src/verdict/interval';
import { fixtureJson } from '../support/fixtures';

const scipy = fixtureJson('scipy-t-quantiles.json') as {
  quantiles: { df: number; t: number }[];
  samples: { values: number[]; mean: number; interval: [number, number] }[];
};

/** Evenly spread numbers: fast-check's doubles crowd around 0. */
const evenly = (low: number, high: number) =>
  fc.integer({ min: 0, max: 1000 }).map((step) => low + ((high - low) * step) / 1000);

/** Close enough together for every verdict to be common. */
const positive = evenly(-1, 1).map(Math.exp);
const rises = fc
  .array(fc.tuple(positive, positive), { minLength: 1, maxLength: 20 })
  .map((pairs) =>
    pairs.map(([smallBatch, largeBatch], direction) => ({ direction, smallBatch, largeBatch })),
  );

const swapped = (pairs: readonly PairedRise[]) =>
  pairs.map(({ direction, smallBatch, largeBatch }) => ({
    direction,
    smallBatch: largeBatch,
    largeBatch: smallBatch,
  }));

describe("Student's t interval", () => {
  test.each(scipy.samples.map((sample, i) => ({ i, ...sample })))(
    'of sample $i is that of SciPy',
    (sample) => {
      const { mean, low, high, n } = meanInterval(sample.values);
      expect(n).toBe(sample.values.length);
      expect(mean).toBeCloseTo(sample.mean, 10);
      expect(low).toBeCloseTo(sample.interval[0], 6);
      expect(high).toBeCloseTo(sample.interval[1], 6);
    },
  );

  test.each(scipy.quantiles)('with $df degrees of freedom reaches as far as in SciPy', ({ df, t }) => {
    // n values of ±1 (and one 0 where n is odd) have mean 0 and a standard error known in closed form.
    const n = df + 1;
    const values = Array.from({ length: n }, (_, i) =>
      n % 2 === 1 && i === n - 1 ? 0 : i % 2 === 0 ? 1 : -1,
    );
    const error = Math.sqrt((n - (n % 2)) / (n - 1) / n);
    expect(meanInterval(values).high / (t * error)).toBeCloseTo(1, 6);
  });

  test('of one value is everything', () => {
    expect(meanInterval([3])).toEqual({ mean: 3, low: -Infinity, high: Infinity, n: 1 });
  });
});

describe('the claim that LB rises faster', () => {
  test('passes, fails or stays open as the interval of the ratio lies above, below or around 1', () => {
    fc.assert(
      fc.property(rises, (pairs) => {
        const { verdict, interval, estimate, n } = risesFaster(pairs);
        const [low, high] = interval;
        expect(verdict).toBe(low > 1 ? 'PASS' : high < 1 ? 'FAIL' : 'INCONCLUSIVE');
        expect(n).toBe(pairs.length);
        expect(low <= estimate && estimate <= high).toBe(true);
      }),
    );
  });

  test('turns around when SB and LB are swapped', () => {
    const opposite = { PASS: 'FAIL', FAIL: 'PASS', INCONCLUSIVE: 'INCONCLUSIVE' };
    fc.assert(
      fc.property(rises, (pairs) => {
        const [there, back] = [risesFaster(pairs), risesFaster(swapped(pairs))];
        expect(back.verdict).toBe(opposite[there.verdict]);
        expect(back.estimate * there.estimate).toBeCloseTo(1, 8);
      }),
    );
  });

  test('does not depend on the unit of the rises', () => {
    fc.assert(
      fc.property(rises, fc.double({ min: 0.01, max: 100, noNaN: true }), (pairs, unit) => {
        const scaled = pairs.map((pair) => ({
          ...pair,
          smallBatch: pair.smallBatch * unit,
          largeBatch: pair.largeBatch * unit,
        }));
        expect(Math.log(risesFaster(scaled).estimate)).toBeCloseTo(Math.log(risesFaster(pairs).estimate), 8);
      }),
    );
  });

  test('estimates the geometric mean of the ratios', () => {
    const pairs = [
      { direction: 0, smallBatch: 1, largeBatch: 2 },
      { direction: 1, smallBatch: 2, largeBatch: 16 },
    ];
    expect(risesFaster(pairs).estimate).toBeCloseTo(4, 12);
  });

  test('passes where every direction rises about twice as fast, and fails where half as fast', () => {
    const pairs = [1.9, 2, 2.1, 2.05, 1.95].map((ratio, direction) => ({
      direction,
      smallBatch: 1,
      largeBatch: ratio,
    }));
    expect(risesFaster(pairs).verdict).toBe('PASS');
    expect(risesFaster(swapped(pairs)).verdict).toBe('FAIL');
  });

  test('is inconclusive with one direction', () => {
    expect(risesFaster([{ direction: 0, smallBatch: 1, largeBatch: 50 }]).verdict).toBe('INCONCLUSIVE');
  });

  test('is inconclusive, naming the direction, where a rise is no positive number', () => {
    fc.assert(
      fc.property(
        rises,
        fc.constantFrom(0, -1, NaN, Infinity),
        fc.nat(),
        fc.boolean(),
        (pairs, bad, at, large) => {
          const direction = at % pairs.length;
          const spoilt = pairs.map((pair) =>
            pair.direction === direction ? { ...pair, [large ? 'largeBatch' : 'smallBatch']: bad } : pair,
          );
          const { verdict, reason, n } = risesFaster(spoilt);
          expect(verdict).toBe('INCONCLUSIVE');
          expect(reason).toContain(`direction ${direction} `);
          expect(n).toBe(pairs.length);
        },
      ),
    );
  });
});

describe('comparable training losses', () => {
  const end = (loss: number, accuracy: number) => ({ loss, accuracy });

  test('need 99% accuracy of both and losses within 0.05 nats', () => {
    const ends = fc.record({
      loss: evenly(0, 0.2),
      accuracy: evenly(0.98, 1),
    });
    fc.assert(
      fc.property(ends, ends, (sb, lb) => {
        const fair = sb.accuracy >= 0.99 && lb.accuracy >= 0.99 && Math.abs(sb.loss - lb.loss) <= 0.05;
        expect(comparableTrainingLoss(sb, lb).verdict).toBe(fair ? 'PASS' : 'FAIL');
      }),
    );
    expect(comparableTrainingLoss(end(0.01, 0.99), end(0.06, 1)).verdict).toBe('PASS');
    expect(comparableTrainingLoss(end(0.01, 0.9899), end(0.01, 1)).verdict).toBe('FAIL');
  });
});

describe('the overall verdict', () => {
  const faster = risesFaster(
    [1.9, 2, 2.1].map((largeBatch, direction) => ({ direction, smallBatch: 1, largeBatch })),
  );
  const fair = comparableTrainingLoss({ loss: 0, accuracy: 1 }, { loss: 0, accuracy: 1 });
  const unfair = comparableTrainingLoss({ loss: 0, accuracy: 1 }, { loss: 1, accuracy: 0.7 });

  test("is the headline claim's where the minimizers are comparable", () => {
    const converging = { requiresConvergence: true, smoke: false };
    expect(overallVerdict(faster, fair, converging)).toEqual({ verdict: 'PASS', reason: faster.reason });
  });

  test('is inconclusive where a preset that trains to convergence did not get there', () => {
    const { verdict, reason } = overallVerdict(faster, unfair, { requiresConvergence: true, smoke: false });
    expect(verdict).toBe('INCONCLUSIVE');
    expect(reason).toContain('not at comparable minimizers');
  });

  test('stands, with the reservation named, where a preset does not train to convergence', () => {
    const { verdict, reason } = overallVerdict(faster, unfair, { requiresConvergence: false, smoke: false });
    expect(verdict).toBe('PASS');
    expect(reason).toContain('did not end at comparable training losses');
  });

  test('of a smoke run is always inconclusive and says why', () => {
    const { verdict, reason } = overallVerdict(faster, fair, { requiresConvergence: false, smoke: true });
    expect(verdict).toBe('INCONCLUSIVE');
    expect(reason).toContain('smoke run');
  });
});
