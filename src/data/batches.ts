import type { RandomStream } from '../support/random';
import { imageBytes, imagesBetween, type Dataset, type ImageKind } from './dataset';

/** Images and labels of one step. */
export interface Batch {
  readonly kind: ImageKind;
  /** [size, side, side, channels] bytes. */
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
 *   and flipped left to right with probability ½, in that order, as the usual CIFAR recipe does.
 */
export function gatherBatch(dataset: Dataset, indices: Uint32Array, augmentation?: RandomStream): Batch {
  const { kind } = dataset;
  const bytes = imageBytes(kind);
  const images = new Uint8Array(indices.length * bytes);
  const labels = new Uint8Array(indices.length);
  indices.forEach((index, slot) => {
    const source = dataset.images.subarray(index * bytes, (index + 1) * bytes);
    const target = images.subarray(slot * bytes, (slot + 1) * bytes);
    if (augmentation) cropAndFlip(kind, source, target, augmentation);
    else target.set(source);
    labels[slot] = dataset.labels[index];
  });
  return { kind, images, labels, size: indices.length };
}

/** A run of neighbouring images, sharing the data set's memory. */
export function sliceBatch(dataset: Dataset, from: number, to: number): Batch {
  const { kind, images, labels, count } = imagesBetween(dataset, from, to);
  return { kind, images, labels, size: count };
}

function cropAndFlip(
  { side, channels }: ImageKind,
  source: Uint8Array,
  target: Uint8Array,
  random: RandomStream,
): void {
  const down = random.integer(-CROP_PADDING, CROP_PADDING);
  const right = random.integer(-CROP_PADDING, CROP_PADDING);
  const flipped = random.bits() < 0;
  const rowBytes = side * channels;
  // Columns of the source that stay in view, and where the first of them lands.
  const firstColumn = Math.max(0, right);
  const columns = side - Math.abs(right);
  const landing = Math.max(0, -right);
  for (let y = Math.max(0, -down); y < Math.min(side, side - down); y++) {
    const from = (y + down) * rowBytes + firstColumn * channels;
    const row = y * rowBytes;
    if (!flipped) {
      target.set(source.subarray(from, from + columns * channels), row + landing * channels);
      continue;
    }
    let to = row + (side - 1 - landing) * channels;
    for (let at = from; at < from + columns * channels; at += channels, to -= channels) {
      for (let channel = 0; channel < channels; channel++) target[to + channel] = source[at + channel];
    }
  }
}
