import { areComparable } from '../../verdict/comparable';
import { changePoint, type ChangePoint } from '../../verdict/change-point';
import { meanInterval } from '../../verdict/interval';
import type { EnvironmentReport } from '../../report/report';
import type { JobState, Row } from '../collect';
import type { Plan } from '../plan';
import { measureOf } from '../measure';
import { quantitiesOf, type Quantity, type Role } from './quantities';

/** What a sweep found: batch size against test accuracy and sharpness. */
export interface SweepReport {
  /** The plan's file. */
  readonly file: string;
  readonly plan: Plan;
  /** Each network under each protocol, in the plan's order. */
  readonly groups: readonly GroupReport[];
  /** With what trainings and measures were done, each once, wherever that was. */
  readonly environments: readonly EnvironmentReport[];
}

export interface GroupReport {
  readonly network: string;
  readonly protocol: string;
  /** In the plan's order. */
  readonly runs: readonly RunReport[];
  readonly quantities: readonly QuantityReport[];
}

/** A run, and whether it counts. */
export interface RunReport {
  /** The training's address. */
  readonly training: string;
  readonly batchSize: number;
  readonly seed: number;
  readonly state: JobState;
  readonly learningRate: number;
  /** null where the training has not ended, or has diverged. */
  readonly end: RunEnd | null;
  /** Whether its minimizer can be compared with the seed's others: see {@link sweepReport}. */
  readonly comparable: boolean;
}

interface RunEnd {
  readonly epochs: number;
  readonly trainingLoss: number;
  readonly trainingAccuracy: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  readonly distanceFromStart: number;
}

/** How a quantity goes with batch size. */
export interface QuantityReport {
  readonly label: string;
  readonly name: string;
  readonly role: Role;
  /** On which the quantity is averaged and its change sought: logarithmic where all of its values are positive. */
  readonly scale: 'linear' | 'log';
  /** Of every run that has one. */
  readonly points: readonly QuantityPoint[];
  /** Over the seeds of each batch size, comparable runs alone; the smallest first. */
  readonly means: readonly QuantityMean[];
  /**
   * Of comparable runs alone. On a logarithmic scale the slope is that of log2: the power of batch size that the
   * quantity goes with beyond the threshold.
   */
  readonly change: ChangePoint;
  /** The value up to the threshold, a mean over seeds; null where there is none. */
  readonly level: number | null;
}

export interface QuantityPoint {
  readonly batchSize: number;
  readonly seed: number;
  readonly value: number;
  readonly comparable: boolean;
}

export interface QuantityMean {
  readonly batchSize: number;
  /** Seeds. */
  readonly n: number;
  /** Geometric where the scale is logarithmic. */
  readonly mean: number;
  /** 95%, over seeds; null for one seed. */
  readonly interval: readonly [number, number] | null;
}

/**
 * What the runs of a sweep say of batch size.
 *
 * Means and change points are of runs that are comparable (`comparable-training-loss`): at 99% training accuracy or more,
 * and within .05 nats of their seed's reference, which is the smallest batch size of the seed that converged.
 *
 * @param rows of that plan.
 * @param file the plan's.
 */
export function sweepReport(plan: Plan, rows: readonly Row[], file: string): SweepReport {
  const quantities = quantitiesOf(plan.measures.map((measure) => measureOf(measure, plan.trainSize)));
  return {
    file,
    plan,
    groups: plan.networks.flatMap((network) =>
      plan.protocols.map(({ name: protocol }) => {
        const own = rows.filter((row) => row.training.network === network && row.protocol === protocol);
        const comparable = comparableRows(own);
        return {
          network,
          protocol,
          runs: own.map((row) => runReport(row, comparable.has(row))),
          quantities: quantities.map((quantity) => quantityReport(quantity, own, comparable)),
        };
      }),
    ),
    environments: environmentsOf(rows),
  };
}

/** The rows of one network and protocol whose minimizers can be compared with those of their seed. */
function comparableRows(rows: readonly Row[]): ReadonlySet<Row> {
  const bySize = [...rows].sort((one, other) => one.training.batchSize - other.training.batchSize);
  const isConverged = ({ trained }: Row) =>
    trained !== undefined && areComparable(trained.train, trained.train);
  return new Set(
    rows.filter((row) => {
      const reference = bySize.find((one) => one.training.seed === row.training.seed && isConverged(one));
      return row.trained && reference?.trained && areComparable(reference.trained.train, row.trained.train);
    }),
  );
}

function runReport({ id, training, state, trained }: Row, comparable: boolean): RunReport {
  const { batchSize, seed, learningRate } = training;
  const end = trained && {
    epochs: trained.history.length,
    trainingLoss: trained.train.loss,
    trainingAccuracy: trained.train.accuracy,
    testLoss: trained.test.loss,
    testAccuracy: trained.test.accuracy,
    distanceFromStart: trained.distanceFromStart,
  };
  return { training: id, batchSize, seed, state, learningRate, end: end ?? null, comparable };
}

function quantityReport(
  { label, name, role, of }: Quantity,
  rows: readonly Row[],
  comparable: ReadonlySet<Row>,
): QuantityReport {
  const points = rows.flatMap((row): QuantityPoint[] => {
    const value = of(row);
    if (value === undefined || !Number.isFinite(value)) return [];
    const { batchSize, seed } = row.training;
    return [{ batchSize, seed, value, comparable: comparable.has(row) }];
  });
  const counted = points.filter((point) => point.comparable);
  const isPositive = points.length > 0 && points.every(({ value }) => value > 0);
  const scale = role !== 'accuracy' && isPositive ? 'log' : 'linear';
  const { to, from } = SCALES[scale];
  const change = changePoint(
    counted.map(({ batchSize, seed, value }) => ({ batchSize, seed, value: to(value) })),
  );
  const sizes = [...new Set(counted.map(({ batchSize }) => batchSize))].sort((one, other) => one - other);
  return {
    label,
    name,
    role,
    scale,
    points,
    means: sizes.map((batchSize) => {
      const values = counted.filter((point) => point.batchSize === batchSize).map(({ value }) => to(value));
      const { mean, low, high, n } = meanInterval(values);
      return { batchSize, n, mean: from(mean), interval: n > 1 ? [from(low), from(high)] : null };
    }),
    change,
    level: change.kind === 'change' ? from(levelOf(change, counted, to)) : null,
  };
}

/** How values are averaged on a scale: there and back. */
const SCALES = {
  linear: { to: (value: number) => value, from: (value: number) => value },
  log: { to: Math.log2, from: (value: number) => 2 ** value },
} as const;

/** The height of the broken stick up to its threshold, on the scale. */
function levelOf(
  { threshold, slope }: Extract<ChangePoint, { kind: 'change' }>,
  points: readonly QuantityPoint[],
  to: (value: number) => number,
): number {
  const levels = points.map(
    ({ batchSize, value }) => to(value) - slope * Math.max(0, Math.log2(batchSize / threshold)),
  );
  return levels.reduce((sum, level) => sum + level, 0) / levels.length;
}

/** The broken stick's value at a batch size, in the quantity's own unit; undefined where there is no change. */
export function stickAt({ change, level, scale }: QuantityReport, batchSize: number): number | undefined {
  if (change.kind !== 'change' || level === null) return undefined;
  const { to, from } = SCALES[scale];
  return from(to(level) + change.slope * Math.max(0, Math.log2(batchSize / change.threshold)));
}

function environmentsOf(rows: readonly Row[]): EnvironmentReport[] {
  const all = rows.flatMap(({ environment, measures }) => [
    environment,
    ...measures.map((measured) => measured.environment),
  ]);
  const distinct = new Map<string, EnvironmentReport>();
  for (const environment of all) if (environment) distinct.set(JSON.stringify(environment), environment);
  return [...distinct.values()];
}
