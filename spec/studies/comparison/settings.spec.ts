import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UserError } from '../../../src/support/errors';
import { regimeTraining } from '../../../src/studies/comparison/jobs';
import { REGIMES } from '../../../src/training/regime';
import { ENVIRONMENT } from '../../helpers/environment';
import {
  changedFromPreset,
  comparisonOf,
  commandOf,
  controlCommandOf,
  PRESETS,
  presetRules,
  settingsOf,
  type PresetName,
  type Settings,
} from '../../../src/studies/comparison/settings';

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

  test('run one seed, but for full, which runs three', () => {
    expect(PRESETS.map((preset) => settingsOf(preset, 1, {}).seeds)).toEqual([1, 1, 3, 1]);
  });

  test('train SB and LB alike but for batch size, epochs and learning rate', () => {
    for (const preset of PRESETS) {
      const setup = {
        settings: comparisonOf(settingsOf(preset, 1, {})),
        engine: { name: 'wasm', version: '1' },
        data: { cifar10: { train: '', test: '', trainImages: 50_000, testImages: 10_000 } },
        environment: ENVIRONMENT,
      } as const;
      const [small, large] = REGIMES.map((regime) => regimeTraining(setup, regime, 1));
      const { batchSize, learningRate, stopAfter } = small;
      expect({ ...large, batchSize, learningRate, stopAfter }).toEqual(small);
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

  test('do not call changed what only follows from another flag', () => {
    expect(changedFromPreset(settingsOf('quick', 7, { trainSize: 5000 }))).toEqual(['trainSize']);
    expect(changedFromPreset(settingsOf('quick', 7, { largeBatch: 256 }))).toEqual(['largeBatch']);
    expect(changedFromPreset(settingsOf('quick', 7, { learningRate: 0.02 }))).toEqual(['learningRate']);
    const own = settingsOf('quick', 7, { trainSize: 5000, curveImages: 4000, largeLearningRate: 0.1 });
    expect(changedFromPreset(own)).toEqual(['trainSize', 'largeLearningRate', 'curveImages']);
  });

  test('refuse as many seeds or directions as no report would ask for', () => {
    for (const key of ['seeds', 'directions'] as const) {
      expect(settingsOf('quick', 1, { [key]: 1000 })[key]).toBe(1000);
      expect(() => settingsOf('quick', 1, { [key]: 1001 })).toThrow(`--${key}`);
    }
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

describe('the command of settings', () => {
  const none = { sensitivityImages: null, learningRates: false };
  /** What reproduce.ts would make of a command's flags. */
  const read = (command: string): Record<string, string | true> => {
    const words = command.split(' ').filter((word) => word !== 'control');
    expect(words.slice(0, 3)).toEqual(['npx', 'ts-node', 'reproduce.ts']);
    const flags: Record<string, string | true> = {};
    for (let i = 3; i < words.length; i++) {
      const [flag, value] = words[i].split('=');
      const next = words[i + 1];
      flags[flag] = value ?? (next === undefined || next.startsWith('--') ? true : words[++i]);
    }
    return flags;
  };
  const settingsRead = (command: string): Settings => {
    const { '--preset': preset, '--seed': seed, '--engine': _, ...flags } = read(command);
    const changes = Object.entries(flags).map(([flag, value]) => {
      const name = flag
        .replace(/^--(no-)?/, '')
        .replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      if (value === true) return [name, !flag.startsWith('--no-')];
      if (name === 'normalization') return [name, value];
      return [name, name === 'alphas' ? value.split(',').map(Number) : Number(value)];
    });
    return settingsOf(preset as PresetName, Number(seed), Object.fromEntries(changes) as Partial<Settings>);
  };
  const changes = fc.record(
    {
      seeds: fc.constantFrom(1, 3),
      trainSize: fc.constantFrom(512, 5000),
      smallBatch: fc.constantFrom(16, 32),
      largeBatch: fc.constantFrom(128, 512),
      largeEpochs: fc.integer({ min: 1, max: 60 }),
      learningRate: fc.constantFrom(0.01, 0.02, 1e-7),
      largeLearningRate: fc.constantFrom(0.04, 0.1),
      weightDecay: fc.constantFrom(0, 5e-4),
      augment: fc.boolean(),
      directions: fc.constantFrom(2, 5, 11),
      alphas: fc.constantFrom<number[][]>([-1, 0, 1], [0, 0.5]),
      normalization: fc.constantFrom('layer' as const, 'filter' as const),
      curveImages: fc.constantFrom(100, 512),
      testCurves: fc.boolean(),
    },
    { requiredKeys: ['smallBatch', 'largeBatch'] },
  );

  test('leads back to the same settings, of the experiment and of its control', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PRESETS), fc.integer(), changes, (preset, seed, changed) => {
        const settings = settingsOf(preset, seed, changed);
        expect(settingsRead(commandOf(settings, 'wasm', none))).toEqual(settings);
        expect(settingsRead(controlCommandOf(settings, 'wasm', 4))).toEqual({ ...settings, seeds: 4 });
      }),
    );
  });

  test('names the engine and what was done beside the experiment, and of the control the number of its pairs', () => {
    const settings = settingsOf('quick', 42, {});
    const start = 'npx ts-node reproduce.ts';
    const flags = '--engine tensorflow --preset quick --seed 42';
    expect(commandOf(settings, 'tensorflow', none)).toBe(`${start} ${flags}`);
    expect(commandOf(settings, 'tensorflow', { sensitivityImages: 2000, learningRates: true })).toBe(
      `${start} ${flags} --sensitivity-images 2000 --sensitivity-training`,
    );
    expect(controlCommandOf({ ...settings, seeds: 3 }, 'tensorflow', 1)).toBe(
      `${start} control ${flags} --seeds 1`,
    );
  });
});
