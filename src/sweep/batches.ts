/** What is wrong with batches that leave an image alone; undefined if none does. Batch norm has no statistics of one. */
export function loneImage(images: number, batchSize: number): string | undefined {
  const size = Math.min(batchSize, images);
  if ((images % size || size) > 1) return undefined;
  return (
    `batches of ${size} leave one of ${images} images in a batch of its own, which batch norm cannot normalize: ` +
    'take another number'
  );
}
