import { z } from 'zod';
import { table } from './statistics';

/** What is made to grow, all else being equal. */
export const VARIED = ['batch size', 'width', 'threads', 'images', 'alphas'] as const;
export type Varied = (typeof VARIED)[number];

const figure = z.number().nullable();

const rowSchema = z.object({
  engine: z.string(),
  varies: z.enum(VARIED),
  value: z.number(),
  /** Of a training step, all threads together, or of the evaluations along a direction; null: not measured. */
  imagesPerSecond: figure,
  /** Of a step, or of a direction. */
  seconds: figure,
  /** Seconds of CPU time a second. */
  cores: figure,
  /** The most main memory that the process held. */
  peakMiB: figure,
  /** Images a second over PyTorch's, the median over the turns; null: PyTorch was not measured. */
  timesPytorch: figure,
  /** Why it was not measured. */
  reason: z.string().nullable(),
});

const growthSchema = z.object({
  machine: z.object({
    processor: z.string(),
    threads: z.number(),
    memoryGiB: z.number(),
    node: z.string(),
    /** By engine, of those that there are. */
    versions: z.record(z.string(), z.string()),
  }),
  /** Of what does not vary just then: the batch size, and a direction's images and alphas. */
  fixed: z.object({ batch: z.number(), images: z.number(), alphas: z.number() }),
  rows: z.array(rowSchema),
});

/** One engine at one point. */
export type GrowthRow = z.infer<typeof rowSchema>;
export type Growth = z.infer<typeof growthSchema>;

/** @throws Error if the text is not what the benchmark wrote. */
export function parseGrowth(text: string): Growth {
  return growthSchema.parse(JSON.parse(text));
}

/** The rows in columns. */
export function growthTable(rows: readonly GrowthRow[]): string {
  const shown = (value: number | null, digits: number) => value?.toFixed(digits) ?? 'n/a';
  return table(
    ['varies', 'value', 'engine', 'images/s', '× PyTorch', 'seconds', 'peak MiB', 'cores', ''],
    rows.map((row) => [
      row.varies,
      String(row.value),
      row.engine,
      shown(row.imagesPerSecond, 1),
      row.timesPytorch?.toFixed(2) ?? '–',
      shown(row.seconds, 3),
      shown(row.peakMiB, 0),
      shown(row.cores, 2),
      row.reason ?? '',
    ]),
  );
}
