import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fairCoinP } from '../../src/verdict/interval';
import { accuracyGap, generalisesWorse, lossGap, pairTests } from '../../src/verdict/generalization';
import { evenly } from '../helpers/arbitraries';

const image = fc.record({ loss: evenly(0, 3), correct: fc.integer({ min: 0, max: 1 }) });
const results = (images: readonly { loss: number; correct: number }[]) => ({
  losses: Float32Array.from(images, ({ loss }) => loss),
  correct: Uint8Array.from(images, ({ correct }) => correct),
});
const twoResults = fc
  .array(fc.tuple(image, image), { minLength: 2, maxLength: 200 })
  .map((pairs) => [results(pairs.map(([sb]) => sb)), results(pairs.map(([, lb]) => lb))] as const);

const mean = (values: Iterable<number>) => {
  const all = [...values];
  return all.reduce((sum, value) => sum + value, 0) / all.length;
};

describe('two minimizers on the same test images', () => {
  test('differ in accuracy and loss as their own means do', () => {
    fc.assert(
      fc.property(twoResults, ([sb, lb]) => {
        const pair = pairTests(sb, lb);
        expect(accuracyGap(pair).estimate).toBeCloseTo(mean(sb.correct) - mean(lb.correct), 12);
        expect(lossGap(pair).estimate).toBeCloseTo(mean(lb.losses) - mean(sb.losses), 6);
      }),
    );
  });

  test("have an accuracy gap that leaves out 0 exactly where McNemar's test refuses equality at 5%", () => {
    const count = fc.integer({ min: 0, max: 150 });
    fc.assert(
      fc.property(count, count, (onlySmallBatchRight, onlyLargeBatchRight) => {
        const pair = { images: 1000, onlySmallBatchRight, onlyLargeBatchRight };
        const { interval, p, estimate } = accuracyGap({ ...pair, lossDifference: 0, lossDifferenceError: 1 });
        const [low, high] = interval;
        expect(low > 0 || high < 0).toBe(p < 0.05);
        expect(p).toBe(fairCoinP(onlySmallBatchRight, onlySmallBatchRight + onlyLargeBatchRight));
        if (p < 1) expect(low <= estimate && estimate <= high).toBe(true);
      }),
    );
  });

  test('have a loss gap whose interval is that of the paired differences', () => {
    // Differences of ±1 around 2, half of each: standard error √(n / (n − 1) / n).
    const n = 1000;
    const sb = { losses: new Float32Array(n), correct: new Uint8Array(n) };
    const lb = {
      losses: Float32Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : 3)),
      correct: sb.correct,
    };
    const { estimate, interval } = lossGap(pairTests(sb, lb));
    expect(estimate).toBe(2);
    // 1.9623 is Student's quantile with 999 degrees of freedom.
    expect(interval[1] - 2).toBeCloseTo(1.96234 / Math.sqrt(n - 1), 6);
  });
});

describe('the claims that LB generalises worse', () => {
  const seedTest = (seed: number, difference: number) => ({
    seed,
    images: 10_000,
    onlySmallBatchRight: 500 + 5000 * difference,
    onlyLargeBatchRight: 500 - 5000 * difference,
    lossDifference: difference,
    lossDifferenceError: 0.001,
  });

  test('pass, fail in plain words or stay open with the interval', () => {
    const verdicts = (difference: number) =>
      generalisesWorse([seedTest(1, difference)]).map(({ verdict }) => verdict);
    expect(verdicts(0.02)).toEqual(['PASS', 'PASS']);
    expect(verdicts(-0.02)).toEqual(['FAIL', 'FAIL']);
    expect(verdicts(0)).toEqual(['INCONCLUSIVE', 'INCONCLUSIVE']);
    for (const { reason } of generalisesWorse([seedTest(1, -0.02)]))
      expect(reason).toContain('against the claim');
  });

  test('with several seeds count the seeds, however sure the images of each are', () => {
    const claims = generalisesWorse([seedTest(1, 0.03), seedTest(2, -0.02), seedTest(3, 0.01)]);
    for (const { verdict, n, over, bySeed } of claims) {
      expect({ verdict, n, over }).toEqual({ verdict: 'INCONCLUSIVE', n: 3, over: 'seeds' });
      expect(bySeed.map((own) => own.over)).toEqual(['images', 'images', 'images']);
    }
  });
});
