import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { comparableTrainingLoss } from '../../src/verdict/comparable';
import { heldAgainstControl, largestControlFactor } from '../../src/verdict/control';
import { overallVerdict } from '../../src/verdict/overall';
import { largerForLb, ratioOf, type Ratio } from '../../src/verdict/ratio';
import { evenly } from '../support/arbitraries';

const ratio = (ratios: readonly number[], seeds = 1): Ratio =>
  ratioOf(
    Array.from({ length: seeds }, (_, seed) => ({
      seed,
      pairs: ratios.map((largeBatch, direction) => ({ direction, smallBatch: 1, largeBatch })),
    })),
  );
const claim = (from: Ratio) =>
  largerForLb({ id: 'id', statement: 'statement', figure: 'rise', shownBy: 'The curves' }, from);
const end = (loss: number, accuracy: number) => ({ loss, accuracy });

describe('the overall verdict', () => {
  const faster = claim(ratio([1.9, 2, 2.1]));
  const slower = claim(ratio([0.5, 0.51, 0.52]));
  const fair = comparableTrainingLoss([{ seed: 1, smallBatch: end(0, 1), largeBatch: end(0, 1) }]);
  const unfair = comparableTrainingLoss([{ seed: 1, smallBatch: end(0, 1), largeBatch: end(1, 0.7) }]);
  const converging = { requiresConvergence: true, smoke: false };

  test("is the headline claim's where the minimizers are comparable", () => {
    for (const headline of [faster, slower]) {
      expect(overallVerdict(headline, fair, headline, converging)).toEqual({
        verdict: headline.verdict,
        reason: headline.reason,
      });
    }
  });

  test('says so where the curvature near the minimizer disagrees', () => {
    const { verdict, reason } = overallVerdict(faster, fair, slower, converging);
    expect(verdict).toBe('PASS');
    expect(reason).toContain(`near the minimizer the picture is another (FAIL: ${slower.reason})`);
  });

  test('is inconclusive where a preset that trains to convergence did not get there', () => {
    const { verdict, reason } = overallVerdict(faster, unfair, faster, converging);
    expect(verdict).toBe('INCONCLUSIVE');
    expect(reason).toContain('not at comparable minimizers');
  });

  test('stands, with the reservation named, where a preset does not train to convergence', () => {
    const { verdict, reason } = overallVerdict(faster, unfair, faster, {
      ...converging,
      requiresConvergence: false,
    });
    expect(verdict).toBe('PASS');
    expect(reason).toContain('did not end at comparable training losses');
  });

  test('of a smoke run is always inconclusive and says why', () => {
    const { verdict, reason } = overallVerdict(faster, fair, faster, {
      requiresConvergence: false,
      smoke: true,
    });
    expect(verdict).toBe('INCONCLUSIVE');
    expect(reason).toContain('smoke run');
  });
});

describe('the control', () => {
  const ratios = fc.array(evenly(-1, 1).map(Math.exp), { minLength: 2, maxLength: 6 });

  test('takes a pass of one seed away exactly where SB differs from SB as much', () => {
    fc.assert(
      fc.property(ratios, ratios, fc.integer({ min: 1, max: 3 }), (own, other, pairs) => {
        const headline = claim(ratio(own.map((value) => value * 2)));
        const control = ratio(other, pairs);
        const held = heldAgainstControl(headline, control);
        const passes = headline.verdict === 'PASS';
        const exceeded = Math.abs(Math.log(headline.estimate)) > Math.log(largestControlFactor(control));
        expect(held.verdict).toBe(passes && !exceeded ? 'INCONCLUSIVE' : headline.verdict);
        if (passes && !exceeded) expect(held.reason).toContain('another batch order');
        else expect(held).toEqual(headline);
      }),
    );
  });

  test('has the same factor whichever of the two rises faster', () => {
    fc.assert(
      fc.property(ratios, (given) => {
        const there = largestControlFactor(ratio(given));
        const back = largestControlFactor(ratio(given.map((value) => 1 / value)));
        expect(there).toBeGreaterThanOrEqual(1);
        expect(back).toBeCloseTo(there, 10);
      }),
    );
  });

  test('changes nothing where none was run, or where several seeds speak for themselves', () => {
    const one = claim(ratio([1.1, 1.11, 1.12]));
    const several = claim(ratio([1.1, 1.11, 1.12], 3));
    const control = ratio([3, 3.1]);
    expect(heldAgainstControl(one, null)).toEqual(one);
    expect(heldAgainstControl(several, control)).toEqual(several);
  });
});
