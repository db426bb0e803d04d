import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { EngineChoice } from '../compute';
import { chooseEngine } from '../compute/choose';
import { probeEngine, type Probe } from '../compute/probe';
import { DATASETS, type DataPlaces } from '../data/load';
import { describeEngine } from '../engine/describe';
import type { EngineInfo, EngineName } from '../engine/engine';
import { availableMemory } from '../environment';
import { UserError } from '../support/errors';
import { expectedSeconds } from '../experiment/cost';
import { needOf } from '../support/memory';
import { duration, imagesPerSecond, type Progress } from '../support/progress';
import { collect, JOB_STATES, readResults, type Row } from './collect';
import { workOf } from './cost';
import { loadSweepData } from './data';
import { dataSchema, engineSchema, trainingLabel, type Job } from './job';
import { datasetOf } from './networks';
import { distinctJobs, expandPlan, type Plan, type SweepSetting } from './plan';
import { runJobs } from './process-pool';
import type * as Queue from './queue';
import { placeOf } from './redis-url';
import { encodeJson, isDone, KEYS, readJson, workLeft } from './results';
import { seldom } from './seldom';
import type { ResultStore } from './store';
import { fastestCount, ratesTogether, rememberedCount, type WorkerCount } from './worker-count';
import type * as Server from './worker';
import { startWorker, type WorkerProcess } from './worker-process';

/** How a sweep is run. */
export interface SweepOptions {
  readonly store: ResultStore;
  /** The store's name as worker processes open it. */
  readonly location: string;
  readonly engine: EngineChoice;
  /** Worker processes side by side; where not given, as many as were measured to be fastest. */
  readonly workers?: number;
  /** Has the jobs done by the workers that listen to a Redis, instead of by this machine. */
  readonly queue?: { readonly url: string; readonly priority: number };
  readonly places: DataPlaces;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const settingSchema = z.strictObject({
  engine: engineSchema,
  data: z.partialRecord(z.enum(DATASETS), dataSchema),
});

/**
 * Has every job of a plan done that the store lacks, by worker processes of this machine or through a queue.
 *
 * @throws UserError if no engine works, or once all others are done, if jobs failed; Interrupted where the signal says so.
 */
export async function runSweep(plan: Plan, options: SweepOptions): Promise<void> {
  const { store, places, progress, queue } = options;
  if (queue) await queues().demandRedis(queue.url);
  await store.tidy?.();
  const info = await engineFor(options.engine, places.cache, progress.say);
  const setting = settingOf(plan, info, options);
  await rememberSetting(plan, setting, store, progress.say);
  const jobs = distinctJobs(expandPlan(plan, setting));
  const done = new Set(await store.list(KEYS.results));
  const left = jobs.filter((job) => !isDone(job, done));
  progress.say(
    `Sweep ${plan.name} in ${store.name}: ${counted(jobs.length, 'job')}, of which ${jobs.length - left.length} are done already; ` +
      `${describeEngine({ ...info, workers: 1 })}.`,
  );
  if (left.length === 0) return;
  const failures = queue
    ? await doElsewhere(plan, left, setting, { ...options, queue })
    : await doHere(plan, left, done, info, options);
  for (const [job, failure] of failures) progress.say(`Failed: ${trainingLabel(job.training)}: ${failure}`);
  const [first] = failures;
  if (!first) return;
  throw new UserError(
    `${failures.size} of ${counted(left.length, 'job')} failed, the first: ${first[1].replace(/\.$/, '')}. ` +
      'The same command tries them again.',
  );
}

/** Jobs that failed, and why. */
type Failures = ReadonlyMap<Job, string>;

async function doHere(
  plan: Plan,
  left: readonly Job[],
  done: ReadonlySet<string>,
  info: EngineInfo,
  { location, workers: wanted, places, progress, signal }: SweepOptions,
): Promise<Failures> {
  const start = () =>
    startWorker(
      { engine: info.name, cache: places.cache, store: location, data: places.folder },
      progress.say,
    );
  const count = wanted
    ? { workers: wanted }
    : await measuredCount(Math.max(...plan.batchSizes), info, places.cache, start, progress.say, signal);
  const workers = Math.min(count.workers, left.length);
  const work = new Map(left.map((job) => [job, workOf(job, workLeft(job, done))]));
  progress.say(beginning(left.length, workers, [...work.values()], count));

  const imagesLeft = new Map(
    [...work].map(([job, { training, evaluation }]) => [job, training + evaluation]),
  );
  const total = [...imagesLeft.values()].reduce((sum, images) => sum + images, 0);
  const stretch = progress.begin(`Sweep ${plan.name}`, total);
  const failures = new Map<Job, string>();
  let ended = 0;
  // Without a bar, a job of hours would be silent.
  const sayLong = seldom(stretch.milestone);
  await runJobs(left, {
    workers,
    start,
    signal,
    onImages(job, images, what) {
      imagesLeft.set(job, imagesLeft.get(job)! - images);
      const text = `${ended} of ${left.length} jobs done, ${what}`;
      stretch.note(text);
      stretch.advance(images);
      sayLong(text);
    },
    onEnd(job, failure) {
      ended++;
      if (failure !== undefined) failures.set(job, failure);
      stretch.skip(imagesLeft.get(job)!);
      stretch.milestone(`${ended} of ${left.length} jobs done`);
    },
  });
  stretch.end();
  return failures;
}

async function doElsewhere(
  plan: Plan,
  left: readonly Job[],
  { engine }: SweepSetting,
  { store, queue, progress, signal }: SweepOptions & { readonly queue: { url: string; priority: number } },
): Promise<Failures> {
  const say = (line: string) => progress.say(`Sweep ${plan.name}: ${line}`);
  const { haveDone, openQueue } = queues();
  const jobs = openQueue(queue.url, engine, signal, say);
  try {
    return await haveDone(jobs, left, { store, priority: queue.priority, say, signal });
  } finally {
    await jobs.close();
  }
}

/**
 * Does the jobs that wait in a Redis for this machine's engine, until the signal says so.
 *
 * @throws UserError if no engine works, or Redis cannot be reached.
 */
export async function serve(
  url: string,
  { location, engine, workers, places, progress, signal }: Omit<SweepOptions, 'queue' | 'store'>,
): Promise<void> {
  await queues().demandRedis(url);
  const info = await engineFor(engine, places.cache, progress.say);
  const start = () =>
    startWorker(
      { engine: info.name, cache: places.cache, store: location, data: places.folder },
      progress.say,
    );
  const count = workers
    ? { workers }
    : await measuredCount(USUAL_BATCH, info, places.cache, start, progress.say, signal);
  progress.say(
    `Waiting for jobs at ${placeOf(url)} on ${counted(count.workers, 'worker')}; ${describeEngine({ ...info, workers: 1 })}.`,
  );
  const { name, version } = info;
  const { serveQueue } = require('./worker') as typeof Server;
  await serveQueue({
    url,
    engine: { name, version },
    workers: count.workers,
    start,
    say: progress.say,
    signal,
  });
}

/** Loaded only where it is used, since BullMQ is large. */
function queues(): typeof Queue {
  return require('./queue') as typeof Queue;
}

/** Memory is kept free for batches as large as this one, where the jobs are not known beforehand. */
const USUAL_BATCH = 1024;

/**
 * What a store knows of a plan's jobs, with the engine and the data that they were last run with.
 *
 * @throws UserError if the sweep was never run with this store.
 */
export async function sweepRows(plan: Plan, store: ResultStore): Promise<Row[]> {
  const setting = await readJson(store, KEYS.sweep(plan.name), settingSchema);
  const planned = setting && knows(setting, plan) ? expandPlan(plan, setting) : undefined;
  if (!planned) throw new UserError(`${store.name} holds nothing of sweep ${plan.name}: run it first.`);
  return collect(planned, await readResults(store, planned));
}

/** How far a sweep is, a line for all and one for each network, protocol and batch size. */
export function statusText(plan: Plan, rows: readonly Row[]): string {
  const numbers = JOB_STATES.map((state) => ({
    state,
    count: rows.filter((row) => row.state === state).length,
  }));
  const states = numbers.filter(({ count }) => count > 0).map(({ state, count }) => `${count} ${state}`);
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const { network, batchSize } = row.training;
    const key = `${network}, ${row.protocol}, batch size ${batchSize}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const lines = [...groups].map(([key, of]) => {
    const over = of.filter(({ state }) => state === 'done' || state === 'diverged').length;
    return `  ${key}: ${over} of ${of.length}`;
  });
  return `Sweep ${plan.name}: ${counted(rows.length, 'job')}: ${states.join(', ')}.\n${lines.join('\n')}\n`;
}

/** The engine that is asked for, tried in a process of its own. */
async function engineFor(
  choice: EngineChoice,
  cache: string,
  say: (line: string) => void,
): Promise<EngineInfo> {
  const probes = new Map<EngineName, Probe>();
  const probe = async (name: EngineName) => {
    const result = await probeEngine({ name, cache, measure: false }, say);
    probes.set(name, result);
    return result;
  };
  const { name, skipped } =
    choice === 'auto' ? await chooseEngine(probe) : { name: choice, skipped: [] as string[] };
  if (!name) throw new UserError(`No engine works here. ${skipped.join('; ')}.`);
  for (const line of skipped) say(`Skipped ${line}`);
  const result = probes.get(name) ?? (await probe(name));
  if ('missing' in result) throw new UserError(`${name} cannot be used here: ${result.missing}`);
  return result.info;
}

function settingOf(
  plan: Plan,
  { name, version }: EngineInfo,
  { places, progress }: SweepOptions,
): SweepSetting {
  const names = [...new Set(plan.networks.map(datasetOf))];
  const data = Object.fromEntries(
    names.map((dataset) => [dataset, loadSweepData(dataset, places, progress.say).sha256]),
  );
  return { engine: { name, version }, data };
}

/** Whether a setting has the data of all of a plan's networks. */
function knows({ data }: SweepSetting, { networks }: Plan): boolean {
  return networks.every((network) => data[datasetOf(network)] !== undefined);
}

/** Stores what a sweep is run with, for those who read its results; results of another engine stay, and do not count. */
async function rememberSetting(
  { name }: Plan,
  setting: SweepSetting,
  store: ResultStore,
  say: (line: string) => void,
): Promise<void> {
  const earlier = await readJson(store, KEYS.sweep(name), settingSchema);
  if (earlier && encodeJson(earlier.engine).toString() !== encodeJson(setting.engine).toString()) {
    say(
      `Sweep ${name} was last run on ${earlier.engine.name} (${earlier.engine.version}): on another engine its jobs ` +
        'are others, and are done anew.',
    );
  }
  await store.write(KEYS.sweep(name), encodeJson(setting));
}

async function measuredCount(
  largestBatch: number,
  info: EngineInfo,
  cache: string,
  start: () => Promise<WorkerProcess>,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<WorkerCount> {
  const onHost = info.name !== 'webgpu' && !info.gpu;
  const room = onHost
    ? Math.floor(availableMemory() / needOf(info.name as 'tensorflow' | 'wasm', largestBatch))
    : Infinity;
  const most = Math.max(1, Math.min(availableParallelism(), room));
  return rememberedCount(cache, info, most, () => {
    say('Measuring how many workers are fastest here, once …');
    return fastestCount(most, (workers) => ratesTogether(workers, start, signal), say);
  });
}

function beginning(
  jobs: number,
  workers: number,
  work: readonly { training: number; evaluation: number }[],
  { rates }: Partial<WorkerCount>,
): string {
  const what = `${counted(jobs, 'job')} on ${counted(workers, 'worker')}`;
  if (!rates) return `${what}.`;
  const sum = (of: 'training' | 'evaluation') => work.reduce((total, one) => total + one[of], 0);
  const seconds = expectedSeconds({ training: sum('training'), evaluation: sum('evaluation') }, rates);
  return (
    `${what}: at most about ${duration(seconds)}, at ${imagesPerSecond(rates.training)} images/s in training, ` +
    `${imagesPerSecond(rates.evaluation)} in evaluation.`
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
