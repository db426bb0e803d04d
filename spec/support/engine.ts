import { cacheFolder } from '../../src/cache-folder';
import { openEngine } from '../../src/engine';
import type { Engine } from '../../src/engine/engine';

/** The engine that the specs run on. */
export function specEngine(): Promise<Engine> {
  return openEngine('auto', cacheFolder());
}
