import type { RandomStream } from '../random';
import { CHANNELS, IMAGE_BYTES, IMAGE_SIDE, type Dataset } from './cifar10';

/** Images and labels of one step. */
export interface Batch {
  /** [size, 32, 32, 3] bytes. */
  readonly images: Uint8Array;
  /** [size]. */
  readonly labels: Uint8Array;
  readonly size: number;
}

/** Zero pixels that a random crop may reach into on every side (He et al. 2016, section 4.2). */
const CROP_PADDING = 4;

/**
 * Cuts an epoch's order into batches; the last one holds what is left.
 *
 * @param order indices into a data set.
 * @param batchSize at least 1.
 */
export function* inBatches(order: Uint32Array, batchSize: number): Generator<Uint32Array> {
  for (let at = 0; at < order.length; at += batchSize) yield order.subarray(at, at + batchSize);
}

/**
 * The images at `indices`, copied side by side.
 *
 * @param augmentation where given, each image is cropped at random out of itself padded by four black pixels,
 *   and flipped left to right with probability ½, in that order, as the usual CIFAR-10 recipe does.
 */
export function gatherBatch(dataset: Dataset, indices: Uint32Array, augmentation?: RandomStream): Batch {
  const images = new Uint8Array(indices.length * IMAGE_BYTES);
  const labels = new Uint8Array(indices.length);
  indices.forEach((index, slot) => {
    const source = dataset.images.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);
    const target = images.subarray(slot * IMAGE_BYTES, (slot + 1) * IMAGE_BYTES);
    if (augmentation) cropAndFlip(source, target, augmentation);
    else target.set(source);
    labels[slot] = dataset.labels[index];
  });
  return { images, labels, size: indices.length };
}

/** A run of neighbouring images, sharing the data set's memory. */
export function sliceBatch(dataset: Dataset, from: number, to: number): Batch {
  return {
    images: dataset.images.subarray(from * IMAGE_BYTES, to * IMAGE_BYTES),
    labels: dataset.labels.subarray(from, to),
    size: to - from,
  };
}

function cropAndFlip(source: Uint8Array, target: Uint8Array, random: RandomStream): void {
  const down = random.integer(-CROP_PADDING, CROP_PADDING);
  const right = random.integer(-CROP_PADDING, CROP_PADDING);
  const flipped = random.bits() < 0;
  const rowBytes = IMAGE_SIDE * CHANNELS;
  // Columns of the source that stay in view, and where the first of them lands.
  const firstColumn = Math.max(0, right);
  const columns = IMAGE_SIDE - Math.abs(right);
  const landing = Math.max(0, -right);
  for (let y = Math.max(0, -down); y < Math.min(IMAGE_SIDE, IMAGE_SIDE - down); y++) {
    const from = (y + down) * rowBytes + firstColumn * CHANNELS;
    const row = y * rowBytes;
    if (!flipped) {
      target.set(source.subarray(from, from + columns * CHANNELS), row + landing * CHANNELS);
      continue;
    }
    let to = row + (IMAGE_SIDE - 1 - landing) * CHANNELS;
    for (let at = from; at < from + columns * CHANNELS; at += CHANNELS, to -= CHANNELS) {
      target[to] = source[at];
      target[to + 1] = source[at + 1];
      target[to + 2] = source[at + 2];
    }
  }
}
