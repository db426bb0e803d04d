import { UserError } from '../support/errors';
import { sha256 } from '../support/sha256';

/** What the images of a data set are like; they are square. */
export interface ImageKind {
  /** Height and width in pixels. */
  readonly side: number;
  readonly channels: number;
  /** Labels are from 0 to classes − 1. */
  readonly classes: number;
  /** What each channel is customarily standardized with: mean and standard deviation of bytes / 255. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Labelled images, kept as bytes: four times smaller than the floats that a network sees. */
export interface Dataset {
  readonly kind: ImageKind;
  readonly count: number;
  /** [count, side, side, channels], row by row, the channels of a pixel side by side. */
  readonly images: Uint8Array;
  /** [count]. */
  readonly labels: Uint8Array;
}

export const SPLITS = ['train', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** How many bytes an image takes. */
export function imageBytes({ side, channels }: ImageKind): number {
  return side * side * channels;
}

/**
 * A data set out of all its labels and then all its images, sharing their memory.
 *
 * @param bytes [count · (1 + side · side · channels)].
 */
export function datasetOf(kind: ImageKind, bytes: Uint8Array): Dataset {
  const count = bytes.length / (1 + imageBytes(kind));
  return { kind, count, labels: bytes.subarray(0, count), images: bytes.subarray(count) };
}

/** SHA-256 of a data set's labels and images, one behind the other. */
export function datasetSha256({ labels, images }: Dataset): string {
  return sha256(Buffer.concat([labels, images]));
}

/**
 * The first `count` images of a data set, sharing its memory.
 *
 * @param count at least 1.
 * @throws UserError if there are fewer.
 */
export function firstImages(dataset: Dataset, count: number): Dataset {
  if (count < 1 || count > dataset.count) {
    throw new UserError(`${count} images were asked for, and there are ${dataset.count}.`);
  }
  return imagesBetween(dataset, 0, count);
}

/** A run of neighbouring images, sharing the data set's memory. */
export function imagesBetween({ kind, images, labels }: Dataset, from: number, to: number): Dataset {
  const bytes = imageBytes(kind);
  return {
    kind,
    count: to - from,
    images: images.subarray(from * bytes, to * bytes),
    labels: labels.subarray(from, to),
  };
}

/** The images at some indices, copied side by side. */
export function gatherImages({ kind, images, labels }: Dataset, indices: Uint32Array): Dataset {
  const bytes = imageBytes(kind);
  const gathered = new Uint8Array(indices.length * bytes);
  indices.forEach((index, slot) =>
    gathered.set(images.subarray(index * bytes, (index + 1) * bytes), slot * bytes),
  );
  return {
    kind,
    count: indices.length,
    images: gathered,
    labels: Uint8Array.from(indices, (index) => labels[index]),
  };
}
