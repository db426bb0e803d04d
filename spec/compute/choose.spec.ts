import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chooseEngine } from '../../src/compute/choose';
import type { Probe } from '../../src/compute/probe';
import { ENGINE_NAMES, type EngineName } from '../../src/engine/engine';

/** What becomes of an engine: it works on a GPU, works on a CPU, or is missing. */
type Fate = 'gpu' | 'cpu' | 'missing';

const fates: fc.Arbitrary<Record<EngineName, Fate>> = fc.record({
  tensorflow: fc.constantFrom('gpu', 'cpu', 'missing'),
  webgpu: fc.constantFrom('gpu', 'cpu', 'missing'),
  wasm: fc.constantFrom('cpu', 'missing'),
});

function probing(fate: Record<EngineName, Fate>) {
  const asked: EngineName[] = [];
  const probe = async (name: EngineName): Promise<Probe> => {
    asked.push(name);
    if (fate[name] === 'missing') return { name, missing: `no ${name} here` };
    const gpu = fate[name] === 'gpu';
    return { info: { name, version: '1', device: 'some', gpu, threads: 1, workers: 1 } };
  };
  return { asked, probe };
}

/** As on a machine with an NVIDIA driver, and without one. */
const CUDA = { SHARP_MINIMA_TENSORFLOW: 'cuda' };
const NO_CUDA = { SHARP_MINIMA_TENSORFLOW: 'cpu' };

describe('the engine that auto chooses', () => {
  test('is the first that works of TensorFlow on a GPU, WebGPU on a GPU, TensorFlow on the CPU and wasm', async () => {
    await fc.assert(
      fc.asyncProperty(fates, async (fate) => {
        const { probe } = probing(fate);
        const expected: EngineName | undefined =
          fate.tensorflow === 'gpu'
            ? 'tensorflow'
            : fate.webgpu === 'gpu'
              ? 'webgpu'
              : fate.tensorflow === 'cpu'
                ? 'tensorflow'
                : fate.wasm === 'cpu'
                  ? 'wasm'
                  : undefined;
        expect((await chooseEngine(probe, CUDA)).name).toBe(expected);
      }),
    );
  });

  test('leaves a line with the reason for every engine that was tried before and did not do', async () => {
    await fc.assert(
      fc.asyncProperty(fates, async (fate) => {
        const { asked, probe } = probing({ ...fate, wasm: 'cpu' });
        const { name, skipped } = await chooseEngine(probe, NO_CUDA);
        const others = asked.filter((other) => other !== name);
        expect(skipped.map((line) => line.split(/[ :]/)[0])).toEqual(others);
        for (const line of skipped) expect(line).toMatch(/: (no \w+ here|it finds none that it can use)$/);
      }),
    );
  });

  test('is found without trying any engine twice, or one that is not needed', async () => {
    await fc.assert(
      fc.asyncProperty(fates, fc.constantFrom(CUDA, NO_CUDA), async (fate, environment) => {
        const { asked, probe } = probing({ ...fate, wasm: 'cpu' });
        const { name } = await chooseEngine(probe, environment);
        expect(new Set(asked).size).toBe(asked.length);
        if (name !== 'wasm') expect(asked).not.toContain('wasm');
        if (name === 'webgpu' && environment === NO_CUDA) expect(asked).not.toContain('tensorflow');
      }),
    );
  });

  test('does not exist where none works, and there is every reason', async () => {
    const { probe } = probing({ tensorflow: 'missing', webgpu: 'missing', wasm: 'missing' });
    const { name, skipped } = await chooseEngine(probe, NO_CUDA);
    expect(name).toBeUndefined();
    expect([...skipped].sort()).toEqual(
      [...ENGINE_NAMES].sort().map((other) => `${other}: no ${other} here`),
    );
  });
});
