import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Probe } from '../../src/compute/probe';
import { diagnose, diagnosisText } from '../../src/cli/diagnosis';
import { ENGINE_NAMES, type EngineName } from '../../src/engine/engine';
import { presetSeconds } from '../../src/studies/comparison/cost';
import { PRESETS } from '../../src/studies/comparison/settings';

const works = (name: EngineName, training: number): Probe => ({
  info: { name, version: `${name} 1.0`, device: 'CPU (some)', gpu: false, threads: 2, workers: 1 },
  rates: { training, evaluation: 4 * training },
});
const missing = (name: EngineName): Probe => ({ name, missing: `${name} is not here: install it` });

const probes: fc.Arbitrary<ReadonlyMap<EngineName, Probe>> = fc
  .tuple(
    ...ENGINE_NAMES.map((name) => fc.boolean().map((there) => (there ? works(name, 100) : missing(name)))),
  )
  .map((list) => new Map(ENGINE_NAMES.map((name, at) => [name, list[at]])));

describe('a diagnosis', () => {
  test('says of every engine what it is and how fast, or what is the matter, and never both', async () => {
    await fc.assert(
      fc.asyncProperty(probes, async (found) => {
        const { engines } = await diagnose(async (name) => found.get(name)!);
        expect(engines.map(({ name }) => name)).toEqual([...ENGINE_NAMES]);
        for (const engine of engines) {
          const { name, available, version, device, trainImagesPerSecond, evalImagesPerSecond, remedy } =
            engine;
          expect(available).toBe('info' in found.get(name)!);
          for (const known of [version, device, trainImagesPerSecond, evalImagesPerSecond]) {
            expect(known !== null).toBe(available);
          }
          expect(remedy).toBe(available ? null : `${name} is not here: install it`);
        }
      }),
    );
  });

  test('expects the times of the presets on the engine that auto would choose', async () => {
    const rates = { training: 80, evaluation: 320 };
    const found = new Map<EngineName, Probe>([
      ['tensorflow', missing('tensorflow')],
      ['webgpu', missing('webgpu')],
      ['wasm', works('wasm', 80)],
    ]);
    const { presets } = await diagnose(async (name) => found.get(name)!);
    expect(presets).toEqual(
      PRESETS.map((name) => ({ name, seconds: Math.round(presetSeconds(name, rates)) })),
    );
  });

  test('knows no time where no engine works', async () => {
    const { presets } = await diagnose(async (name) => missing(name));
    expect(presets).toEqual(PRESETS.map((name) => ({ name, seconds: null })));
  });

  test('is a table for people, with the mend of what is missing below it', async () => {
    const diagnosis = await diagnose(async (name) =>
      name === 'webgpu' ? missing(name) : works(name, name === 'wasm' ? 0.4 : 1160),
    );
    const text = diagnosisText(diagnosis);
    expect(text).toMatch(/^tensorflow +works +CPU \(some\) +1160 +4640 +tensorflow 1\.0$/m);
    expect(text).toMatch(/^webgpu +missing +– +– +– +–$/m);
    expect(text).toMatch(/^wasm +works +CPU \(some\) +0\.4 +1\.6 +wasm 1\.0$/m);
    expect(text).toContain('\nwebgpu: webgpu is not here: install it\n');
    expect(text).toMatch(/^quick +\d+ min \d+ s$/m);
  });
});
