import { z } from 'zod';
import { decodeSafetensors, encodeSafetensors } from '../model/safetensors';
import type { HostTensor } from '../model/weights';
import { MOMENTS } from './optimizer';
import type { TrainingState } from './train';

/** JSON has no NaN or infinity: they are stored as null and come back as NaN. */
export const anyNumber = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

/** Schema of an evaluation, as files hold it. */
export const evaluationSchema = z
  .object({
    loss: anyNumber.describe('mean cross entropy in nats'),
    accuracy: anyNumber.describe('share of the images that are classified right, in [0, 1]'),
    lossStandardError: anyNumber.describe('of the loss if the images are a sample of many more, in nats'),
  })
  .meta({ id: 'Evaluation' });

/** Schema of an epoch's record, as files hold it. */
export const epochRecordSchema = z
  .object({
    epoch: z.number().int().positive(),
    learningRate: z.number(),
    trainingModeLoss: z.number().describe('mean over the epoch of the loss before each step, in nats'),
    trainingLoss: anyNumber
      .optional()
      .describe(
        'of the training images at the end of the epoch, in nats, where a rule to stop by looked at it',
      ),
    test: evaluationSchema
      .nullish()
      .describe('of the whole test set, where it was evaluated after the epoch'),
  })
  .meta({ id: 'Epoch' });

const metadataSchema = z.object({
  threads: z.number().int().optional(),
  history: z.array(epochRecordSchema),
  seconds: z.number(),
  stepsDone: z.number().int(),
  lossSum: z.number(),
});

/** Where a training stands, and with how many threads it was computed so far, which decides the rounding. */
export interface Checkpoint extends TrainingState {
  readonly threads?: number;
}

/** A checkpoint as safetensors: weights and running statistics, the optimizer's state, and its notes. */
export function encodeCheckpoint({ weights, optimizer, ...notes }: Checkpoint): Uint8Array {
  return encodeSafetensors(new Map([...weights, ...optimizer]), { training: JSON.stringify(notes) });
}

/**
 * What {@link encodeCheckpoint} made.
 *
 * @throws if it is anything else.
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const notes = metadataSchema.parse(JSON.parse(metadata.training ?? ''));
  const weights = new Map<string, HostTensor>();
  const optimizer = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) {
    const kept = MOMENTS.some((moment) => name.startsWith(`${moment}.`));
    (kept ? optimizer : weights).set(name, tensor);
  }
  return { weights, optimizer, ...notes };
}
