import { openEngine } from '../engine';
import { ENGINE_NAMES, type Engine, type EngineName } from '../engine/engine';
import { UserError } from '../support/errors';
import { chooseEngine, probing, type Choice } from './choose';
import { inThisThread, type Compute } from './compute';
import { inWorkers } from './workers';

/** What `--engine` takes: the name of an engine, or the best that works here. */
export const ENGINE_CHOICES = ['auto', ...ENGINE_NAMES] as const;
export type EngineChoice = 'auto' | EngineName;

/** What computes, and which engines were tried before it and why they were skipped, a line each. */
export interface OpenedCompute {
  readonly compute: Compute;
  readonly skipped: readonly string[];
}

/**
 * Makes an engine ready, in as many worker threads as it wants.
 *
 * @param cache the folder that engines keep their files in.
 * @param report receives progress lines of a set-up.
 * @throws UserError if the engine cannot be had here.
 */
export async function openCompute(
  choice: EngineChoice,
  cache: string,
  report: (line: string) => void = () => {},
): Promise<OpenedCompute> {
  const { name, skipped }: Choice =
    choice === 'auto' ? await chooseEngine(probing(cache, report)) : { name: choice, skipped: [] };
  if (!name) throw new UserError(`No engine works here. ${skipped.join('; ')}.`);
  return { compute: computeOn(await openEngine(name, cache, report), cache), skipped };
}

/** Computes on an engine; one that is worth more than one worker computes in threads with engines of their own. */
export function computeOn(engine: Engine, cache: string): Compute {
  return engine.info.workers > 1 ? inWorkers(engine.info, cache) : inThisThread(engine);
}
