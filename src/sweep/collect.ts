import type { EnvironmentReport } from '../report/report';
import { trainingId, type SweepTraining } from './job';
import type { Measure } from './measure';
import { distinctJobs, type PlannedJob } from './plan';
import {
  KEYS,
  readMeasure,
  readTraining,
  type MeasureFigures,
  type MeasureResult,
  type Trained,
  type TrainingResult,
} from './results';
import type { ResultStore } from './store';

/** What a store holds of a sweep, by the names that it has there. */
export interface StoredResults {
  readonly trainings: ReadonlyMap<string, TrainingResult>;
  readonly measures: ReadonlyMap<string, MeasureResult>;
  /** Of trainings that are under way, or were. */
  readonly checkpoints: ReadonlySet<string>;
}

/** How far a job is: nothing done, its training begun, its training done but not all of its measures, or all. */
export const JOB_STATES = ['waiting', 'begun', 'trained', 'done', 'diverged'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** A job of a sweep, and what is known of it. */
export interface Row {
  /** The training's address. */
  readonly id: string;
  readonly protocol: string;
  readonly training: SweepTraining;
  readonly state: JobState;
  /** Where the training ended; undefined where it has not, or has diverged. */
  readonly trained?: Trained;
  /** What the training was done with. */
  readonly environment?: EnvironmentReport;
  /** All of the plan's, in its order. */
  readonly measures: readonly MeasuredRow[];
}

/** A measure; without figures where they are not there yet, or where the training diverged. */
export interface MeasuredRow {
  readonly measure: Measure;
  readonly figures?: MeasureFigures;
  /** What it was measured with. */
  readonly environment?: EnvironmentReport;
}

/** Files or objects that are read side by side. */
const READ_TOGETHER = 32;

/** Reads what a store holds of a plan's jobs. */
export async function readResults(
  store: ResultStore,
  planned: readonly PlannedJob[],
): Promise<StoredResults> {
  const names = new Set(await store.list(KEYS.results));
  const trainings = new Map<string, TrainingResult>();
  const measures = new Map<string, MeasureResult>();
  const reads = distinctJobs(planned).flatMap(({ training, measures: wanted }) => [
    async () => {
      const key = KEYS.training(training);
      const result = names.has(key) ? await readTraining(store, training) : undefined;
      if (result) trainings.set(key, result);
    },
    ...wanted.map((measure) => async () => {
      const key = KEYS.measure(training, measure);
      const result = names.has(key) ? await readMeasure(store, training, measure) : undefined;
      if (result) measures.set(key, result);
    }),
  ]);
  for (let from = 0; from < reads.length; from += READ_TOGETHER) {
    await Promise.all(reads.slice(from, from + READ_TOGETHER).map((read) => read()));
  }
  return { trainings, measures, checkpoints: new Set(await store.list(KEYS.checkpoints)) };
}

/** A row for each job of a plan, in the plan's order. */
export function collect(planned: readonly PlannedJob[], results: StoredResults): Row[] {
  return planned.map(({ protocol, job: { training, measures: wanted } }) => {
    const { figures: end, environment } = results.trainings.get(KEYS.training(training)) ?? {};
    const measures = wanted.map((measure): MeasuredRow => {
      const stored = results.measures.get(KEYS.measure(training, measure));
      return { measure, figures: stored?.figures, environment: stored?.environment };
    });
    const row = { id: trainingId(training), protocol, training, environment };
    if (!end) {
      const begun = results.checkpoints.has(KEYS.checkpoint(training));
      return { ...row, state: begun ? 'begun' : 'waiting', measures };
    }
    if ('diverged' in end) {
      return { ...row, state: 'diverged', measures: wanted.map((measure) => ({ measure })) };
    }
    const isMeasured = measures.every(({ figures }) => figures !== undefined);
    return { ...row, state: isMeasured ? 'done' : 'trained', trained: end, measures };
  });
}
