import { z } from 'zod';
import { claimSchema, environmentSchema } from '../report/report';
import { PATHS } from '../landscape/parametric';
import { PAPER_NETWORKS } from '../model/networks';
import { anyNumber, epochRecordSchema, evaluationSchema } from '../training/checkpoint';
import { REGIMES } from '../training/regime';
import { otherMeasuresSchema, plotPointSchema, sharpnessSchema } from './folder';
import { paperSettingsSchema, REMEDIES } from './settings';

/** What every training of the experiment has. */
const trainingSchema = z.object({
  batchSize: z.number().int(),
  epochs: z.number().int(),
  stalled: z.boolean().describe('whether training ended because the loss had ceased to improve'),
  train: evaluationSchema.describe('by batch statistics of the training images, as test is'),
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
  points: z.array(plotPointSchema).describe("of the first trial, a point an alpha of the settings'"),
});

const remedySchema = z.object({
  remedy: z.enum(REMEDIES),
  runs: z.array(runSchema).describe('of LB with it, one a seed'),
});

const networkSchema = z.object({
  network: z.enum(PAPER_NETWORKS),
  trainImages: z.number().int(),
  sharpnessImages: z.number().int(),
  runs: z.array(runSchema),
  remedies: z.array(remedySchema),
  others: z
    .array(otherMeasuresSchema.extend({ regime: z.enum(REGIMES) }))
    .describe('of the first trial; none where they were not measured'),
  claims: z.array(claimSchema),
  plots: z.array(plotSchema).describe('the parametric plots that are done'),
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
      trainingSchema.extend({ warmEpochs: z.number().int().describe('of SB, at whose weights it began') }),
    )
    .describe('the first trial of LB from where SB was'),
});

/** What paper.json holds; what is not known or not finite is null there. */
export const paperReportSchema = z.object({
  settings: paperSettingsSchema,
  environment: environmentSchema,
  command: z.string().describe('what makes this report again'),
  networks: z.array(networkSchema),
});
export type PaperReport = z.output<typeof paperReportSchema>;
export type NetworkReport = PaperReport['networks'][number];
export type RemedyReport = z.output<typeof remedySchema>;
export type PlotReport = z.output<typeof plotSchema>;
export type PaperRun = NetworkReport['runs'][number];
export type TrainingReport = z.output<typeof trainingSchema>;
