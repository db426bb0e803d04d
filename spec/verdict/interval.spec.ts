import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fairCoinP, meanInterval, proportionInterval } from '../../src/verdict/interval';
import { scipyStatistics } from '../helpers/fixtures';

const scipy = scipyStatistics();

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

describe('the exact interval of a probability', () => {
  test.each(scipy.coins)('of $heads in $n is that of SciPy', ({ heads, n, interval }) => {
    const [low, high] = proportionInterval(heads, n);
    expect(low).toBeCloseTo(interval[0], 6);
    expect(high).toBeCloseTo(interval[1], 6);
  });

  test.each(scipy.coins)('goes with the p-value of $heads heads in $n, which is that of SciPy', (coin) => {
    const { heads, n, pValue } = coin;
    expect(fairCoinP(heads, n)).toBeCloseTo(pValue, 8);
  });

  test('leaves out ½ exactly where a fair coin is refused at 5%', () => {
    const coins = fc
      .integer({ min: 1, max: 400 })
      .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(coins, ([heads, n]) => {
        const [low, high] = proportionInterval(heads, n);
        expect(low > 0.5 || high < 0.5).toBe(fairCoinP(heads, n) < 0.05);
      }),
    );
  });
});
