import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { permutation, randomStream } from '../../src/support/random';
import { seeds } from '../helpers/arbitraries';

const draws = (count: number, draw: () => number) => Array.from({ length: count }, draw);

describe('random streams', () => {
  test('the same seed and purpose give the same numbers', () => {
    fc.assert(
      fc.property(seeds, fc.string(), (seed, purpose) => {
        const [a, b] = [randomStream(seed, purpose), randomStream(seed, purpose)];
        expect(draws(20, a.normal)).toEqual(draws(20, b.normal));
        expect(draws(20, a.uniform)).toEqual(draws(20, b.uniform));
      }),
    );
  });

  test('another seed, another purpose or another epoch give other numbers', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const first = draws(4, randomStream(seed, 'order', 1).uniform);
        for (const other of [
          randomStream(seed + 1, 'order', 1),
          randomStream(seed, 'weights', 1),
          randomStream(seed, 'order', 2),
        ]) {
          expect(draws(4, other.uniform)).not.toEqual(first);
        }
      }),
    );
  });

  test('uniform numbers lie in [0, 1) and fill ten bins evenly (chi-squared)', () => {
    const { uniform } = randomStream(7, 'bins');
    const bins = new Array<number>(10).fill(0);
    const n = 100_000;
    const values = draws(n, uniform);
    expect(values.every((u) => u >= 0 && u < 1)).toBe(true);
    for (const u of values) bins[Math.floor(u * 10)]++;
    const chiSquared = bins.reduce((sum, count) => sum + (count - n / 10) ** 2 / (n / 10), 0);
    // 99.9% quantile with 9 degrees of freedom.
    expect(chiSquared).toBeLessThan(27.88);
  });

  test('normal numbers have the moments of a standard normal law', () => {
    const values = draws(100_000, randomStream(7, 'moments').normal);
    const moment = (k: number) => values.reduce((sum, value) => sum + value ** k, 0) / values.length;
    // Four standard errors: √(1/n), √(2/n), √(15/n), √(96/n).
    expect(Math.abs(moment(1))).toBeLessThan(4 * Math.sqrt(1 / 100_000));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / 100_000));
    expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / 100_000));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / 100_000));
  });

  test('a permutation holds each index once', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 300 }), (seed, count) => {
        const order = permutation(count, randomStream(seed));
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
  });

  test('every order of three is as likely as any other', () => {
    const random = randomStream(3, 'orders');
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = permutation(3, random).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Four standard errors of a binomial with p = 1/6.
    for (const count of counts.values())
      expect(Math.abs(count - 1000)).toBeLessThan(4 * Math.sqrt(6000 * (5 / 36)));
  });
});
