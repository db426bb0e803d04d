import { z } from 'zod';
import { EVALUATION_STATISTICS } from '../jobs/measure';
import { environmentSchema, type Environment } from '../jobs/result';
import { UserError } from '../support/errors';
import { SPLITS } from '../data/dataset';
import { anyNumber, epochRecordSchema, evaluationSchema } from '../training/checkpoint';
import { REGIMES } from '../training/regime';
import { OPEN_BECAUSE } from '../verdict/overall';
import { MOST_OBSERVATIONS } from '../verdict/power';

// What a run found, as one value: report.json is it, and every other form of the report is drawn from it.
// Its JSON Schema is report.schema.json beside this file.

const VERDICTS = ['PASS', 'FAIL', 'INCONCLUSIVE'] as const;

const estimate = {
  estimate: anyNumber,
  interval: z.tuple([anyNumber, anyNumber]).readonly().describe('95% interval; null where there is none'),
  n: z.number().int().describe('observations behind the interval'),
  over: z.enum(['directions', 'seeds', 'images', 'points']).describe('what the observations are'),
};

const bySeed = z
  .array(z.object({ seed: z.number().int(), ...estimate }))
  .readonly()
  .describe("each seed by itself; its interval is over that seed's directions or images, never over seeds");

export const claimSchema = z
  .object({
    id: z.string(),
    statement: z.string(),
    verdict: z.enum(VERDICTS),
    reason: z.string().describe('why the verdict is what it is'),
    ...estimate,
    unit: z
      .enum(['ratio', 'nats', 'share'])
      .describe('of the estimate; 1 is no difference of a ratio, 0 of the others'),
    band: z
      .tuple([z.number(), z.number()])
      .readonly()
      .optional()
      .describe('where the estimate must lie, for a claim that is not judged by its interval'),
    shownBy: z.string().describe('the section of the report whose figure or table shows it'),
    bySeed,
  })
  .meta({ id: 'Claim' });

const measureSchema = z
  .object({
    id: z.string(),
    statement: z.string(),
    regime: z.enum(REGIMES).nullable().describe('null where it compares the two'),
    ...estimate,
  })
  .meta({ id: 'Measure' });

const runSchema = z
  .object({
    regime: z.enum(REGIMES),
    seed: z.number().int(),
    batchSize: z.number().int(),
    epochs: z.number().int(),
    learningRate: z.number().describe('of the first epoch'),
    train: evaluationSchema.describe('over the whole training set of the run, in evaluation mode'),
    test: evaluationSchema.describe('over the whole test set, in evaluation mode'),
    distanceFromStart: anyNumber.describe('Euclidean, over all trainable parameters'),
    weightsSha256: z.string().describe('of the safetensors file'),
    seconds: z.number().describe('of training, wall time'),
    history: z.array(epochRecordSchema).readonly(),
  })
  .meta({ id: 'Run' });

const curveSchema = z
  .object({
    regime: z.enum(REGIMES),
    seed: z.number().int(),
    direction: z.number().int().describe('from 0'),
    directionSeed: z.number().int().describe('what `curve --direction-seed` takes to draw the same curve'),
    split: z.enum(SPLITS),
    normalization: z.string(),
    images: z.number().int(),
    alphas: z.array(z.number()).readonly(),
    loss: z.array(anyNumber).readonly().describe('in nats, one an alpha'),
    lossStandardError: z
      .array(anyNumber)
      .readonly()
      .describe(
        'what taking a part of the images adds to the error of each loss, in nats; 0 where all were taken',
      ),
    accuracy: z.array(anyNumber).readonly(),
    rise: anyNumber.describe('mean over the alphas of the loss less that at 0, in nats'),
    errorRise: anyNumber.describe(
      'the same of the error rate, which does not depend on the scale of the logits',
    ),
    curvature: anyNumber.describe('c of the quadratic a + bα + cα² of least squares, in nats'),
  })
  .meta({ id: 'Curve' });

const comparison = {
  ...estimate,
  bySeed,
};

const controlSchema = z
  .object({
    statement: z.string(),
    rise: z.object(comparison),
    curvature: z.object(comparison),
    largestFactor: anyNumber.describe('by which any pair differs in its rise, up or down'),
    runs: z.array(runSchema).readonly().describe('SB with another batch order'),
    curves: z.array(curveSchema).readonly(),
    curvatureCurves: z.array(curveSchema).readonly(),
  })
  .meta({ id: 'Control' });

const powerSchema = z
  .object({
    ratio: z.number().describe('the true ratio asked after'),
    n: z.number().int(),
    over: z.enum(['directions', 'seeds']),
    spread: anyNumber.describe('standard deviation of the log ratios'),
    power: anyNumber.describe('probability that the interval would have left out 1'),
    open: z
      .enum(OPEN_BECAUSE)
      .nullable()
      .default(null)
      .describe('what leaves the overall verdict open; null where it is decided'),
    deciding: anyNumber.describe(
      'where the interval leaves it open: the smallest number of observations whose interval would leave out 1 at the ' +
        `estimate and spread found; null where not even ${MOST_OBSERVATIONS} would`,
    ),
  })
  .meta({ id: 'Power' });

const sensitivitySchema = z
  .object({
    seed: z.number().int(),
    directions: z.number().int(),
    images: z.object({ train: z.number().int(), test: z.number().int() }),
    alphas: z.array(z.number()).readonly(),
    rows: z
      .array(
        z.object({
          normalization: z.string(),
          split: z.enum(SPLITS),
          range: z.number().describe('largest |α| taken'),
          rise: z.enum(['mean', 'maximum', 'curvature']).describe('what is taken as the rise'),
          statistics: z
            .enum(EVALUATION_STATISTICS)
            .optional()
            .describe('of batch norm; as training left them in reports of earlier versions'),
          verdict: z.enum(VERDICTS),
          ...estimate,
        }),
      )
      .readonly(),
    curves: z
      .array(
        z.object({
          normalization: z.string(),
          split: z.enum(SPLITS),
          direction: z.number().int(),
          regime: z.enum(REGIMES),
          statistics: z.enum(EVALUATION_STATISTICS).optional(),
          loss: z.array(anyNumber).readonly().describe('in nats, one an alpha'),
        }),
      )
      .readonly()
      .optional()
      .describe('what the rows are computed from'),
  })
  .meta({ id: 'Sensitivity' });

const trainingSensitivitySchema = z
  .object({
    seed: z.number().int(),
    rows: z
      .array(
        z.object({
          learningRate: z.number().describe("LB's, of the first epoch"),
          diverged: z.string().nullable().describe('where the loss stopped being a number'),
          train: evaluationSchema.nullable(),
          test: evaluationSchema.nullable(),
          comparable: z.boolean().describe("whether its training loss is comparable with SB's"),
          rises: z
            .array(z.object({ direction: z.number().int(), smallBatch: anyNumber, largeBatch: anyNumber }))
            .readonly()
            .optional()
            .describe("SB's and LB's rise along each direction, in nats"),
          curves: z
            .array(z.object({ direction: z.number().int(), loss: z.array(anyNumber).readonly() }))
            .readonly()
            .optional()
            .describe("LB's training losses, in nats, one for each alpha of the preset"),
          verdict: z.enum(VERDICTS).describe('of "LB rises faster" with this learning rate'),
          ...estimate,
        }),
      )
      .readonly(),
  })
  .meta({ id: 'TrainingSensitivity' });

/** How two minimizers do on the same test images. */
const pairedTestSchema = z.object({
  images: z.number().int(),
  onlySmallBatchRight: z.number().int(),
  onlyLargeBatchRight: z.number().int(),
  lossDifference: anyNumber.describe("mean over the test images of LB's loss less SB's, in nats"),
  lossDifferenceError: anyNumber.describe('its standard error'),
});

const progressSchema = z.object({
  done: z.number().int().describe('jobs of the experiment that are done'),
  missing: z.array(z.string()).readonly().describe('what is not there yet'),
});

export const reportSchema = z.object({
  study: z.literal('comparison').optional().describe('absent in reports of earlier versions'),
  format: z.literal(1).optional(),
  progress: progressSchema.optional().describe('in a report of an experiment that is under way'),
  verdict: z.enum(VERDICTS),
  reason: z.string(),
  claims: z.array(claimSchema).readonly(),
  measures: z.array(measureSchema).readonly().describe('reported beside the claims, without a verdict'),
  power: powerSchema,
  runs: z.array(runSchema).readonly(),
  curves: z.array(curveSchema).readonly(),
  curvatureCurves: z.array(curveSchema).readonly().describe('on a grid of their own, near the minimizer'),
  generalization: z.array(z.object({ seed: z.number().int(), ...pairedTestSchema.shape })).readonly(),
  control: controlSchema
    .nullable()
    .describe('SB against SB with another batch order; null where none was run'),
  sensitivity: sensitivitySchema.nullable(),
  trainingSensitivity: trainingSensitivitySchema.nullable(),
  environment: environmentSchema,
  command: z.string().describe('what makes this report again, but for its control'),
  controlCommand: z.string().optional().describe('what adds the control'),
  preset: z
    .looseObject({ preset: z.string(), changed: z.array(z.string()).readonly() })
    .readonly()
    .describe('every value used, and which of them a flag changed'),
});

/** A report. What is not known or not finite is NaN, null in report.json. */
export type Report = z.output<typeof reportSchema>;
export type RunReport = Report['runs'][number];
export type CurveReport = Report['curves'][number];
export type EnvironmentReport = Environment;
export type ControlReport = NonNullable<Report['control']>;

/** report.json, its members in the schema's order: what is not finite becomes null, as JSON has no other word for it. */
export function reportJson(report: Report): string {
  const ordered = reportSchema.parse(JSON.parse(JSON.stringify(report)));
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

/**
 * The report in the text of a report.json.
 *
 * @throws UserError if it is none.
 */
export function parseReport(text: string, file: string): Report {
  try {
    return reportSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${file} is not a report of this version of the program.`);
  }
}

/** The JSON Schema of report.json. */
export function reportJsonSchema(): object {
  return z.toJSONSchema(reportSchema, { io: 'input', target: 'draft-2020-12' });
}
