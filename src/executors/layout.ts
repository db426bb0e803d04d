import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Rates } from '../compute/rates';
import type { EngineInfo } from '../engine/engine';
import { writeAtomically } from '../support/atomic-file';
import { Interrupted, messageOf } from '../support/errors';
import { makeFolder } from '../support/folders';
import { settled } from '../support/settled';
import type { WorkerProcess } from './worker-process';

// How a machine's cores are shared out: how many worker processes, and how many threads in each.

export interface Layout {
  readonly workers: number;
  /** Of each worker. */
  readonly threads: number;
}

const measuredSchema = z.object({
  workers: z.number().int().min(1),
  threads: z.number().int().min(1),
  /** Of all workers together, in images a second. */
  rates: z.object({ training: z.number(), evaluation: z.number() }),
});
export type MeasuredLayout = z.infer<typeof measuredSchema>;

/** By how much a layout must be faster than one with fewer processes; less is noise. */
const WORTH = 1.05;

/** Layouts that use all cores: 1 process, 2, 4, … as far as memory allows, the threads shared out evenly. */
export function possibleLayouts(cores: number, maxWorkers: number): Layout[] {
  const layouts: Layout[] = [];
  for (let workers = 1; workers <= Math.min(cores, maxWorkers); workers *= 2) {
    layouts.push({ workers, threads: Math.floor(cores / workers) });
  }
  return layouts;
}

/**
 * The layout that trains fastest. More processes are taken only where they are clearly faster; a layout that cannot work,
 * perhaps for want of memory, is left out.
 *
 * @param ratesOf of all workers of a layout together.
 * @throws whatever keeps the first layout from working; Interrupted.
 */
export async function fastestLayout(
  [first, ...others]: readonly Layout[],
  ratesOf: (layout: Layout) => Promise<Rates>,
  say: (line: string) => void,
): Promise<MeasuredLayout> {
  let best: MeasuredLayout = { ...first, rates: await ratesOf(first) };
  for (const layout of others) {
    try {
      const rates = await ratesOf(layout);
      if (rates.training > WORTH * best.rates.training) best = { ...layout, rates };
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      say(`${layout.workers} workers cannot work side by side here: ${messageOf(error)}`);
    }
  }
  return best;
}

/**
 * Trains and evaluates for some seconds in all workers of a layout side by side, which end with it.
 *
 * @throws whatever keeps one from working; the signal's reason.
 */
export async function ratesTogether(
  layout: Layout,
  batchSize: number,
  start: (threads: number) => Promise<Pick<WorkerProcess, 'measureRates' | 'end' | 'kill'>>,
  signal: AbortSignal,
): Promise<Rates> {
  const started: Awaited<ReturnType<typeof start>>[] = [];
  // There is nothing to be stored.
  const kill = () => started.forEach((worker) => worker.kill());
  signal.addEventListener('abort', kill);
  try {
    signal.throwIfAborted();
    await settled(
      Array.from({ length: layout.workers }, async () => void started.push(await start(layout.threads))),
    );
    signal.throwIfAborted();
    const all = await settled(started.map((worker) => worker.measureRates(batchSize)));
    const sum = (of: keyof Rates) => all.reduce((total, rates) => total + rates[of], 0);
    return { training: sum('training'), evaluation: sum('evaluation') };
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', kill);
    await Promise.all(started.map((worker) => worker.end()));
  }
}

/** What was measured for an engine, a machine and a batch size; kept in the cache folder, and measured once. */
export async function rememberedLayout(
  cache: string,
  { name, version, device }: EngineInfo,
  layouts: readonly Layout[],
  batchSize: number,
  measure: () => Promise<MeasuredLayout>,
): Promise<MeasuredLayout> {
  const file = join(cache, 'layouts.json');
  const key = JSON.stringify([
    name,
    version,
    device,
    layouts.map(({ workers, threads }) => [workers, threads]),
    batchSize,
  ]);
  const known = readLayouts(file);
  if (known[key]) return known[key];
  const measured = await measure();
  makeFolder(dirname(file));
  writeAtomically(file, `${JSON.stringify({ ...known, [key]: measured }, null, 2)}\n`);
  return measured;
}

/** Empty where there is no such file, or it is of another version. */
function readLayouts(file: string): Record<string, MeasuredLayout> {
  if (!existsSync(file)) return {};
  try {
    return z.record(z.string(), measuredSchema).parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}
