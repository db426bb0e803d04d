/**
 * Images a batch wherever batch norm's statistics are computed anew: one number for trainings of all batch sizes, so
 * that nothing but the training differs.
 */
export const STATISTICS_BATCH = 500;

/** What is wrong with batches that leave an image alone; undefined if none does. Batch norm has no statistics of one. */
export function loneImage(images: number, batchSize: number): string | undefined {
  const size = Math.min(batchSize, images);
  if ((images % size || size) > 1) return undefined;
  return (
    `batches of ${size} leave one of ${images} images in a batch of its own, which batch norm cannot normalize: ` +
    'take another number'
  );
}
