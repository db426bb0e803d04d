import type { EngineName } from './engine';
import { UserError } from '../support/errors';

/** Engines whose tensors lie in main memory. */
export type OnHost = Exclude<EngineName, 'webgpu'>;

/** What a training step of SimpleVGG holds at its peak, an image: 1.1 and 2.1 MB measured, and a margin. */
const STEP_BYTES_PER_IMAGE: Readonly<Record<OnHost, number>> = { tensorflow: 1.4e6, wasm: 2.4e6 };
/** What a process holds beside it. */
const PROCESS_BYTES = 0.9e9;
/** WebAssembly's addresses have 32 bits. */
const WASM_BYTES = 2 ** 32;
/** The largest batch of the preset `quick`. */
const QUICK_BATCH = 1024;

/**
 * Refuses a batch that memory cannot hold: batch norm's statistics are those of the whole batch, so it is never cut
 * into pieces behind the user's back.
 *
 * @param available bytes of main memory.
 * @throws UserError naming the need.
 */
export function demandMemory(engine: OnHost, batchSize: number, available: number): void {
  const limit = engine === 'wasm' ? Math.min(available, WASM_BYTES) : available;
  if (needOf(engine, batchSize) <= limit) return;
  const holder = limit < available ? 'WebAssembly can address' : 'this machine has';
  throw tooLarge(
    batchSize,
    needOf(engine, batchSize),
    `${holder} ${inGigabytes(limit)}`,
    (size) => needOf(engine, size) <= limit,
  );
}

/** What to say where a device turned out too small for a batch, in the middle of the work. */
export function exhausted(batchSize: number): UserError {
  return tooLarge(
    batchSize,
    needOf('tensorflow', batchSize),
    'the device has less left',
    (size) => size < batchSize,
  );
}

function tooLarge(
  batchSize: number,
  need: number,
  limit: string,
  fits: (batchSize: number) => boolean,
): UserError {
  const quick = fits(QUICK_BATCH) ? `, or --preset quick (batch size ${QUICK_BATCH})` : '';
  return new UserError(
    `A step of batch size ${batchSize} needs about ${inGigabytes(need)} of memory, and ${limit}: ` +
      `choose a smaller --large-batch${quick}.`,
  );
}

/** Bytes that a process needs for steps of so many images. */
export function needOf(engine: OnHost, batchSize: number): number {
  return PROCESS_BYTES + batchSize * STEP_BYTES_PER_IMAGE[engine];
}

function inGigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
