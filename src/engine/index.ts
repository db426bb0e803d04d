import type { Engine, EngineName } from './engine';
import { openTensorflow } from './tensorflow';
import { openWasm } from './wasm';
import { openWebgpu } from './webgpu';

/**
 * Makes an engine ready.
 *
 * @param cache the folder that engines keep their files in.
 * @param report receives progress lines of a set-up.
 * @throws UserError if the engine cannot be had here.
 */
export async function openEngine(
  name: EngineName,
  cache: string,
  report: (line: string) => void = () => {},
): Promise<Engine> {
  switch (name) {
    case 'tensorflow':
      return openTensorflow(cache, report);
    case 'webgpu':
      return openWebgpu();
    case 'wasm':
      return openWasm();
  }
}
