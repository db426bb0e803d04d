import { rise } from '../../landscape/curve';
import type { Environment, Trained, Value } from '../../jobs/result';
import type { Outcome, Results } from '../../jobs/results';
import { trainingId, type Training } from '../../jobs/training';
import { count } from '../../report/text';
import { meanOf } from '../../sharpness/estimate';
import type { Evaluation } from '../../training/evaluate';
import { plannedRuns, riseJobs, valueJob, wholeEvaluation, type PlannedRun, type SweepSetup } from './jobs';
import { plannedMeasureLabel, type SweepMeasure } from './measures';
import { measuresOf, type Plan } from './plan';

/** How far a run is: not trained, trained but not measured in full, or at its end. */
export const RUN_STATES = ['waiting', 'trained', 'done', 'diverged'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** How many runs still have jobs to be done. */
export function unfinishedCount(runs: readonly { readonly state: string }[]): number {
  return runs.filter(({ state }) => state !== 'done' && state !== 'diverged').length;
}

/** Figures, and the environments that they were computed with; more than one where machines shared the work. */
export interface Found<Figures> {
  readonly figures: Figures;
  readonly environments: readonly Environment[];
}

/** A run of a sweep, and what is known of it. What is missing is undefined. */
export interface Row extends PlannedRun {
  /** The training's id. */
  readonly id: string;
  readonly state: RunState;
  readonly end?: Found<Trained>;
  /** On all training images, and on the plan's test images. */
  readonly train?: Found<Evaluation>;
  readonly test?: Found<Evaluation>;
  /** The plan's measures, in its order. */
  readonly measures: readonly MeasuredRow[];
}

export interface MeasuredRow {
  readonly measure: SweepMeasure;
  readonly found?: Found<Value>;
}

/** A row for each run of a plan, in the order of {@link plannedRuns}. */
export function sweepRows(setup: SweepSetup, results: Results): Row[] {
  const planned = measuresOf(setup.settings.plan);
  return plannedRuns(setup).map((run) => {
    const { training } = run;
    const outcome = results.training(training);
    const end = foundIn(outcome);
    const [train, test] = (['train', 'test'] as const).map((split) =>
      foundIn(results.measure(wholeEvaluation(setup, training, split))),
    );
    const measures = planned.map((measure) => ({ measure, found: measured(results, training, measure) }));
    const isMeasured = [train, test, ...measures.map(({ found }) => found)].every(Boolean);
    const state = stateOf(outcome.state, isMeasured);
    return { ...run, id: trainingId(training), state, end, train, test, measures };
  });
}

function stateOf(training: Outcome<unknown, unknown>['state'], isMeasured: boolean): RunState {
  if (training === 'missing') return 'waiting';
  if (training !== 'done') return 'diverged';
  return isMeasured ? 'done' : 'trained';
}

function foundIn<Figures>(
  outcome: Outcome<Figures, { readonly environment: Environment }>,
): Found<Figures> | undefined {
  if (outcome.state !== 'done') return undefined;
  return { figures: outcome.figures, environments: [outcome.result.environment] };
}

function measured(results: Results, training: Training, measure: SweepMeasure): Found<Value> | undefined {
  if (measure.kind !== 'rise') return foundIn(results.measure(valueJob(training, measure)));
  const { atMinimizer, curves } = riseJobs(training, measure);
  const centre = foundIn(results.measure(atMinimizer));
  const around = curves.flatMap((curve) => foundIn(results.measure(curve)) ?? []);
  if (!centre || around.length < curves.length) return undefined;
  const rises = around.map(({ figures }) => {
    const points = figures.points.values();
    const losses = measure.alphas.map((alpha) =>
      alpha === 0 ? centre.figures.loss : points.next().value!.loss,
    );
    return rise(measure.alphas, losses);
  });
  return {
    figures: { ...meanOf(rises), details: {} },
    environments: distinctEnvironments([centre, ...around].flatMap(({ environments }) => environments)),
  };
}

/** Each environment once, in order. */
export function distinctEnvironments(environments: readonly Environment[]): Environment[] {
  return [...new Map(environments.map((one) => [JSON.stringify(one), one])).values()];
}

/** Something that was computed of a run. Losses are in nats, accuracies in [0, 1]. */
export interface Quantity {
  readonly label: string;
  readonly value: number;
  /** NaN where there is none. */
  readonly standardError: number;
  readonly environments: readonly Environment[];
}

/** Everything that is known of a run, as a flat list. */
export function quantitiesOfRow({ end, train, test, measures }: Row): Quantity[] {
  const evaluated = (split: string, found: Found<Evaluation> | undefined): Quantity[] => {
    if (!found) return [];
    const { figures, environments } = found;
    return [
      { label: `${split} loss`, value: figures.loss, standardError: figures.lossStandardError, environments },
      { label: `${split} accuracy`, value: figures.accuracy, standardError: NaN, environments },
    ];
  };
  const distance: Quantity[] = end
    ? [
        {
          label: 'distance from start',
          value: end.figures.distanceFromStart,
          standardError: NaN,
          environments: end.environments,
        },
      ]
    : [];
  const measured = measures.flatMap(({ measure, found }): Quantity[] => {
    if (!found) return [];
    const label = plannedMeasureLabel(measure);
    const { figures, environments } = found;
    const { value, standardError, details } = figures;
    return [
      { label, value, standardError, environments },
      // How far Lanczos' method is from an eigenvalue at most.
      ...('residual' in details
        ? [{ label: `${label}, residual`, value: details.residual, standardError: NaN, environments }]
        : []),
    ];
  });
  return [...evaluated('training', train), ...evaluated('test', test), ...distance, ...measured];
}

/** How far a sweep is: a line for all runs, and one for each network, protocol and batch size. */
export function statusText({ name }: Plan, rows: readonly Row[]): string {
  const states = RUN_STATES.map((state) => [rows.filter((row) => row.state === state).length, state] as const)
    .filter(([runs]) => runs > 0)
    .map(([runs, state]) => `${runs} ${state}`);
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.network}, ${row.protocol}, batch size ${row.training.batchSize}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const lines = [...groups].map(([key, group]) => {
    return `  ${key}: ${group.length - unfinishedCount(group)} of ${group.length}`;
  });
  return `Sweep ${name}: ${count(rows.length, 'run')}: ${states.join(', ')}.\n${lines.join('\n')}\n`;
}
