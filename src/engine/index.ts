import type { Engine } from './engine';
import { openTensorflow } from './tensorflow';
import { openWasm } from './wasm';

/** Engines by the names that `--engine` takes; `auto` is the best that there is. */
export const ENGINES = ['auto', 'tensorflow', 'wasm'] as const;
export type EngineName = (typeof ENGINES)[number];

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
    case 'auto':
    case 'tensorflow':
      return openTensorflow(cache, report);
    case 'wasm':
      return openWasm();
  }
}
