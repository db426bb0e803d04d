import { cacheFolder } from '../../src/support/cache-folder';
import { openEngine } from '../../src/engine';
import type { Engine } from '../../src/engine/engine';
import { availability, type Name } from './availability';

/** An engine; where the spec does not name one, the fastest that there is. */
export function specEngine(name: Name = fastestEngine()): Promise<Engine> {
  return openEngine(name, cacheFolder());
}

/** The first that there is, in auto's order. */
export function fastestEngine(): Name {
  return availability().find(([, missing]) => missing === null)?.[0] ?? 'wasm';
}
