import { availableParallelism } from 'node:os';
import { openCompute, type EngineChoice } from '../compute';
import { chooseEngine } from '../compute/choose';
import { probeEngine } from '../compute/probe';
import { expectedSeconds, measureRates, type Rates } from '../compute/rates';
import type { Compute } from '../compute/compute';
import type { DatasetName } from '../data/load';
import type { EngineInfo, EngineName } from '../engine/engine';
import { threadVariables } from '../engine/tensorflow/prepare-process';
import { jobContext } from '../executors/context';
import { dataSource, type DataSource } from '../executors/datasets';
import { availableMemory, environmentOf } from '../executors/environment';
import { inThisProcess, type Executor } from '../executors/executor';
import { fastestLayout, possibleLayouts, ratesTogether, rememberedLayout } from '../executors/layout';
import { checkStore, openStore } from '../executors/open-store';
import type * as Queue from '../executors/queue';
import { resultsView } from '../executors/results-view';
import { layeredStore, type ResultStore } from '../executors/store';
import type { WorkerSetting } from '../executors/worker-messages';
import { inWorkerProcesses, startWorker, type WorkerProcess } from '../executors/worker-process';
import type { Cost } from '../jobs/job';
import { KEYS } from '../jobs/result';
import { minimizerOutcome } from '../jobs/results';
import { trainingId } from '../jobs/training';
import { costLeft, keysOfStudy, runStudy, type KnownData, type Setup, type Study } from '../studies/study';
import { cacheFolder } from '../support/cache-folder';
import { UserError } from '../support/errors';
import { demandMemory, needOf } from '../engine/memory';
import type { Progress } from '../support/progress';
import { placeOf } from '../support/redis-url';
import { DEFAULT_STORE, MAX_PRIORITY, MAX_WORKERS, type RunOptions } from './options';
import type { OutFolder } from './out-folder';
import { untilInterrupted } from './process';

// From the options of a command to a study that runs.

/** What a command tells of its study. */
export interface StudyCommand<Settings, Findings> {
  readonly study: Study<Settings, Findings>;
  /** The settings, which may depend on the engine (a GPU has another preset). */
  readonly settings: (info: EngineInfo) => Settings;
  readonly datasets: (settings: Settings) => readonly DatasetName[];
  /** The batch sizes that are trained. */
  readonly batchSizes: (settings: Settings) => readonly number[];
  readonly out: (settings: Settings) => Promise<OutFolder>;
  /** What is printed before the work begins. @param rates undefined where a queue does it. */
  readonly announce?: (
    settings: Settings,
    cost: Cost,
    rates: Rates | undefined,
    info: EngineInfo,
  ) => string[];
  readonly overwrite?: boolean;
}

/** Nothing is measured for runs that are shorter than this, in seconds. */
const SHORT_RUN = 600;

/**
 * Runs a study with the options of a command, writing its report into the output folder as it goes on.
 *
 * @throws UserError; Interrupted.
 */
export async function runCommand<Settings, Findings>(
  options: RunOptions,
  command: StudyCommand<Settings, Findings>,
  progress: Progress,
): Promise<{ findings: Findings; settings: Settings; out: OutFolder }> {
  checkRunOptions(options);
  const { say } = progress;
  const { study } = command;
  if (options.queue !== undefined) await queues().demandRedis(options.queue);
  const { info, skipped, compute } = await engineFor(options, say);
  const settings = command.settings(info);
  const largestBatch = Math.max(...command.batchSizes(settings));
  if (options.queue === undefined && !info.gpu && info.name !== 'webgpu') {
    demandMemory(info.name, largestBatch, availableMemory());
  }
  const out = await command.out(settings);
  const store = await openStores(options, say);
  const data = dataSource({ cache: cacheFolder(), folder: options.data }, say);
  const known = knownData(data, command.datasets(settings));
  const setup: Setup<Settings> = {
    settings,
    engine: { name: info.name, version: info.version },
    data: known,
    environment: environmentOf(info, skipped, dataHash(known)),
  };
  for (const line of skipped) say(`Skipped ${line}`);
  if (command.overwrite) await forget(study, setup, store, say);
  out.open(study.name, setup);
  const signal = untilInterrupted(say);
  const cost = await costLeft(study, setup, await resultsView(store));
  const isIdle = cost.training === 0 && cost.evaluation === 0;
  const { executor, rates } = isIdle
    ? { executor: NOTHING_TO_DO, rates: undefined }
    : await openExecutor(options, {
        info,
        compute,
        cost,
        batchSizes: command.batchSizes(settings),
        store,
        setting: workerSettingOf(options, info, skipped),
        signal,
        say,
      });
  try {
    if (!isIdle) command.announce?.(settings, cost, rates, info).forEach(say);
    const findings = await runStudy(study, setup, {
      store,
      executor,
      progress,
      signal,
      publish: async (current) => {
        for (const { name, content } of await study.files(current)) out.write(name, content);
        await copyWeights(study, setup, store, out);
      },
    });
    return { findings, settings, out };
  } finally {
    await executor.close();
  }
}

const NOTHING_TO_DO: Executor = {
  slots: 1,
  run: () => Promise.reject(new Error('There is nothing to do.')),
  close: () => Promise.resolve(),
};

export function checkRunOptions({ workers, threads, queue, priority, store }: RunOptions): void {
  for (const [flag, value] of [
    ['--workers', workers],
    ['--threads', threads],
  ] as const) {
    if (value !== undefined && (value < 1 || value > MAX_WORKERS)) {
      throw new UserError(`${flag} ${value} is out of range: it must be from 1 to ${MAX_WORKERS}.`);
    }
  }
  if (priority < 1 || priority > MAX_PRIORITY) {
    throw new UserError(`--priority ${priority} is out of range: it must be from 1 to ${MAX_PRIORITY}.`);
  }
  if (queue === undefined) return;
  placeOf(queue);
  if (store === undefined) {
    throw new UserError('--queue needs --store: a folder that the workers share, or s3://bucket/prefix.');
  }
}

function storeOf({ store = DEFAULT_STORE }: Pick<RunOptions, 'store'>): string {
  return store;
}

function workerSettingOf(
  options: RunOptions,
  { name }: EngineInfo,
  skipped: readonly string[],
): WorkerSetting {
  const { data, also } = options;
  return { engine: name, cache: cacheFolder(), data, store: storeOf(options), also, skipped };
}

/** The stores of a command, checked. */
export async function openStores(
  options: Pick<RunOptions, 'store' | 'also'>,
  say: (line: string) => void,
): Promise<ResultStore> {
  const own = openStore(storeOf(options), say);
  await checkStore(own);
  if (options.also === undefined) return own;
  const also = openStore(options.also, say);
  await checkStore(also, true);
  return layeredStore(own, also);
}

/** An engine, opened in this process where that is certain to be used. */
interface FoundEngine {
  readonly info: EngineInfo;
  readonly skipped: readonly string[];
  readonly compute?: Compute;
}

async function engineFor(
  { engine: choice, threads, workers = 1, queue }: RunOptions,
  say: (line: string) => void,
): Promise<FoundEngine> {
  // What is started from here on uses so many threads.
  Object.assign(process.env, threadVariables(threads));
  if (choice === 'auto' || queue !== undefined || workers > 1) return probedEngine(choice, say);
  const { compute, skipped } = await openCompute(choice, cacheFolder(), say);
  return { info: compute.info, skipped, compute };
}

/**
 * The engine that is asked for, tried in a process of its own.
 *
 * @throws UserError if no engine works.
 */
export async function probedEngine(
  choice: EngineChoice,
  say: (line: string) => void,
): Promise<{ info: EngineInfo; skipped: readonly string[] }> {
  const cache = cacheFolder();
  const probes = new Map<EngineName, Awaited<ReturnType<typeof probeEngine>>>();
  const probe = async (name: EngineName) => {
    const result = await probeEngine({ name, cache, measure: false }, say);
    probes.set(name, result);
    return result;
  };
  const { name, skipped } =
    choice === 'auto' ? await chooseEngine(probe) : { name: choice, skipped: [] as string[] };
  if (!name) throw new UserError(`No engine works here. ${skipped.join('; ')}.`);
  const result = probes.get(name) ?? (await probe(name));
  if ('missing' in result) throw new UserError(`${name} cannot be used here: ${result.missing}`);
  return { info: result.info, skipped };
}

function knownData(
  data: DataSource,
  names: readonly DatasetName[],
): Readonly<Partial<Record<DatasetName, KnownData>>> {
  return Object.fromEntries(
    [...new Set(names)].map((name) => {
      const { train, test, sha256 } = data.named(name);
      return [name, { ...sha256, trainImages: train.count, testImages: test.count }];
    }),
  );
}

function dataHash(known: Readonly<Partial<Record<DatasetName, KnownData>>>): string {
  return Object.values(known)
    .map(({ train }) => train)
    .join(', ');
}

interface Work {
  readonly info: EngineInfo;
  readonly compute?: Compute;
  readonly cost: Cost;
  readonly batchSizes: readonly number[];
  readonly store: ResultStore;
  readonly setting: WorkerSetting;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Opens what does the jobs: a queue, this process, or as many worker processes as are fastest. */
async function openExecutor(options: RunOptions, work: Work): Promise<{ executor: Executor; rates?: Rates }> {
  const { info, store, setting, signal, say } = work;
  if (options.queue !== undefined) {
    const { openQueue, throughQueue } = queues();
    const queue = openQueue(options.queue, { name: info.name, version: info.version }, signal, say);
    return { executor: throughQueue(queue, { store, priority: options.priority, say, signal }) };
  }
  const start = (threads: number | undefined) => startWorker(setting, threads, say);
  if (options.workers !== undefined && options.workers > 1) {
    return { executor: inWorkerProcesses(options.workers, () => start(sharedThreads(options))) };
  }
  const compute = work.compute ?? (await openCompute(info.name, setting.cache, say)).compute;
  const rates = await measureRates(compute, undefined, signal);
  const here = () => ({ executor: inThisProcess(jobContext(compute, setting, say)), rates });
  const isChosen = options.workers !== undefined || options.threads !== undefined;
  if (isChosen || expectedSeconds(work.cost, rates) < SHORT_RUN || info.gpu || info.name !== 'tensorflow')
    return here();
  const layout = await measuredLayout(work, start);
  if (layout.workers === 1) return here();
  await compute.close();
  say(`${layout.workers} worker processes with ${layout.threads} threads each are fastest here.`);
  return { executor: inWorkerProcesses(layout.workers, () => start(layout.threads)), rates: layout.rates };
}

/** Threads of each of the workers that are asked for. */
function sharedThreads({ workers = 1, threads }: RunOptions): number {
  return threads ?? Math.max(1, Math.floor(availableParallelism() / workers));
}

/** The layout that is fastest for a kind of work, measured once and kept in the cache folder. */
async function measuredLayout(
  {
    info,
    batchSizes,
    setting,
    signal,
    say,
  }: Pick<Work, 'info' | 'batchSizes' | 'setting' | 'signal' | 'say'>,
  start: (threads: number) => Promise<WorkerProcess>,
) {
  const room = Math.floor(availableMemory() / needOf('tensorflow', Math.max(...batchSizes)));
  const layouts = possibleLayouts(availableParallelism(), Math.max(1, room));
  const batchSize = Math.min(...batchSizes);
  return rememberedLayout(setting.cache, info, layouts, batchSize, () => {
    say('Measuring how many worker processes are fastest here, once …');
    return fastestLayout(layouts, (layout) => ratesTogether(layout, batchSize, start, signal), say);
  });
}

/** Opens what serves a queue: as many worker processes as are asked for, or as are fastest. */
export async function openServer(
  options: RunOptions,
  info: EngineInfo,
  skipped: readonly string[],
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Executor> {
  const setting = workerSettingOf(options, info, skipped);
  const start = (threads: number | undefined) => startWorker(setting, threads, say);
  if (options.workers !== undefined || info.gpu || info.name !== 'tensorflow') {
    const workers = options.workers ?? info.workers;
    return inWorkerProcesses(workers, () => start(sharedThreads({ ...options, workers })));
  }
  const layout = await measuredLayout({ info, batchSizes: USUAL_BATCHES, setting, signal, say }, start);
  return inWorkerProcesses(layout.workers, () => start(options.threads ?? layout.threads));
}

/** Where jobs are not known beforehand, these batch sizes are measured with, and memory is kept free for the largest. */
const USUAL_BATCHES = [64, 1024];

/** Loaded only where it is used, since BullMQ is large. */
export function queues(): typeof Queue {
  return require('../executors/queue') as typeof Queue;
}

/** `--overwrite`: forgets the results that the study asks for, and nothing else. */
async function forget<Settings, Findings>(
  study: Study<Settings, Findings>,
  setup: Setup<Settings>,
  store: ResultStore,
  say: (line: string) => void,
): Promise<void> {
  for (;;) {
    const view = await resultsView(store);
    const asked = await keysOfStudy(study, setup, view);
    const there = new Set([...(await store.list(KEYS.results)), ...(await store.list('images/'))]);
    const stored = asked.filter((key) => there.has(key));
    if (stored.length === 0) return;
    say(`Forgetting ${stored.length} results of this study.`);
    const trainings = new Set(stored.map((key) => key.split('/')[1]));
    for (const key of stored) await store.remove(key);
    for (const id of trainings) {
      for (const key of await store.list(KEYS.weightsOf(id))) await store.remove(key);
      await store.remove(KEYS.checkpoint(id));
    }
    const after = new Set(await store.list(KEYS.results));
    // What a second store holds cannot be forgotten here.
    if (stored.every((key) => after.has(key))) return;
  }
}

/** Copies the weights that users are to find beside the report, as they are there. */
async function copyWeights<Settings, Findings>(
  study: Study<Settings, Findings>,
  setup: Setup<Settings>,
  store: ResultStore,
  out: OutFolder,
): Promise<void> {
  const view = await resultsView(store);
  for (const { name, minimizer } of study.minimizers?.(setup) ?? []) {
    const outcome = await view.evaluate((results) => minimizerOutcome(results, minimizer));
    if (outcome.state !== 'done' || out.hasWeights(name, outcome.figures.weightsSha256)) continue;
    const bytes = await store.read(KEYS.weights(trainingId(minimizer.training), minimizer.at));
    if (bytes) out.write(`${name}.safetensors`, bytes);
  }
}
