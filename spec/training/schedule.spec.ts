import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cosineAnnealing, squareRootScaled } from '../../src/training/schedule';
import { pytorchReference } from '../helpers/fixtures';

const schedules = pytorchReference().schedule as { learningRate: number; epochs: number; values: number[] }[];

describe('learning rates', () => {
  test.each(schedules)(
    "are those of PyTorch's CosineAnnealingLR from $learningRate over $epochs epochs",
    (schedule) => {
      const { learningRate, epochs, values } = schedule;
      values.forEach((value, epoch) =>
        expect(cosineAnnealing(learningRate, epoch, epochs)).toBeCloseTo(value, 12),
      );
    },
  );

  test('fall from the base, epoch by epoch, and stay above 0', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.double({ min: 1e-6, max: 10, noNaN: true }),
        (epochs, base) => {
          const rates = Array.from({ length: epochs }, (_, epoch) => cosineAnnealing(base, epoch, epochs));
          expect(rates[0]).toBe(base);
          rates.slice(1).forEach((rate, i) => expect(rate).toBeLessThan(rates[i]));
          expect(rates.at(-1)).toBeGreaterThan(0);
        },
      ),
    );
  });

  test('scale with the square root of the batch size: .01 at 256 is .04 at 4096', () => {
    expect(squareRootScaled(0.01, 256, 4096)).toBeCloseTo(0.04, 12);
    expect(squareRootScaled(0.01, 64, 64)).toBe(0.01);
  });
});
