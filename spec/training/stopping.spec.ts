import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { asksForTrainingLoss, endsTraining } from '../../src/training/stopping';

const losses = fc.array(fc.double({ min: 0.01, max: 5, noNaN: true }), { minLength: 1, maxLength: 40 });
const rules = fc.record({
  patience: fc.integer({ min: 1, max: 10 }),
  improvement: fc.double({ min: 0, max: 0.49, noNaN: true }),
});

const epochsOf = (means: number[]) => means.map((trainingModeLoss) => ({ trainingModeLoss }));

describe('a training has ceased to improve', () => {
  test('never before as many epochs as it has patience', () => {
    fc.assert(
      fc.property(losses, rules, (seen, rule) => {
        if (seen.length <= rule.patience) expect(endsTraining(epochsOf(seen), rule)).toBe(false);
      }),
    );
  });

  test('not while each epoch is better by more than the share that counts', () => {
    fc.assert(
      fc.property(rules, fc.integer({ min: 1, max: 60 }), (rule, epochs) => {
        const falling = Array.from({ length: epochs }, (_, i) => (0.99 * (1 - rule.improvement)) ** i);
        expect(endsTraining(epochsOf(falling), rule)).toBe(false);
      }),
    );
  });

  test('exactly so many epochs behind the last one that counted', () => {
    fc.assert(
      fc.property(rules, fc.integer({ min: 0, max: 30 }), (rule, after) => {
        // The last that counts is .5; what follows is better, but not by enough.
        const crawling = Array.from({ length: after }, (_, i) => 0.5 * (1 - (rule.improvement * i) / 31));
        expect(
          endsTraining(
            epochsOf([1, 0.5, ...crawling.map((loss) => Math.max(loss, 0.5 * (1 - rule.improvement)))]),
            rule,
          ),
        ).toBe(after >= rule.patience);
      }),
    );
  });

  test('even where many small improvements add up to one that counts, only that one starts the count anew', () => {
    const rule = { patience: 3, improvement: 0.1 };
    expect(endsTraining(epochsOf([1, 0.96, 0.93, 0.89]), rule)).toBe(false);
    expect(endsTraining(epochsOf([1, 0.96, 0.93, 0.91]), rule)).toBe(true);
  });

  test('where the loss is no number', () => {
    expect(endsTraining(epochsOf([1, NaN, NaN]), { patience: 2, improvement: 0 })).toBe(true);
  });
});

describe('a training that ends at a loss', () => {
  const target = fc.double({ min: 0.01, max: 5, noNaN: true });

  test('ends behind the first epoch whose training images have that loss or less, whatever its steps had', () => {
    const epochs = fc.array(
      fc.record({
        trainingModeLoss: fc.double({ min: 0.01, max: 5, noNaN: true }),
        trainingLoss: fc.option(fc.double({ min: 0.01, max: 5, noNaN: true }), { nil: undefined }),
      }),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(epochs, target, (seen, loss) => {
        const first = seen.findIndex(({ trainingLoss = Infinity }) => trainingLoss <= loss);
        const ended = seen.findIndex((_, at) => endsTraining(seen.slice(0, at + 1), { loss }));
        expect(ended).toBe(first);
      }),
    );
  });

  test('does not end before its first epoch, nor where the loss is no number', () => {
    expect(endsTraining([], { loss: 1 })).toBe(false);
    expect(endsTraining([{ trainingModeLoss: 0, trainingLoss: NaN }], { loss: 1 })).toBe(false);
  });

  test('has the training images looked at where the steps come near, and by no other rule', () => {
    fc.assert(
      fc.property(target, target, (loss, mean) => {
        expect(asksForTrainingLoss({ loss }, mean)).toBe(mean <= 10 * loss);
        expect(asksForTrainingLoss({ patience: 1, improvement: loss / 10 }, mean)).toBe(false);
        expect(asksForTrainingLoss(undefined, mean)).toBe(false);
      }),
    );
    expect(asksForTrainingLoss({ loss: 1 }, NaN)).toBe(false);
  });
});
