import { setMaxListeners } from 'node:events';
import { withRetries, type Executor } from '../executors/executor';
import { resultsView, type ResultsView } from '../executors/results-view';
import type { ResultStore } from '../executors/store';
import type { DatasetName } from '../data/load';
import {
  costOf,
  dependencies,
  jobId,
  jobLabel,
  trainingJobOf,
  trainingsOf,
  type Cost,
  type Job,
} from '../jobs/job';
import type { Environment } from '../jobs/result';
import { jobState, minimizerOutcome, type Results } from '../jobs/results';
import type { EngineId, Minimizer } from '../jobs/training';
import { Interrupted, messageOf, UserError } from '../support/errors';
import type { Progress } from '../support/progress';
import { throttled } from '../support/throttle';

/** A data set as studies know it. */
export interface KnownData {
  /** SHA-256 of the splits: see datasetSha256. */
  readonly train: string;
  readonly test: string;
  readonly trainImages: number;
  readonly testImages: number;
}

/** What a study is about to do: its settings, and what decides results besides them. */
export interface Setup<Settings> {
  readonly settings: Settings;
  readonly engine: EngineId;
  /** The data sets of all of the study's networks. */
  readonly data: Readonly<Partial<Record<DatasetName, KnownData>>>;
  /** The environment of this run; reports state that of the results where there are any. */
  readonly environment: Environment;
}

/** A file of a report. */
export interface ReportFile {
  readonly name: string;
  readonly content: string | Uint8Array;
}

/**
 * A study: which jobs it needs, what their results say, and how that is reported. All of it is pure; {@link runStudy}
 * does the work.
 *
 * `next` is called again after every finished job, so that studies may decide by results: take more images, bisect,
 * bracket a loss between snapshots, or stop at a planned look.
 */
export interface Study<Settings, Findings> {
  readonly name: string;
  /** The jobs that are known to be needed and not there yet, the most urgent first; none at the end. */
  next(setup: Setup<Settings>, results: Results): Job[];
  /**
   * What the results say so far. Only planned looks and the end carry intervals and a verdict over seeds: a look in
   * between would be optional stopping.
   */
  judge(setup: Setup<Settings>, results: Results): Findings;
  /** Every form of the report; the last file is the one that says that all is written. */
  files(findings: Findings): Promise<readonly ReportFile[]>;
  /** Minimizers whose weights users find beside the report, by the name of their file without its ending. */
  minimizers?(setup: Setup<Settings>): readonly { readonly name: string; readonly minimizer: Minimizer }[];
  /** Findings in the text of a report, so that a report is rendered again without a store. @throws UserError */
  parse(text: string, file: string): Findings;
}

/** How a study is run. */
export interface StudyRun<Findings> {
  readonly store: ResultStore;
  readonly executor: Executor;
  readonly progress: Progress;
  /** Aborted with an {@link Interrupted}: what was done is stored. */
  readonly signal: AbortSignal;
  /** Receives the findings from the first result on, at most every `publishInterval`, and at the end. */
  readonly publish: (findings: Findings, isFinal: boolean) => Promise<void>;
  /** In ms; 10 s by default. */
  readonly publishInterval?: number;
}

const PUBLISH_INTERVAL = 10_000;
/** Asking a study what is next may take so long, in ms, after every job; a larger one is asked less often. */
const SHORT_ASK = 1000;
/** Asking a large study may take at most such a share of the time. */
const NEXT_SHARE = 0.05;

/** Images that pass with a gradient take about three times as long as those that are only evaluated. */
const TRAINING_WEIGHT = 3;

/** Work in images of evaluation, for progress. */
function workOf({ training, evaluation }: Cost): number {
  return TRAINING_WEIGHT * training + evaluation;
}

/**
 * Runs a study: asks it what is next, has the executor do that, and publishes what is found.
 *
 * @throws UserError once all else is done, if jobs failed; Interrupted.
 */
export async function runStudy<Settings, Findings>(
  study: Study<Settings, Findings>,
  setup: Setup<Settings>,
  run: StudyRun<Findings>,
): Promise<Findings> {
  const { executor, progress } = run;
  await run.store.tidy?.();
  const results = await resultsView(run.store);
  const stopping = new AbortController();
  const signal = AbortSignal.any([run.signal, stopping.signal]);
  // Every job under way listens to it.
  setMaxListeners(0, signal);
  const underWay = new Map<string, Promise<void>>();
  const failures = new Map<string, { job: Job; reason: string }>();
  const task = progress.begin(study.name, 0);
  /** Work of jobs that are known, and how much of it is left. */
  const left = new Map<string, number>();
  let waiting: Job[] = [];
  let askAgainAt = -Infinity;
  let done = 0;
  let published = -Infinity;

  const publish = async (isFinal: boolean) => {
    published = performance.now();
    const findings = await results.evaluate((current) => study.judge(setup, current));
    await run.publish(findings, isFinal);
    return findings;
  };

  async function ask(): Promise<void> {
    const begun = performance.now();
    // Another process may have done some of it.
    await results.refresh();
    const wanted = await results.evaluate((current) =>
      withDependencies(current, study.next(setup, current)).filter(
        ({ job }) => !underWay.has(jobId(job)) && !failures.has(jobId(job)),
      ),
    );
    waiting = wanted.filter(({ isReady }) => isReady).map(({ job }) => job);
    for (const { job } of wanted) {
      const id = jobId(job);
      if (left.has(id)) continue;
      const work = workOf(costOf(job));
      left.set(id, work);
      task.extend(work);
    }
    const took = performance.now() - begun;
    askAgainAt = took < SHORT_ASK ? -Infinity : performance.now() + took / NEXT_SHARE;
  }

  function start(job: Job): void {
    const id = jobId(job);
    const noteOf = (text: string) => `${done} of ${left.size} jobs done; ${jobLabel(job)}: ${text}`;
    const sayLong = throttled((text: string) => task.milestone(text));
    const work = withRetries(() =>
      executor.run(job, {
        signal,
        onImages(images, kind) {
          const more = Math.min(left.get(id)!, (kind === 'training' ? TRAINING_WEIGHT : 1) * images);
          left.set(id, left.get(id)! - more);
          task.advance(more);
        },
        onNote(text) {
          task.note(noteOf(text));
          sayLong(noteOf(text));
        },
        onMilestone: (text) => progress.detail(`${jobLabel(job)}: ${text}`),
      }),
    )
      .catch((error: unknown) => {
        // What ends one ends all; a job that fails is left, and the others go on.
        if (error instanceof Interrupted || run.signal.aborted) throw error;
        failures.set(id, { job, reason: messageOf(error) });
        progress.say(`Failed: ${jobLabel(job)}: ${messageOf(error)}`);
      })
      .then(async () => {
        done++;
        task.advance(left.get(id)!);
        left.set(id, 0);
        progress.detail(`${done} of ${left.size} jobs done: ${jobLabel(job)}`);
        // Any of them may have been trained again, since its weights were missing.
        await results.refresh(trainingsOf(job));
        underWay.delete(id);
      });
    underWay.set(id, work);
    // What rejects stays under way until the loop, which may be busy reporting, comes to it.
    work.catch(() => {});
  }

  try {
    await ask();
    for (;;) {
      signal.throwIfAborted();
      while (waiting.length > 0 && underWay.size < executor.slots) start(waiting.shift()!);
      if (underWay.size === 0) break;
      await Promise.race(underWay.values());
      const isDue = performance.now() - published >= (run.publishInterval ?? PUBLISH_INTERVAL);
      if (isDue && done > failures.size) await publish(false);
      if (waiting.length === 0 || performance.now() >= askAgainAt) await ask();
    }
  } catch (error) {
    stopping.abort(error instanceof Interrupted ? error : new Interrupted(messageOf(error)));
    await Promise.allSettled(underWay.values());
    // What is done is reported, whatever ended the rest.
    if (done > failures.size) await publish(false);
    throw error;
  } finally {
    task.end();
  }
  if (failures.size > 0) {
    await publish(false);
    const [first] = failures.values();
    throw new UserError(
      `${failures.size} of ${left.size} jobs failed, the first: ${jobLabel(first.job)}: ` +
        `${first.reason.replace(/\.$/, '')}. The same command tries them again.`,
    );
  }
  return publish(true);
}

/** The jobs, behind the trainings that they need; a job is ready where these are done. */
function withDependencies(
  results: Results,
  jobs: readonly Job[],
): { readonly job: Job; readonly isReady: boolean }[] {
  const all = new Map<string, { job: Job; isReady: boolean }>();
  const add = (job: Job) => {
    const id = jobId(job);
    const before = all.get(id);
    if (before) {
      all.set(id, { ...before, job: merged(before.job, job) });
      return;
    }
    const missing = dependencies(job).filter((one) => minimizerOutcome(results, one).state === 'missing');
    for (const one of missing) add(trainingJobOf(one));
    all.set(id, { job, isReady: missing.length === 0 });
  };
  for (const job of jobs) if (jobState(results, job) === 'missing') add(job);
  return [...all.values()];
}

/** One training, with the snapshots of both. */
function merged(one: Job, other: Job): Job {
  if (!('train' in one && 'train' in other)) return one;
  const snapshots = [...new Set([...(one.snapshots ?? []), ...(other.snapshots ?? [])])];
  return snapshots.length > 0 ? { ...one, snapshots: snapshots.sort((a, b) => a - b) } : one;
}

/**
 * The names in the store of everything that a study asks for: what `--overwrite` forgets.
 */
export async function keysOfStudy<Settings, Findings>(
  study: Study<Settings, Findings>,
  setup: Setup<Settings>,
  results: ResultsView,
): Promise<readonly string[]> {
  await results.evaluate((current) => [study.next(setup, current), study.judge(setup, current)]);
  return [...results.asked];
}

/** The work that is left of a study as far as it is known now. */
export async function costLeft<Settings, Findings>(
  study: Study<Settings, Findings>,
  setup: Setup<Settings>,
  results: ResultsView,
): Promise<Cost> {
  const jobs = await results.evaluate((current) => withDependencies(current, study.next(setup, current)));
  return jobs
    .map(({ job }) => costOf(job))
    .reduce(
      (sum, cost) => ({
        training: sum.training + cost.training,
        evaluation: sum.evaluation + cost.evaluation,
      }),
      { training: 0, evaluation: 0 },
    );
}
