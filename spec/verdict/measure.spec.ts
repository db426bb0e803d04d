import { describe, expect, test } from '@jest/globals';
import { meanOf } from '../../src/verdict/measure';

describe('the mean of a figure', () => {
  test('is over directions with one seed, and over the seeds’ means with several', () => {
    expect(meanOf([{ seed: 1, figures: [1, 3] }])).toMatchObject({ estimate: 2, n: 2, over: 'directions' });
    const seeds = [
      { seed: 1, figures: [0, 0, 0, 0] },
      { seed: 2, figures: [2] },
    ];
    // Two means 0 and 2: standard error 1, and Student's quantile with one degree of freedom is 12.706.
    const { estimate, interval, n, over } = meanOf(seeds);
    expect({ estimate, n, over }).toEqual({ estimate: 1, n: 2, over: 'seeds' });
    expect(interval[1]).toBeCloseTo(1 + 12.7062, 3);
  });

  test('is none where a direction has no such figure, and has no interval of one observation', () => {
    expect(meanOf([{ seed: 1, figures: [1, NaN] }]).estimate).toBeNaN();
    expect(meanOf([{ seed: 1, figures: [1] }])).toMatchObject({ estimate: 1, interval: [NaN, NaN] });
  });
});
