import { UserError } from './errors';

/** What a training step of SimpleVGG holds at its peak, an image (1.1 MB measured, and a margin), and what a
 * process holds beside it. */
const STEP_BYTES_PER_IMAGE = 1.4e6;
const PROCESS_BYTES = 0.9e9;

/**
 * Refuses a batch that main memory cannot hold: batch norm's statistics are those of the whole batch, so it is
 * never cut into pieces behind the user's back.
 *
 * @param available bytes.
 * @throws UserError naming the need.
 */
export function demandMemory(batchSize: number, available: number): void {
  const need = PROCESS_BYTES + batchSize * STEP_BYTES_PER_IMAGE;
  if (need <= available) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new UserError(
    `A step of batch size ${batchSize} needs about ${gigabytes(need)} of memory, and this machine has ` +
      `${gigabytes(available)}: choose a smaller --large-batch.`,
  );
}
