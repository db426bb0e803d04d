import { z } from 'zod';
import { claimSchema, environmentSchema } from '../report/report';
import { PAPER_NETWORKS } from '../model/networks';
import { anyNumber, epochRecordSchema, evaluationSchema } from '../training/checkpoint';
import { REGIMES } from '../training/regime';
import { sharpnessSchema } from './folder';
import { paperSettingsSchema } from './settings';

const runSchema = z.object({
  regime: z.enum(REGIMES),
  seed: z.number().int(),
  batchSize: z.number().int(),
  epochs: z.number().int(),
  stalled: z.boolean().describe('whether training ended because the loss had ceased to improve'),
  train: evaluationSchema,
  test: evaluationSchema,
  distanceFromStart: anyNumber,
  sharpness: z.array(sharpnessSchema),
  history: z.array(epochRecordSchema),
  weightsSha256: z.string(),
  seconds: z.number(),
});

const networkSchema = z.object({
  network: z.enum(PAPER_NETWORKS),
  trainImages: z.number().int(),
  sharpnessImages: z.number().int(),
  runs: z.array(runSchema),
  claims: z.array(claimSchema),
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
export type PaperRun = NetworkReport['runs'][number];
