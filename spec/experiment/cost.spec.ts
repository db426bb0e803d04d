import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  announcement,
  expectedSeconds,
  NOTHING,
  presetSeconds,
  workLeft,
  type Holdings,
} from '../../src/experiment/cost';
import { ownCurves } from '../../src/experiment/curves';
import { PRESETS, settingsOf } from '../../src/experiment/settings';

const stored = <T>(value: T) => ({ read: () => value, write: () => {}, remove: () => {} });

describe('the work that is left of an experiment', () => {
  test('that has not begun is every image of its epochs, tests and curves', () => {
    const settings = settingsOf('quick', 42, { seeds: 2, testCurves: true });
    const { training, evaluation } = workLeft(settings, NOTHING);
    expect(training).toBe(2 * 12_500 * (15 + 30));
    // A seed: each test image twice; 3 and 6 tests along the way and both minimizers over the training set; five
    // directions of two minimizers at 10 + 4 distances other than 0, over both splits.
    expect(evaluation).toBe(
      2 * (2 * 10_000 + (3 + 6) * 10_000 + 2 * 12_500 + 5 * 2 * 14 * (12_500 + 10_000)),
    );
  });

  test('that is done is nothing', () => {
    const settings = settingsOf('quick', 42, {});
    const done: Holdings = {
      run: () => stored({ diverged: 'a training that is over' }),
      checkpoint: () => stored(undefined),
      curves: () => stored(ownCurves(settings).map((key) => ({ ...key, directionSeed: 0, points: [] }))),
      pairedTest: () => stored({} as NonNullable<ReturnType<ReturnType<Holdings['pairedTest']>['read']>>),
    };
    expect(workLeft(settings, done)).toEqual({ training: 0, evaluation: 0 });
  });

  test('grows with seeds, epochs, images, directions and alphas', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PRESETS),
        fc.constantFrom(
          { seeds: 4 },
          { largeEpochs: 200 },
          { directions: 12 },
          { alphas: Array.from({ length: 51 }, (_, i) => (i - 25) / 25) },
        ),
        (preset, change) => {
          const rates = { training: 100, evaluation: 1000 };
          const seconds = (changes: object) =>
            expectedSeconds(workLeft(settingsOf(preset, 1, changes), NOTHING), rates);
          expect(seconds(change)).toBeGreaterThan(seconds({}));
        },
      ),
    );
  });
});

describe('what a run says of its time before it begins', () => {
  const rates = { training: 1000, evaluation: 4000 };
  const said = (preset: (typeof PRESETS)[number], at = rates, changes = {}) => {
    const settings = settingsOf(preset, 42, changes);
    return announcement(settings, workLeft(settings, NOTHING), at).join('\n');
  };

  test('is its time at the rates measured', () => {
    // 562,500 images at 1,000 a second and 1,885,000 at 4,000.
    expect(presetSeconds('quick', rates)).toBeCloseTo(562.5 + 1885 / 4, 9);
    expect(said('quick')).toBe(
      'It will take about 17 min 14 s here: 1000 images/s in training, 4000 in evaluation.',
    );
  });

  test('where it is more than two hours, names the smaller preset and its time, and goes on', () => {
    expect(said('full')).toMatch(
      /\nThat is more than two hours: --preset quick takes about 17 min 14 s; --curve-images 10000 shortens the curves\. Going on\.$/,
    );
    expect(said('quick', { training: 50, evaluation: 200 })).toContain('--preset smoke takes about');
    expect(said('full', rates, { curveImages: 10_000 })).not.toContain('shortens');
  });
});
