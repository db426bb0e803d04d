import { z } from 'zod';
import { environmentSchema } from '../../../jobs/result';
import { UserError } from '../../../support/errors';
import { anyNumber } from '../../../training/checkpoint';
import { changePoint, type ChangePoint } from '../../../verdict/change-point';
import { areComparable } from '../../../verdict/comparable';
import { meanInterval } from '../../../verdict/interval';
import { count } from '../../../report/text';
import type { SweepSettings } from '../jobs';
import { measuresOf, planSchema } from '../plan';
import { distinctEnvironments, quantitiesOfRow, RUN_STATES, unfinishedCount, type Row } from '../rows';
import { quantitiesOf, ROLES, type Quantity } from './quantities';

// What a sweep found, as one value: report.json is it, and every other form of the report is made from it.

const interval = z.tuple([anyNumber, anyNumber]).readonly();

const changeSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('change'),
    threshold: z.number().describe('batch size at which the broken stick bends'),
    interval: interval.describe('95%, over seeds, of the threshold'),
    cut: z
      .object({ below: z.boolean(), above: z.boolean() })
      .describe('whether the interval ends at the smallest or the largest batch size'),
    slope: z.number().describe('per doubling beyond the threshold'),
    slopeInterval: interval.describe('95%, over seeds; null where it has no end'),
    sign: z.union([z.literal(1), z.literal(-1)]),
    pValue: z.number(),
    lackOfFit: z
      .object({
        statistic: anyNumber,
        freedom: z.tuple([z.number(), z.number()]).readonly(),
        pValue: anyNumber,
      })
      .nullable(),
  }),
  z.object({
    kind: z.literal('none'),
    pValue: z.number(),
    reason: z.string(),
    slope: z.number().describe('per doubling, of a straight line over all batch sizes'),
    slopeInterval: interval.describe('95%, over seeds'),
  }),
  z.object({ kind: z.literal('unknown'), reason: z.string() }),
]) satisfies z.ZodType<ChangePoint>;

const runSchema = z.object({
  training: z.string().describe("the training's id"),
  batchSize: z.number().int(),
  seed: z.number().int(),
  state: z.enum([...RUN_STATES, 'begun']).describe('begun: in reports of earlier versions alone'),
  learningRate: z.number().describe('of the first epoch'),
  end: z
    .object({
      epochs: z.number().int(),
      trainingLoss: anyNumber,
      trainingAccuracy: anyNumber,
      testLoss: anyNumber,
      testAccuracy: anyNumber,
      distanceFromStart: anyNumber,
    })
    .nullable()
    .describe('null where the training is not there, has diverged or is not evaluated on both splits'),
  comparable: z.boolean().describe("whether its minimizer can be compared with the seed's others"),
  figures: z
    .array(
      z.object({
        quantity: z.string(),
        value: anyNumber,
        standardError: anyNumber,
        environments: z.array(z.number().int()).readonly().describe("positions in the report's environments"),
      }),
    )
    .readonly()
    .optional()
    .describe('everything that was computed of the run; reports of earlier versions lack it'),
});

const quantitySchema = z.object({
  label: z.string().describe('as in sweep.csv'),
  name: z.string().describe('the shortest that tells it from the others, with its unit'),
  role: z.enum(ROLES),
  scale: z
    .enum(['linear', 'log'])
    .describe('on which it is averaged and its change sought; log where all values are positive'),
  points: z
    .array(
      z.object({
        batchSize: z.number().int(),
        seed: z.number().int(),
        value: z.number(),
        comparable: z.boolean(),
      }),
    )
    .readonly()
    .describe('of every run that has one'),
  means: z
    .array(
      z.object({
        batchSize: z.number().int(),
        n: z.number().int().describe('seeds'),
        mean: z.number().describe('geometric where the scale is log'),
        interval: interval
          .nullable()
          .describe('95%, over seeds; null for one seed, and while runs are unfinished'),
      }),
    )
    .readonly()
    .describe('over the seeds of each batch size, comparable runs alone; the smallest first'),
  change: changeSchema.describe(
    'of comparable runs alone; unknown while runs are unfinished. On a log scale the slope is that of log2: the power of ' +
      'batch size that the quantity follows beyond the threshold',
  ),
  level: z
    .number()
    .nullable()
    .describe('value up to the threshold, a mean over seeds; null where there is none'),
});

const sweepReportSchema = z.object({
  study: z.literal('sweep').default('sweep'),
  format: z.literal(1).default(1),
  file: z.string().describe("the plan's"),
  plan: planSchema,
  groups: z
    .array(
      z.object({
        network: z.string(),
        protocol: z.string(),
        runs: z.array(runSchema).readonly().describe("in the plan's order"),
        quantities: z.array(quantitySchema).readonly(),
      }),
    )
    .readonly()
    .describe("each network under each protocol, in the plan's order"),
  environments: z
    .array(environmentSchema)
    .readonly()
    .describe('that trainings and measures were done with, each once'),
});

/** What a sweep found: batch size against test accuracy and sharpness. */
export type SweepReport = z.output<typeof sweepReportSchema>;
export type GroupReport = SweepReport['groups'][number];
export type RunReport = GroupReport['runs'][number];
/** How a quantity changes with batch size. */
export type QuantityReport = GroupReport['quantities'][number];
type QuantityPoint = QuantityReport['points'][number];
export type QuantityMean = QuantityReport['means'][number];

/**
 * The report in the text of a report.json, of this version of the program or an earlier one.
 *
 * @throws UserError if it is none.
 */
export function parseSweepReport(text: string, file: string): SweepReport {
  try {
    return sweepReportSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${file} is not the report of a sweep of this version of the program.`);
  }
}

/**
 * What the runs of a sweep say about batch size.
 *
 * Means and change points are of comparable runs (`comparable-training-loss`): 99% training accuracy or more, and within
 * 0.05 nats of their seed's reference, which is the smallest batch size of the seed that converged.
 *
 * While runs are unfinished, the report has no interval over seeds and no change point: looking at them again and again
 * would be optional stopping.
 *
 * @param rows of that plan.
 */
export function sweepReport({ plan, planFile }: SweepSettings, rows: readonly Row[]): SweepReport {
  const unfinished = unfinishedCount(rows);
  const quantities = quantitiesOf(measuresOf(plan));
  const environments = distinctEnvironments(
    rows.flatMap((row) => quantitiesOfRow(row).flatMap((quantity) => quantity.environments)),
  );
  const positions = new Map(environments.map((one, index) => [JSON.stringify(one), index]));
  return {
    study: 'sweep',
    format: 1,
    file: planFile,
    plan,
    groups: plan.networks.flatMap((network) =>
      plan.protocols.map(({ name: protocol }) => {
        const own = rows.filter((row) => row.network === network && row.protocol === protocol);
        const comparable = comparableRows(own);
        return {
          network,
          protocol,
          runs: own.map((row) => runReport(row, comparable.has(row), positions)),
          quantities: quantities.map((quantity) => quantityReport(quantity, own, comparable, unfinished)),
        };
      }),
    ),
    environments,
  };
}

/** The rows of one network and protocol whose minimizers can be compared with those of their seed. */
function comparableRows(rows: readonly Row[]): ReadonlySet<Row> {
  const bySize = [...rows].sort((one, other) => one.training.batchSize - other.training.batchSize);
  const canCompare = (one: Row | undefined, other: Row) =>
    one?.train !== undefined &&
    other.train !== undefined &&
    areComparable(one.train.figures, other.train.figures);
  return new Set(
    rows.filter((row) => {
      const hasConverged = (one: Row) => canCompare(one, one);
      const reference = bySize.find((one) => one.training.seed === row.training.seed && hasConverged(one));
      return canCompare(reference, row);
    }),
  );
}

function runReport(row: Row, comparable: boolean, positions: ReadonlyMap<string, number>): RunReport {
  const { id, training, state, end, train, test } = row;
  const { batchSize, seed, learningRate } = training;
  return {
    training: id,
    batchSize,
    seed,
    state,
    learningRate,
    end:
      end && train && test
        ? {
            epochs: end.figures.history.length,
            trainingLoss: train.figures.loss,
            trainingAccuracy: train.figures.accuracy,
            testLoss: test.figures.loss,
            testAccuracy: test.figures.accuracy,
            distanceFromStart: end.figures.distanceFromStart,
          }
        : null,
    comparable,
    figures: quantitiesOfRow(row).map(({ label, value, standardError, environments: own }) => ({
      quantity: label,
      value,
      standardError,
      environments: own.map((one) => positions.get(JSON.stringify(one))!),
    })),
  };
}

function quantityReport(
  { label, name, role, of }: Quantity,
  rows: readonly Row[],
  comparable: ReadonlySet<Row>,
  unfinished: number,
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
  const change: ChangePoint =
    unfinished > 0
      ? { kind: 'unknown', reason: `${count(unfinished, 'run')} not finished yet` }
      : changePoint(counted.map(({ batchSize, seed, value }) => ({ batchSize, seed, value: to(value) })));
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
      const hasInterval = n > 1 && unfinished === 0;
      return { batchSize, n, mean: from(mean), interval: hasInterval ? [from(low), from(high)] : null };
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
