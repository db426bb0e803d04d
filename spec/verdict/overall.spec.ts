import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { comparableTrainingLoss } from '../../src/verdict/comparable';
import { besideControl, heldAgainstControl, largestControlFactor } from '../../src/verdict/control';
import { overallVerdict, whyOpen } from '../../src/verdict/overall';
import { largerForLb, ratioOf, type Ratio } from '../../src/verdict/ratio';
import { evenly } from '../helpers/arbitraries';

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
        reason: `for these two minimizers, ${headline.reason}`,
      });
    }
  });

  test('is of two minimizers with one seed, of two methods on these images with several', () => {
    const several = claim(ratio([1.9, 2, 2.1], 3));
    expect(overallVerdict(several, fair, several, converging).reason).toBe(
      `for the two methods on these images, ${several.reason}`,
    );
  });

  test('does not take a headline that its control holds back for one that the curvature disagrees with', () => {
    const held = heldAgainstControl(faster, ratio([3, 3.1]));
    expect(held.verdict).toBe('INCONCLUSIVE');
    const { verdict, reason } = overallVerdict(held, fair, faster, converging);
    expect({ verdict, reason }).toEqual({
      verdict: 'INCONCLUSIVE',
      reason: `for these two minimizers, ${held.reason}`,
    });
    expect(overallVerdict(held, fair, slower, converging).reason).toContain('the picture is another (FAIL');
  });

  test('is open for the first reason that no more directions or seeds can mend', () => {
    const open = claim(ratio([0.5, 2]));
    const held = heldAgainstControl(faster, ratio([3, 3.1]));
    const anyhow = { requiresConvergence: false, smoke: false };
    expect(whyOpen(faster, fair, { requiresConvergence: true, smoke: true })).toBe('smoke');
    expect(whyOpen(open, unfair, converging)).toBe('not comparable');
    expect(whyOpen(open, unfair, anyhow)).toBe('interval');
    expect(whyOpen(open, fair, converging)).toBe('interval');
    expect(whyOpen(claim(ratio([0, 2])), fair, converging)).toBe('no ratio');
    expect(whyOpen(claim(ratio([2])), fair, converging)).toBe('one direction');
    expect(whyOpen(held, fair, converging)).toBe('control');
    for (const decided of [faster, slower]) expect(whyOpen(decided, fair, converging)).toBeNull();
    expect(whyOpen(faster, unfair, anyhow)).toBeNull();
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

  test('that has no ratio leaves a pass, and the reason says so', () => {
    const headline = claim(ratio([2, 2.1]));
    const held = heldAgainstControl(headline, ratio([0, 2]));
    expect(held.verdict).toBe('PASS');
    expect(held.reason).toContain('; the control has no ratio to hold it against (direction 0 has a figure');
    expect(largestControlFactor(ratio([0, 2]))).toBeNaN();
  });

  test('is named beside another claim of one seed that is decided, and never changes its verdict', () => {
    for (const figures of [
      [2, 2.1],
      [0.5, 0.51],
    ]) {
      const near = claim(ratio(figures));
      const [less, more] = [ratio([1.5]), ratio([0.25])].map((control) => besideControl(near, control));
      expect([less.verdict, more.verdict]).toEqual([near.verdict, near.verdict]);
      expect(less.reason).toBe(
        `${near.reason}; SB with another batch order differs from SB by a factor of 1.5, which is less`,
      );
      expect(more.reason).toContain('by a factor of 4, which is no less');
    }
    for (const other of [claim(ratio([0.5, 2])), claim(ratio([2, 2.1], 3))]) {
      expect(besideControl(other, ratio([1.5]))).toEqual(other);
    }
    const near = claim(ratio([2, 2.1]));
    for (const control of [null, ratio([0, 2])]) expect(besideControl(near, control)).toEqual(near);
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
