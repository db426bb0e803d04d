import type { z } from 'zod';
import type { Measure } from '../jobs/measure';
import {
  hasPerImageLosses,
  imagesKey,
  KEYS,
  measureKey,
  parseMeasureResult,
  snapshotResultSchema,
  trainingResultSchema,
  type MeasureResult,
  type SnapshotResult,
  type TrainingResult,
} from '../jobs/result';
import { minimizerOutcome, type Outcome, type Results } from '../jobs/results';
import { trainingId, type Training } from '../jobs/training';
import type { ImageResults } from '../training/evaluate';
import { UserError } from '../support/errors';
import type { ResultStore } from './store';

/**
 * Results as plain values, read from a store as they are asked for: what a pure function has asked for and is in the
 * store is read before the function is called again, until it has asked for nothing new.
 */
export interface ResultsView extends Results {
  /** The value of a pure function of the results, with everything that it asks for loaded. */
  evaluate<T>(of: (results: Results) => T): Promise<T>;
  /** Looks for results that are new in the store; those of the given trainings are read again. */
  refresh(trainings?: readonly Training[]): Promise<void>;
  /** Names of everything in the store that was ever asked for. */
  readonly asked: ReadonlySet<string>;
}

/** Objects that are read at once. */
const READ_AT_ONCE = 32;

const MISSING = { state: 'missing' } as const;

/** @throws UserError if the store cannot be read. */
export async function resultsView(store: ResultStore): Promise<ResultsView> {
  const names = new Set<string>();
  const values = new Map<string, unknown>();
  const asked = new Set<string>();
  const waiting = new Map<string, (bytes: Uint8Array) => unknown>();

  function ask<T>(key: string, decode: (bytes: Uint8Array) => T): T | undefined {
    asked.add(key);
    if (values.has(key)) return values.get(key) as T;
    if (names.has(key)) waiting.set(key, decode);
    return undefined;
  }

  const json =
    <T>(key: string, parse: (value: unknown) => T) =>
    (bytes: Uint8Array): T => {
      try {
        return parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
      } catch {
        throw new UserError(
          `${key} in ${store.name} is not a result of this version of the program: choose another --store, or delete it.`,
        );
      }
    };
  const schema =
    <T>(of: z.ZodType<T>) =>
    (value: unknown) =>
      of.parse(value);

  async function load(): Promise<boolean> {
    const all = [...waiting];
    waiting.clear();
    for (let from = 0; from < all.length; from += READ_AT_ONCE) {
      await Promise.all(
        all.slice(from, from + READ_AT_ONCE).map(async ([key, decode]) => {
          const bytes = await store.read(key);
          if (bytes) values.set(key, decode(bytes));
          else names.delete(key);
        }),
      );
    }
    return all.length > 0;
  }

  const view: ResultsView = {
    asked,
    training(training): Outcome<never, TrainingResult> {
      const key = KEYS.training(trainingId(training));
      const result = ask(key, json(key, schema(trainingResultSchema)));
      if (!result) return MISSING;
      const { figures } = result;
      if ('diverged' in figures) return { state: 'diverged', reason: figures.diverged };
      return { state: 'done', figures: figures as never, result };
    },
    snapshot(training: Training, step: number): Outcome<never, SnapshotResult> {
      const key = KEYS.snapshot(trainingId(training), step);
      const result = ask(key, json(key, schema(snapshotResultSchema)));
      if (result) return { state: 'done', figures: result.figures as never, result };
      const end = view.training(training);
      if (end.state === 'diverged') return end;
      if (end.state === 'done' && end.figures.steps < step) {
        return {
          state: 'failed',
          reason: `training ended after ${end.figures.steps} steps, before step ${step}`,
        };
      }
      return MISSING;
    },
    measure<M extends Measure>(measure: M): Outcome<never, MeasureResult<M['kind']>> {
      const minimizers = measure.of.map((minimizer) => minimizerOutcome(view, minimizer));
      const lost = minimizers.find(({ state }) => state === 'diverged' || state === 'failed');
      if (lost) return lost as Outcome<never, never>;
      const key = measureKey(measure);
      const result = ask(key, json(key, parseMeasureResult)) as MeasureResult<M['kind']> | undefined;
      // A figure of other weights than the training's present ones does not count.
      const isCurrent = minimizers.every(
        (one, index) => one.state === 'done' && one.figures.weightsSha256 === result?.weightsSha256[index],
      );
      // The losses of single images are part of an evaluation: paired tests rest on them.
      const isWhole = measure.kind !== 'evaluation' || names.has(imagesKey(measure));
      return result && isCurrent && isWhole
        ? { state: 'done', figures: result.figures as never, result }
        : MISSING;
    },
    perImage(measure): ImageResults | undefined {
      if (!hasPerImageLosses(measure) || view.measure(measure).state !== 'done') return undefined;
      return ask(imagesKey(measure), decodePerImage);
    },
    async evaluate(of) {
      for (;;) {
        const value = of(view);
        if (!(await load())) return value;
      }
    },
    async refresh(trainings) {
      const within = trainings?.map(trainingId).flatMap((id) => [KEYS.resultsOf(id), KEYS.imagesOf(id)]);
      const prefixes = within ?? ['results/', 'images/'];
      const listed = new Set((await Promise.all(prefixes.map((prefix) => store.list(prefix)))).flat());
      const isWithin = (key: string) => prefixes.some((prefix) => key.startsWith(prefix));
      for (const key of names) if (isWithin(key) && !listed.has(key)) names.delete(key);
      for (const key of listed) names.add(key);
      // What has gone, or may have been computed again, is read again.
      for (const key of values.keys()) {
        if (!names.has(key) || (within && isWithin(key))) values.delete(key);
      }
    },
  };
  await view.refresh();
  return view;
}

/** Losses as float32, little-endian, and behind them a byte for each image: 1 where it is classified right. */
export function encodePerImage({ losses, correct }: ImageResults): Uint8Array {
  return Buffer.concat([Buffer.from(losses.buffer, losses.byteOffset, losses.byteLength), correct]);
}

/** What {@link encodePerImage} made. */
export function decodePerImage(bytes: Uint8Array): ImageResults {
  const count = bytes.length / 5;
  const copy = new Uint8Array(bytes);
  return { losses: new Float32Array(copy.buffer, 0, count), correct: copy.subarray(4 * count) };
}
