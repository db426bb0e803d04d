import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../support/atomic-file';
import type { Rates } from '../compute/rates';
import { settled } from '../support/settled';
import type { EngineInfo } from '../engine/engine';
import { Interrupted, messageOf } from '../support/errors';
import type { WorkerProcess } from './worker-process';

const countSchema = z.object({
  workers: z.number().int().min(1),
  /** Of all workers together, in images a second. */
  rates: z.object({ training: z.number(), evaluation: z.number() }),
});
export type WorkerCount = z.infer<typeof countSchema>;

/** What one more doubling must bring; less is noise. */
const WORTH = 1.05;

/**
 * How many workers side by side are fastest, and how fast they are: 1, 2, 4, … as long as more bring more. So many that
 * they cannot work side by side, for want of memory perhaps, are no faster.
 *
 * @param ratesOf so many together.
 * @param most that the machine has cores and memory for.
 * @param say told of workers that could not work.
 * @throws whatever keeps a single one from working; Interrupted.
 */
export async function fastestCount(
  most: number,
  ratesOf: (workers: number) => Promise<Rates>,
  say: (line: string) => void,
): Promise<WorkerCount> {
  let best: WorkerCount = { workers: 1, rates: await ratesOf(1) };
  for (let workers = 2; best.workers < most; workers *= 2) {
    const next = Math.min(workers, most);
    const rates = await ratesOf(next).catch((error: unknown) => {
      if (error instanceof Interrupted) throw error;
      say(`${next} workers side by side cannot work here: ${messageOf(error)}`);
      return undefined;
    });
    if (!rates || rates.training < WORTH * best.rates.training) break;
    best = { workers: next, rates };
  }
  return best;
}

/**
 * Trains and evaluates for some seconds in so many workers side by side, which end with it.
 *
 * @throws whatever keeps one from working; the signal's reason.
 */
export async function ratesTogether(
  workers: number,
  start: () => Promise<Pick<WorkerProcess, 'measureRates' | 'end' | 'kill'>>,
  signal: AbortSignal,
): Promise<Rates> {
  const started: Awaited<ReturnType<typeof start>>[] = [];
  // There is nothing to be stored.
  const kill = () => started.forEach((worker) => worker.kill());
  signal.addEventListener('abort', kill);
  try {
    signal.throwIfAborted();
    await settled(Array.from({ length: workers }, async () => void started.push(await start())));
    signal.throwIfAborted();
    const all = await settled(started.map((worker) => worker.measureRates()));
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

/**
 * What was measured, and is kept in the cache folder: measured once for an engine on a machine.
 *
 * @param most the limit that it was measured under; another one is measured anew.
 */
export async function rememberedCount(
  cache: string,
  { name, version, device, threads }: EngineInfo,
  most: number,
  measure: () => Promise<WorkerCount>,
): Promise<WorkerCount> {
  const file = join(cache, 'sweep-workers.json');
  const key = JSON.stringify([name, version, device, threads, most]);
  const known = readCounts(file);
  if (known[key]) return known[key];
  const count = await measure();
  mkdirSync(dirname(file), { recursive: true });
  writeAtomically(file, `${JSON.stringify({ ...known, [key]: count }, null, 2)}\n`);
  return count;
}

/** Empty where there is no such file, or it is of another version. */
function readCounts(file: string): Record<string, WorkerCount> {
  if (!existsSync(file)) return {};
  try {
    return z.record(z.string(), countSchema).parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}
