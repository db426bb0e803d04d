import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { verdictOf } from '../../src/verdict/claim';
import { meanInterval, standardDeviation } from '../../src/verdict/interval';
import { decidingNumber, powerToFind } from '../../src/verdict/power';
import { evenly } from '../helpers/arbitraries';
import { scipyStatistics } from '../helpers/fixtures';

describe('the power to find a ratio', () => {
  test.each(scipyStatistics().powers)(
    'with n $n at $effect standard deviations is that of SciPy',
    (given) => {
      const { n, effect, power } = given;
      expect(powerToFind(Math.exp(effect), n, 1)).toBeCloseTo(power, 5);
    },
  );

  test('grows with the number of observations', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), evenly(0.2, 1), (n, effect) => {
        expect(powerToFind(Math.exp(effect), n + 1, 1)).toBeGreaterThan(powerToFind(Math.exp(effect), n, 1));
      }),
    );
  });
});

describe('the number of observations that would have decided', () => {
  /** n values of a given mean and spread. */
  const sample = (n: number, mean: number, spread: number) => {
    const raw = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1) * (1 + i / n));
    const { mean: own } = meanInterval(raw);
    return raw.map((value) => mean + ((value - own) * spread) / standardDeviation(raw));
  };

  test('is the smallest whose interval leaves out 0, mean and spread being what they are', () => {
    const verdict = (n: number, mean: number, spread: number) => {
      const { low, high } = meanInterval(sample(n, mean, spread));
      return verdictOf([low, high], 0);
    };
    fc.assert(
      fc.property(evenly(0.05, 1), evenly(0.05, 1), fc.boolean(), (size, spread, negative) => {
        const mean = negative ? -size : size;
        const n = decidingNumber(mean, spread);
        if (Number.isNaN(n)) return expect(verdict(1000, mean, spread)).toBe('INCONCLUSIVE');
        expect(verdict(n, mean, spread)).toBe(negative ? 'FAIL' : 'PASS');
        if (n > 2) expect(verdict(n - 1, mean, spread)).toBe('INCONCLUSIVE');
      }),
    );
  });

  test('is none where there is no difference, where more than 1000 would be needed or nothing is known of the spread', () => {
    // Near 1000 a quantile of 1.9623 takes a mean of 1.9623 / √1000 standard deviations.
    expect(decidingNumber(0.0621, 1)).toBeGreaterThan(990);
    expect(decidingNumber(0.062, 1)).toBeNaN();
    expect(decidingNumber(0, 0.1)).toBeNaN();
    expect(decidingNumber(0.1, NaN)).toBeNaN();
  });
});
