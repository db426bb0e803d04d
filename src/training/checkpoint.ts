import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeAtomically } from '../atomic-file';
import { messageOf, UserError } from '../errors';
import { decodeSafetensors, encodeSafetensors } from '../model/safetensors';
import type { HostTensor } from '../model/weights';
import type { TrainingState } from './train';

/** JSON has no NaN or infinity: they are stored as null and come back as NaN. */
const anyNumber = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

/** Schema of an evaluation, as files hold it. */
export const evaluationSchema = z.object({
  loss: anyNumber,
  accuracy: anyNumber,
  lossStandardError: anyNumber,
});

/** Schema of an epoch's record, as files hold it. */
export const epochRecordSchema = z.object({
  epoch: z.number().int().positive(),
  learningRate: z.number(),
  trainingModeLoss: z.number(),
  test: evaluationSchema.nullable(),
});

const metadataSchema = z.object({ history: z.array(epochRecordSchema), seconds: z.number() });

const VELOCITY = 'velocity.';

/** Writes where a training stands. The file appears whole or the one before it stays. */
export function writeCheckpoint(
  file: string,
  { weights, velocities, history, seconds }: TrainingState,
): void {
  const tensors = new Map(weights);
  for (const [name, velocity] of velocities) tensors.set(VELOCITY + name, velocity);
  writeAtomically(file, encodeSafetensors(tensors, { training: JSON.stringify({ history, seconds }) }));
}

/**
 * Reads a checkpoint.
 *
 * @returns undefined if there is none.
 * @throws UserError if it is damaged.
 */
export function readCheckpoint(file: string): TrainingState | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const { tensors, metadata } = decodeSafetensors(readFileSync(file));
    const { history, seconds } = metadataSchema.parse(JSON.parse(metadata.training ?? ''));
    const weights = new Map<string, HostTensor>();
    const velocities = new Map<string, HostTensor>();
    for (const [name, tensor] of tensors) {
      if (name.startsWith(VELOCITY)) velocities.set(name.slice(VELOCITY.length), tensor);
      else weights.set(name, tensor);
    }
    return { weights, velocities, history, seconds };
  } catch (error) {
    const reason = error instanceof z.ZodError ? 'its notes are not those of a training' : messageOf(error);
    throw new UserError(`The checkpoint ${file} is damaged (${reason}): delete it to train anew.`);
  }
}
