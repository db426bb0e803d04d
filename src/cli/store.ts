import type { Command } from 'commander';
import { isHolder, leaseTaker } from '../executors/lease';
import { checkStore, openStore } from '../executors/open-store';
import type { ResultStore } from '../executors/store';
import { KEYS, trainingResultSchema, type TrainingResult } from '../jobs/result';
import { trainingLabel } from '../jobs/training';
import { UserError } from '../support/errors';
import type { Progress } from '../support/progress';
import { common, DEFAULT_STORE } from './options';

interface StoreOptions {
  readonly store: string;
}

export function storeOptions(command: Command): Command {
  return common(command).option('--store <dir>', 'a folder, or s3://bucket/prefix', DEFAULT_STORE);
}

/** `store list`: a line for each training, with what is stored of it. */
export async function listStore({ store: location }: StoreOptions, { say }: Progress): Promise<void> {
  const store = await checkedStore(location, say);
  const [results, weights] = [await store.list(KEYS.results), await store.list('weights/')];
  const ids = [
    ...new Set([...results, ...(await store.list(KEYS.checkpoints))].map((key) => key.split('/')[1])),
  ];
  for (const id of ids.sort()) {
    const result = await readTraining(store, id);
    const measures = results.filter((key) => key.startsWith(KEYS.resultsOf(id))).length - (result ? 1 : 0);
    const state = result ? ('diverged' in result.figures ? 'diverged' : 'trained') : 'under way';
    const label = result ? trainingLabel(result.training) : 'a training without a result';
    const kept = weights.some((key) => key.startsWith(KEYS.weightsOf(id))) ? 'weights kept' : 'no weights';
    process.stdout.write(`${id.slice(0, 12)}  ${label}: ${state}, ${measures} other results, ${kept}\n`);
  }
  process.stdout.write(`${ids.length} trainings in ${store.name}\n`);
}

/** `store prune`: removes weights and checkpoints; weights are trained again when a measure needs them. */
export async function pruneStore({ store: location }: StoreOptions, { say }: Progress): Promise<void> {
  const store = await checkedStore(location, say);
  await store.tidy?.();
  await refuseBusy(store);
  const keys = [...(await store.list('weights/')), ...(await store.list(KEYS.checkpoints))];
  for (const key of keys) await store.remove(key);
  process.stdout.write(`${keys.length} files of weights and checkpoints removed from ${store.name}\n`);
}

async function checkedStore(location: string, say: (line: string) => void): Promise<ResultStore> {
  const store = openStore(location, say);
  await checkStore(store, true);
  return store;
}

/** @throws UserError where a living process is doing a job. */
async function refuseBusy(store: ResultStore): Promise<void> {
  const leases = leaseTaker(store);
  const jobs = new Set((await store.list('leases/')).map((key) => key.split('/')[1]));
  for (const job of jobs) {
    const taken = await leases.take(KEYS.leases(job));
    if (isHolder(taken)) {
      throw new UserError(
        `${store.name} is in use: process ${taken.pid} on ${taken.host} is doing a job since ${taken.since}. Wait for it.`,
      );
    }
    await taken.release(true);
  }
}

async function readTraining(store: ResultStore, id: string): Promise<TrainingResult | undefined> {
  const bytes = await store.read(KEYS.training(id));
  return bytes && trainingResultSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}
