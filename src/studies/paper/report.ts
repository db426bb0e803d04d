import { z } from 'zod';
import { SPACES } from '../../jobs/measure';
import { environmentSchema } from '../../jobs/result';
import { PATHS } from '../../landscape/parametric';
import { PAPER_NETWORKS } from '../../model/networks';
import { claimSchema } from '../../report/report';
import { UserError } from '../../support/errors';
import { anyNumber, epochRecordSchema, evaluationSchema } from '../../training/checkpoint';
import { REGIMES } from '../../training/regime';
import type { Box } from './published';
import { paperSettingsSchema, REMEDIES } from './settings';

/** A measurement of Metric 2.1: see keskarSharpness. */
const sharpnessSchema = z.object({
  space: z.enum(SPACES),
  epsilon: z.number(),
  sharpness: anyNumber.describe('φ, 0 or more'),
  standardError: anyNumber.describe('of φ, over the batches of images'),
  loss: anyNumber.describe('f(x) in nats'),
  maximum: anyNumber.describe('the highest f found in the box'),
  fromCentre: anyNumber.describe("φ by the maximization from the box's centre alone"),
  fromRandom: anyNumber.describe('φ by the maximization from a random point alone'),
  evaluations: z.number().int(),
  seconds: z.number(),
});

/** What every training of the study has. */
const trainingSchema = z.object({
  batchSize: z.number().int(),
  epochs: z.number().int(),
  stalled: z.boolean().describe('whether training ended because the loss had ceased to improve'),
  train: evaluationSchema.describe(
    'with batch-norm statistics recomputed over the training images, as test is',
  ),
  test: evaluationSchema,
  distanceFromStart: anyNumber,
  sharpness: z.array(sharpnessSchema),
  history: z.array(epochRecordSchema),
  weightsSha256: z.string(),
  seconds: z.number(),
});

const runSchema = trainingSchema.extend({ regime: z.enum(REGIMES), seed: z.number().int() });

const plotSchema = z.object({
  path: z.enum(PATHS),
  points: z
    .array(
      z.object({
        alpha: z.number().describe('0 is SB, 1 is LB'),
        train: evaluationSchema,
        test: evaluationSchema,
      }),
    )
    .describe("of the first trial, one point for each α of the settings'"),
});

const remedySchema = z.object({
  remedy: z.enum(REMEDIES),
  runs: z.array(runSchema).describe('of LB with it, one for each seed'),
});

const withError = z.object({ value: anyNumber, standardError: anyNumber });

/** When in a training the noise of its gradients is measured; `start`, at the initial weights, in earlier versions. */
const NOISE_PHASES = ['start', 'first step', 'middle', 'end'] as const;

/** What was published after the paper, measured of one training; all but the noise in evaluation mode. */
const laterMeasuresSchema = z.object({
  regime: z.enum(REGIMES),
  sam: withError.describe(
    'rise of the loss by one step of ascent of length .05, in nats (Foret et al. 2021)',
  ),
  adaptiveSam: withError.describe('the same, each weight by its own size, length .5 (Kwon et al. 2021)'),
  topEigenvalue: z
    .object({ value: anyNumber, residual: anyNumber })
    .describe("of the loss's Hessian by Lanczos' method; an eigenvalue lies within the residual"),
  trace: withError.describe("of the loss's Hessian by Hutchinson's estimator"),
  noise: z
    .array(
      z.object({
        phase: z.enum(NOISE_PHASES),
        signalToNoise: withError.describe(
          "‖gradient‖² over the trace of the minibatch gradient's covariance",
        ),
      }),
    )
    .describe('of minibatches of the size that it was trained with'),
});

const networkSchema = z.object({
  network: z.enum(PAPER_NETWORKS),
  trainImages: z.number().int(),
  sharpnessImages: z.number().int(),
  runs: z.array(runSchema).describe('SB and LB of the trials of which everything is there'),
  remedies: z.array(remedySchema),
  others: z.array(laterMeasuresSchema).describe('of the first trial; none where they are not there'),
  claims: z.array(claimSchema).describe('none while anything of the study is missing'),
  plots: z.array(plotSchema).describe('the parametric plots of which every point is there'),
  batchSizes: z
    .array(trainingSchema)
    .describe("the first trial with other batch sizes than SB's and LB's, the smallest first"),
  snapshots: z
    .array(trainingSchema.extend({ regime: z.enum(REGIMES) }))
    .describe(
      'the first epochs of the first trial, for each number of them that is asked for and was reached',
    ),
  warmStarts: z
    .array(
      trainingSchema.extend({
        warmEpochs: z.number().int().describe('of SB, with whose weights training started'),
      }),
    )
    .describe("the first trial of LB, warm-started with SB's weights"),
});

const progressSchema = z.object({
  done: z.number().int().describe('jobs of the study that are done'),
  missing: z.array(z.string()).describe('what is not there yet'),
});

/** What paper.json holds; what is not known or not finite is null there. */
const paperReportSchema = z.object({
  study: z.literal('paper').optional().describe('absent in reports of earlier versions'),
  format: z.literal(1).optional(),
  progress: progressSchema.optional().describe('in a report of a study that is under way'),
  settings: paperSettingsSchema,
  environment: environmentSchema,
  command: z.string().describe('what makes this report again'),
  networks: z.array(networkSchema),
});
export type PaperReport = z.output<typeof paperReportSchema>;
export type NetworkReport = PaperReport['networks'][number];
export type RemedyReport = z.output<typeof remedySchema>;
export type PlotReport = z.output<typeof plotSchema>;
export type LaterMeasures = z.output<typeof laterMeasuresSchema>;
export type NoisePhase = LaterMeasures['noise'][number]['phase'];
export type PaperRun = NetworkReport['runs'][number];
export type TrainingReport = z.output<typeof trainingSchema>;

/** φ of a minimizer in a box in which it was measured. */
export function sharpnessIn({ sharpness }: TrainingReport, { space, epsilon }: Box): number {
  return sharpness.find((one) => one.space === space && one.epsilon === epsilon)!.sharpness;
}

/** paper.json: what is not finite becomes null. */
export function paperJson(report: PaperReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

/**
 * The report in the text of a paper.json.
 *
 * @throws UserError if it is none.
 */
export function parsePaperReport(text: string, file: string): PaperReport {
  try {
    return paperReportSchema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${file} is not a report of this version of the program.`);
  }
}
