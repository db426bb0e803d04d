import { openEngine, type EngineName } from '../engine';
import { inThisThread, type Compute } from './compute';
import { inWorkers } from './workers';

/**
 * Makes an engine ready, in as many worker threads as it wants.
 *
 * @param cache the folder that engines keep their files in.
 * @param report receives progress lines of a set-up.
 * @throws UserError if the engine cannot be had here.
 */
export async function openCompute(
  name: EngineName,
  cache: string,
  report?: (line: string) => void,
): Promise<Compute> {
  const engine = await openEngine(name, cache, report);
  return engine.info.workers > 1 ? inWorkers(engine.info, cache) : inThisThread(engine);
}
