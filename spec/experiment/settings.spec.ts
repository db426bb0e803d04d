import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UserError } from '../../src/errors';
import {
  changedFromPreset,
  PRESETS,
  presetRules,
  settingsOf,
  trainingConfig,
} from '../../src/experiment/settings';

describe('presets', () => {
  test('quick keeps the ratio of batch sizes, the share of the data in a batch and the steps an epoch of full', () => {
    const [quick, full] = [settingsOf('quick', 1, {}), settingsOf('full', 1, {})];
    for (const settings of [quick, full]) {
      expect(settings.largeBatch / settings.smallBatch).toBe(16);
      expect(Math.ceil(settings.trainSize / settings.smallBatch)).toBe(196);
      expect(Math.ceil(settings.trainSize / settings.largeBatch)).toBe(13);
    }
  });

  test("scale LB's learning rate by the square root of the ratio: .04 at ratio 16, unless one is given", () => {
    expect(settingsOf('full', 1, {}).largeLearningRate).toBeCloseTo(0.04, 12);
    expect(settingsOf('full', 1, { largeLearningRate: 0.1 }).largeLearningRate).toBe(0.1);
    expect(settingsOf('quick', 1, { largeBatch: 64 }).largeLearningRate).toBeCloseTo(0.01, 12);
  });

  test("recipe is the reference implementation's own training", () => {
    expect(settingsOf('recipe', 42, {})).toMatchObject({
      smallBatch: 256,
      largeBatch: 4096,
      smallEpochs: 15,
      largeEpochs: 15,
      weightDecay: 5e-4,
      dropout: 0.5,
      augment: true,
    });
  });

  test('train SB and LB alike but for batch size, epochs and learning rate', () => {
    for (const preset of PRESETS) {
      const settings = settingsOf(preset, 1, {});
      const common = ({ momentum, weightDecay, dropout, augment }: ReturnType<typeof trainingConfig>) => ({
        momentum,
        weightDecay,
        dropout,
        augment,
      });
      expect(common(trainingConfig(settings, 'SB'))).toEqual(common(trainingConfig(settings, 'LB')));
    }
  });

  test('hold α = 0 on their grid', () => {
    for (const preset of PRESETS) expect(settingsOf(preset, 1, {}).alphas).toContain(0);
  });

  test('quick and full must converge, recipe need not, smoke never judges', () => {
    expect(PRESETS.map((preset) => presetRules(preset))).toEqual([
      { requiresConvergence: false, smoke: true },
      { requiresConvergence: true, smoke: false },
      { requiresConvergence: true, smoke: false },
      { requiresConvergence: false, smoke: false },
    ]);
  });
});

describe('settings', () => {
  test('tell which of them a flag changed', () => {
    expect(changedFromPreset(settingsOf('quick', 7, {}))).toEqual([]);
    expect(changedFromPreset(settingsOf('quick', 7, { dropout: 0.1, directions: 5 }))).toEqual(['dropout']);
  });

  test.each([
    [{ smallBatch: 12_501 }, '--small-batch 12501 is more than the 12500 training images'],
    [{ largeBatch: 20_000 }, '--large-batch 20000 is more than the 12500 training images'],
    [{ curveImages: 12_501 }, '--curve-images 12501 is more than'],
    [{ smallBatch: 2048 }, '--small-batch 2048 is more than --large-batch 1024'],
    [{ trainSize: 50_001 }, '--train-size'],
    [{ trainSize: 0 }, '--train-size'],
    [{ directions: 0 }, '--directions'],
    [{ alphas: [-1, 1] }, '--alphas must hold 0'],
    [{ alphas: [0] }, '--alphas'],
    [{ dropout: 1 }, '--dropout'],
    [{ momentum: 1 }, '--momentum'],
    [{ learningRate: 0 }, '--learning-rate'],
    [{ weightDecay: -1 }, '--weight-decay'],
    [{ smallEpochs: 1.5 }, '--small-epochs'],
  ])('%j are refused in one line that names the flag', (changes, message) => {
    const refused = () => settingsOf('quick', 1, changes);
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(message);
    expect(refused).not.toThrow(/\n/);
  });

  test('take no seed whose directions would not be whole numbers', () => {
    expect(() => settingsOf('quick', 2 ** 53 - 1, {})).toThrow('--seed');
  });

  test('take any batch sizes up to the training set', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12_500 }), fc.integer({ min: 1, max: 12_500 }), (one, other) => {
        const [smallBatch, largeBatch] = [Math.min(one, other), Math.max(one, other)];
        const settings = settingsOf('quick', 1, { smallBatch, largeBatch });
        expect(settings.largeLearningRate / settings.learningRate).toBeCloseTo(
          Math.sqrt(largeBatch / smallBatch),
          9,
        );
      }),
    );
  });
});
