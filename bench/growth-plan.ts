import type { Varied } from './growth-results';

/** What is measured: which values of each quantity, and how thoroughly. */
export interface Settings {
  readonly batches: readonly number[];
  readonly widths: readonly number[];
  /** Batch size where it is not the batch size that grows. */
  readonly batch: number;
  readonly images: readonly number[];
  readonly alphas: readonly number[];
  /** Times that each side measures a training point; a direction is long enough to be measured once. */
  readonly turns: number;
  /** What a turn of short steps takes, in seconds. */
  readonly turnSeconds: number;
}

export const FULL: Settings = {
  batches: [16, 64, 256, 1024, 4096],
  widths: [0.5, 1, 2],
  batch: 256,
  images: [250, 1000, 4000],
  alphas: [3, 11, 25],
  turns: 3,
  turnSeconds: 2,
};

/** To see whether all of it works, in a few minutes. */
export const QUICK: Settings = {
  batches: [16, 64],
  widths: [0.5, 1],
  batch: 16,
  images: [250, 500],
  alphas: [3, 5],
  turns: 2,
  turnSeconds: 0.3,
};

/** One thing to measure on every side. */
export type Point = { readonly threads: number } & (
  | { readonly task: 'train'; readonly batch: number; readonly width: number }
  | { readonly task: 'direction'; readonly images: number; readonly alphas: number }
);

/** Points that differ in one quantity, each costing more time than the one before. */
export interface Series {
  readonly varies: Varied;
  readonly points: readonly { readonly value: number; readonly point: Point }[];
}

/** What stays as it is while something else grows. */
export function fixedOf({ batch, images, alphas }: Settings): {
  readonly batch: number;
  readonly images: number;
  readonly alphas: number;
} {
  return { batch, images: images[1], alphas: alphas[0] };
}

/** @param threads as many as the machine has. */
export function seriesOf(settings: Settings, threads: number): Series[] {
  const { batches, widths, images, alphas } = settings;
  const fixed = fixedOf(settings);
  const training: Point = { task: 'train', batch: fixed.batch, width: 1, threads };
  const direction: Point = { task: 'direction', images: fixed.images, alphas: fixed.alphas, threads };
  const series = (varies: Varied, values: readonly number[], at: (value: number) => Point): Series => ({
    varies,
    points: values.map((value) => ({ value, point: at(value) })),
  });
  return [
    series('batch size', batches, (value) => ({ ...training, batch: value })),
    series('width', widths, (value) => ({ ...training, width: value })),
    series('threads', threadCounts(threads), (value) => ({ ...training, threads: value })),
    series('images', images, (value) => ({ ...direction, images: value })),
    series('alphas', alphas, (value) => ({ ...direction, alphas: value })),
  ];
}

/** All threads, and powers of two below, from most to fewest. */
export function threadCounts(most: number): number[] {
  const counts = [most];
  for (let count = 2 ** Math.floor(Math.log2(most)); count >= 1; count /= 2) {
    if (count < most) counts.push(count);
  }
  return counts;
}

/** A first step that takes longer than this, in seconds, is as good as any other. */
const LONG_STEP = 10;

/**
 * How many steps a turn takes, the first of which does not count where there are several.
 *
 * @param seconds that a step takes.
 * @param images that there are.
 */
export function stepsOf(seconds: number, turnSeconds: number, batch: number, images: number): number {
  if (seconds > LONG_STEP) return 1;
  const wanted = 1 + Math.max(1, Math.round(turnSeconds / seconds));
  return Math.max(1, Math.min(wanted, Math.floor(images / batch)));
}

/**
 * Which sides will not be tried at a point that costs `factor` times as much as the one before it, and why: memory
 * grows at most in proportion, and all sides hold theirs at once, so those that need most give way to the others.
 *
 * @param peaks of the sides at the point before, in MiB.
 */
export function memoryLacking<Name>(
  peaks: ReadonlyMap<Name, number>,
  factor: number,
  memoryMiB: number,
): Map<Name, string> {
  const gib = (mib: number) => `${(mib / 1024).toFixed(1)} GiB`;
  const lacking = new Map<Name, string>();
  let taken = 0;
  for (const [name, peak] of [...peaks].sort(([, one], [, other]) => one - other)) {
    const need = factor * peak;
    if (taken + need <= memoryMiB) taken += need;
    else lacking.set(name, `may need ${gib(need)} of memory, and ${gib(memoryMiB - taken)} are left`);
  }
  return lacking;
}
