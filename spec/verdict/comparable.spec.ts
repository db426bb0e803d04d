import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { comparableTrainingLoss } from '../../src/verdict/comparable';
import { evenly } from '../helpers/arbitraries';

const end = (loss: number, accuracy: number) => ({ loss, accuracy });
const ends = fc.record({ loss: evenly(0, 0.2), accuracy: evenly(0.98, 1) });

describe('comparable training losses', () => {
  test('need 99% accuracy of both and losses within 0.05 nats', () => {
    fc.assert(
      fc.property(ends, ends, (smallBatch, largeBatch) => {
        const fair =
          smallBatch.accuracy >= 0.99 &&
          largeBatch.accuracy >= 0.99 &&
          Math.abs(smallBatch.loss - largeBatch.loss) <= 0.05;
        const { verdict, estimate } = comparableTrainingLoss([{ seed: 1, smallBatch, largeBatch }]);
        expect(verdict).toBe(fair ? 'PASS' : 'FAIL');
        expect(estimate).toBe(largeBatch.loss - smallBatch.loss);
      }),
    );
    const verdict = (sb: ReturnType<typeof end>, lb: ReturnType<typeof end>) =>
      comparableTrainingLoss([{ seed: 1, smallBatch: sb, largeBatch: lb }]).verdict;
    expect(verdict(end(0.01, 0.99), end(0.06, 1))).toBe('PASS');
    expect(verdict(end(0.01, 0.9899), end(0.01, 1))).toBe('FAIL');
    expect(verdict(end(0.01, 1), end(0.0601, 1))).toBe('FAIL');
  });

  test('tell the band that the difference must keep to, since no interval decides', () => {
    const [least, most] = comparableTrainingLoss([
      { seed: 1, smallBatch: end(0, 1), largeBatch: end(0, 1) },
    ]).band!;
    for (const [difference, holds] of [
      [most, true],
      [least, true],
      [most + 1e-9, false],
      [least - 1e-9, false],
    ] as const) {
      const [smallBatch, largeBatch] = [end(Math.max(0, -difference), 1), end(Math.max(0, difference), 1)];
      const { verdict } = comparableTrainingLoss([{ seed: 1, smallBatch, largeBatch }]);
      expect(verdict).toBe(holds ? 'PASS' : 'FAIL');
    }
  });

  test('are needed of every seed, and the reason names one that lacks them', () => {
    const fair = { smallBatch: end(0, 1), largeBatch: end(0, 1) };
    const unfair = { smallBatch: end(0, 1), largeBatch: end(0.9, 0.7) };
    const claim = comparableTrainingLoss([
      { seed: 42, ...fair },
      { seed: 43, ...unfair },
    ]);
    expect(claim.verdict).toBe('FAIL');
    expect(claim.reason).toContain('seed 43');
    expect(claim.estimate).toBeCloseTo(0.45, 12);
  });
});
