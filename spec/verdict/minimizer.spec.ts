import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lossNeverFalls, smallBatchGoesFarther } from '../../src/verdict/minimizer';
import { evenly } from '../helpers/arbitraries';

const alphas = [-1, -0.5, 0, 0.5, 1];
const curves = fc.array(
  fc.record({
    regime: fc.constantFrom('SB', 'LB'),
    loss: fc.array(evenly(0, 1), { minLength: 5, maxLength: 5 }),
  }),
  { minLength: 1, maxLength: 6 },
);

describe('the claim that the loss never falls', () => {
  test('holds exactly where no point lies below its minimizer, and counts those that do', () => {
    fc.assert(
      fc.property(curves, (given) => {
        const named = given.map((curve, direction) => ({ ...curve, seed: 1, direction, alphas }));
        const below = given.flatMap(({ loss }) => loss.filter((value) => value < loss[2])).length;
        const { verdict, reason, n, estimate } = lossNeverFalls(named);
        expect(verdict).toBe(below === 0 ? 'PASS' : 'FAIL');
        if (below > 0) expect(reason).toContain(`lower at ${below} of ${n} points`);
        expect(n).toBe(4 * given.length);
        expect(estimate).toBe(
          Math.min(
            ...given.flatMap(({ loss }) => loss.filter((_, i) => i !== 2).map((value) => value - loss[2])),
          ),
        );
      }),
    );
  });

  test('names the lowest point', () => {
    const curve = { regime: 'LB', seed: 43, direction: 2, alphas, loss: [1, 0.4, 0.5, 0.45, 1] };
    expect(lossNeverFalls([curve]).reason).toContain('LB of seed 43, direction 2, α = -0.5');
  });

  test('is open where a loss is no number, unless another falls', () => {
    const curve = { regime: 'SB', seed: 1, direction: 0, alphas, loss: [NaN, 1, 0.5, 1, 1] };
    expect(lossNeverFalls([curve]).verdict).toBe('INCONCLUSIVE');
    expect(lossNeverFalls([{ ...curve, loss: [NaN, 0, 0.5, 1, 1] }]).verdict).toBe('FAIL');
  });
});

describe('the claim that SB goes farther from its start', () => {
  const seed = (number: number, ratio: number) => ({ seed: number, smallBatch: ratio, largeBatch: 1 });

  test('of one seed is the plain comparison of two numbers', () => {
    expect(smallBatchGoesFarther([seed(1, 4)]).verdict).toBe('PASS');
    expect(smallBatchGoesFarther([seed(1, 0.8)])).toMatchObject({ verdict: 'FAIL', estimate: 0.8, n: 1 });
    expect(smallBatchGoesFarther([seed(1, 0.8)]).reason).toContain('against the claim');
  });

  test('of several seeds is judged by the interval over them', () => {
    expect(smallBatchGoesFarther([1.5, 1.6, 1.7].map((ratio, i) => seed(i, ratio))).verdict).toBe('PASS');
    expect(smallBatchGoesFarther([0.5, 1.6, 1.7].map((ratio, i) => seed(i, ratio))).verdict).toBe(
      'INCONCLUSIVE',
    );
  });

  test("tells whether it reaches the paper's 3 to 10", () => {
    expect(smallBatchGoesFarther([seed(1, 4)]).reason).toContain("; within the paper's 3 to 10");
    expect(smallBatchGoesFarther([seed(1, 1.2)]).reason).toContain("; not within the paper's 3 to 10");
  });
});
