import { describe, expect, test } from '@jest/globals';
import { announcement, presetSeconds } from '../../../src/studies/comparison/cost';
import { PRESETS, settingsOf } from '../../../src/studies/comparison/settings';

const RATES = { training: 1000, evaluation: 4000 };
const QUICK = { training: 562_500, evaluation: 1_855_000 };

describe('the expected time of a preset', () => {
  test('is every image of its epochs, statistics, evaluations and curves, each once', () => {
    // Training: 15 and 30 epochs of 12,500 images. Evaluation: statistics and training images of both, each test image
    // twice, and five directions of two minimizers at 10 + 4 distances other than 0.
    expect(QUICK).toEqual({
      training: 12_500 * (15 + 30),
      evaluation: 2 * (2 * 12_500) + 2 * 10_000 + 5 * 2 * 14 * 12_500 + 35_000,
    });
    expect(presetSeconds('quick', RATES)).toBeCloseTo(562.5 + (QUICK.evaluation - 35_000) / 4000, 9);
  });

  test('is longer for larger presets', () => {
    const [smoke, quick, full] = PRESETS.map((preset) => presetSeconds(preset, RATES));
    expect(smoke).toBeLessThan(quick);
    expect(quick).toBeLessThan(full);
  });
});

describe('what is printed before a run', () => {
  const said = (preset: (typeof PRESETS)[number], cost = QUICK, rates = RATES, changes = {}) =>
    announcement(settingsOf(preset, 42, changes), cost, rates).join('\n');

  test('is its time at the rates measured', () => {
    expect(said('quick', { training: 562_500, evaluation: 1_885_000 })).toBe(
      'It will take about 17 min 14 s here: 1000 images/s in training, 4000 in evaluation.',
    );
  });

  test('names the smaller preset and its time where it is more than two hours', () => {
    const full = { training: 13_500_000, evaluation: 42_000_000 };
    expect(said('full', full)).toMatch(
      /\nThat is more than two hours: --preset quick takes about 16 min \d+ s; --curve-images 10000 shortens the curves\. Continuing\.$/,
    );
    expect(said('quick', QUICK, { training: 50, evaluation: 200 })).toContain('--preset smoke takes about');
    expect(said('full', full, RATES, { curveImages: 10_000 })).not.toContain('shortens');
  });
});
