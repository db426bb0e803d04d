import type { EngineName } from '../engine/engine';
import { tensorflowBuild } from '../engine/tensorflow/provision';
import { probeEngine, type Probe } from './probe';

/** The order of preference; a GPU is worth more than any CPU. */
const ORDER: readonly { name: EngineName; onGpu?: boolean }[] = [
  { name: 'tensorflow', onGpu: true },
  { name: 'webgpu', onGpu: true },
  { name: 'tensorflow' },
  { name: 'wasm' },
];

/** The engine that was chosen, if one works, and a line for each that was tried before it. */
export interface Choice {
  readonly name?: EngineName;
  readonly skipped: readonly string[];
}

/**
 * Chooses the best engine that works here: TensorFlow on a GPU, WebGPU on a GPU, TensorFlow on the CPU, wasm, each
 * tried for real before it is taken.
 *
 * @param probe tries an engine.
 */
export async function chooseEngine(
  probe: (name: EngineName) => Promise<Probe>,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Choice> {
  const tried = new Map<EngineName, Probe>();
  const skipped: string[] = [];
  for (const { name, onGpu } of ORDER) {
    // Not worth fetching TensorFlow for before WebGPU was tried.
    if (name === 'tensorflow' && onGpu && tensorflowBuild(environment) !== 'cuda') continue;
    const before = tried.get(name);
    const result = before ?? (await probe(name));
    tried.set(name, result);
    if ('info' in result && (!onGpu || result.info.gpu)) return { name, skipped };
    if ('missing' in result && !before) skipped.push(`${name}: ${result.missing}`);
    if ('info' in result) skipped.push(`${name} on a GPU: it finds none that it can use`);
  }
  return { skipped };
}

/** Tries engines in processes of their own. */
export function probing(
  cache: string,
  report?: (line: string) => void,
): (name: EngineName) => Promise<Probe> {
  return (name) => probeEngine({ name, cache, measure: false }, report);
}
