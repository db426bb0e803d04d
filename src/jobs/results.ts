import type { ImageResults } from '../training/evaluate';
import type { Job } from './job';
import type { Measure, MeasureKind } from './measure';
import type { FiguresOf, MeasureResult, Snapshot, SnapshotResult, Trained, TrainingResult } from './result';
import { stepOf, type Minimizer, type Training } from './training';

/** What is known of a job: its result, or why there is none. */
export type Outcome<Figures, Result> =
  | { readonly state: 'done'; readonly figures: Figures; readonly result: Result }
  | { readonly state: 'missing' }
  | { readonly state: 'diverged'; readonly reason: string }
  | { readonly state: 'failed'; readonly reason: string };

/** What is known of all jobs. Studies are pure functions of their settings and of this. */
export interface Results {
  training(training: Training): Outcome<Trained, TrainingResult>;
  snapshot(training: Training, step: number): Outcome<Snapshot, SnapshotResult>;
  /** A measure of a training that diverged has diverged too. */
  measure<M extends Measure>(measure: M): Outcome<FiguresOf<M['kind']>, MeasureResult<M['kind']>>;
  /** Loss of each image, of an evaluation; of a curve, those of one α behind the other. Undefined where missing. */
  perImage(measure: Measure): ImageResults | undefined;
}

/** The figures of a job that is done. */
export function figuresOf<Figures>(outcome: Outcome<Figures, unknown>): Figures | undefined {
  return outcome.state === 'done' ? outcome.figures : undefined;
}

/** What is known of a minimizer. */
export function minimizerOutcome(
  results: Results,
  minimizer: Minimizer,
): Outcome<Snapshot, TrainingResult | SnapshotResult> {
  const [training, step] = [minimizer.training, stepOf(minimizer)];
  return step === undefined ? results.training(training) : results.snapshot(training, step);
}

/** How far a job is. A training is done when its end and all snapshots that it is asked for are there. */
export function jobState(results: Results, job: Job): Outcome<unknown, unknown>['state'] {
  if ('measure' in job) return results.measure<Measure & { kind: MeasureKind }>(job.measure).state;
  const outcomes = [
    results.training(job.train),
    ...(job.snapshots ?? []).map((step) => results.snapshot(job.train, step)),
  ];
  const states = outcomes.map(({ state }) => state);
  return states.find((state) => state === 'missing') ?? states.find((state) => state !== 'done') ?? 'done';
}

/** The jobs that are not there and have not failed. */
export function missingJobs(results: Results, jobs: readonly Job[]): Job[] {
  return jobs.filter((job) => jobState(results, job) === 'missing');
}
