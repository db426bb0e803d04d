import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../atomic-file';
import { readChecked, removeChecked, writeChecked } from '../checked-file';
import { SPLITS } from '../data/cifar10';
import { messageOf, UserError } from '../errors';
import { NORMALIZATIONS } from '../landscape/directions';
import { environmentSchema, pairedTestSchema } from '../report/report';
import {
  anyNumber,
  decodeCheckpoint,
  encodeCheckpoint,
  epochRecordSchema,
  evaluationSchema,
} from '../training/checkpoint';
import { REGIMES } from '../training/regime';
import type { TrainingState } from '../training/train';
import { differingSettings, flagOf, settingsSchema, type Settings } from './settings';

const beginningSchema = z.object({
  settings: settingsSchema,
  environment: environmentSchema,
});

const trainedSchema = z.object({
  train: evaluationSchema,
  test: evaluationSchema,
  distanceFromStart: anyNumber,
  weightsSha256: z.string(),
  seconds: z.number(),
  history: z.array(epochRecordSchema),
});

const finishedRunSchema = z.union([trainedSchema, z.object({ diverged: z.string() })]);

const curveSchema = z.object({
  grid: z.enum(['curve', 'curvature']),
  split: z.enum(SPLITS),
  direction: z.number().int(),
  directionSeed: z.number().int(),
  points: z.array(evaluationSchema),
});

const sensitivitySchema = z.object({
  images: z.object({ train: z.number(), test: z.number() }),
  directions: z.number(),
  alphas: z.array(z.number()),
  /** How many curves there are when it is done. */
  wanted: z.number(),
  curves: z.array(
    z.object({
      normalization: z.enum(NORMALIZATIONS),
      split: z.enum(SPLITS),
      direction: z.number(),
      regime: z.enum(REGIMES),
      loss: z.array(anyNumber),
    }),
  ),
});

export type Beginning = z.infer<typeof beginningSchema>;
/** A training that came to its end. */
export type TrainedRun = z.infer<typeof trainedSchema>;
/** A training that is over: at its end, or because its loss stopped being a number. */
export type FinishedRun = z.infer<typeof finishedRunSchema>;
/** A curve that is done; its points belong to the alphas of its grid. */
export type FinishedCurve = z.infer<typeof curveSchema>;
/** What --sensitivity has drawn, possibly in part. */
export type SensitivityCurves = z.infer<typeof sensitivitySchema>;

/** Something that the folder remembers from process to process, with a checksum and the one before it. */
export interface Stored<T> {
  read(): T | undefined;
  write(value: T): void;
  remove(): void;
}

/**
 * The folder of one experiment: its results, and what is needed to go on after an interruption. Trainings are
 * named as their weights files are: `small_batch`, `large_batch-seed43`, `control`, …
 */
export interface RunFolder {
  readonly path: string;
  /** What the experiment began with, possibly in an earlier process. */
  readonly beginning: Beginning;
  weightsFile(training: string): string;
  /** Where a training stands that is not finished. */
  checkpoint(training: string): Stored<TrainingState>;
  run(training: string): Stored<FinishedRun>;
  /** Curves around the minimizer that a training ended at. */
  curves(training: string): Stored<FinishedCurve[]>;
  pairedTest(seed: number): Stored<z.infer<typeof pairedTestSchema>>;
  readonly sensitivity: Stored<SensitivityCurves>;
  /** Writes a result that users read; folders in its name are made. */
  write(name: string, content: string | Uint8Array): void;
}

/** How a folder is opened. */
export interface OpenOptions {
  /** Forgets what an earlier experiment left there. */
  readonly overwrite?: boolean;
  /** Settings that are taken from the folder, if it has any. */
  readonly adopt?: readonly (keyof Settings)[];
  /** More will be computed even if the experiment is finished, so the engine must be the same. */
  readonly computes?: boolean;
  readonly say?: (line: string) => void;
}

/**
 * Opens the folder of an experiment, new or to go on with.
 *
 * @throws UserError if it cannot be written, or holds an experiment with other settings.
 */
export function openRunFolder(path: string, beginning: Beginning, options: OpenOptions = {}): RunFolder {
  const { overwrite = false, adopt = [], computes = false, say = () => {} } = options;
  const state = join(path, 'checkpoints');
  const notes = beginningOf(path, say);
  const began = existsSync(state);
  const finished = existsSync(join(path, 'report.json'));
  if (overwrite && began) guarded(path, () => forget(path));
  else if (finished && !overwrite && !began) {
    throw new UserError(
      `${path} holds a report without its checkpoints: choose another --out, or --overwrite it.`,
    );
  }
  guarded(path, () => mkdirSync(state, { recursive: true }));
  removeUnfinishedFiles(path, state);
  const earlier = notes.read();
  const adopted = earlier ? Object.fromEntries(adopt.map((key) => [key, earlier.settings[key]])) : {};
  const settings = { ...beginning.settings, ...adopted };
  if (earlier) refuseOthers(path, earlier, { ...beginning, settings }, finished, computes);
  const changed = earlier ? differingSettings(earlier.settings, settings) : [];
  // Another grid around the same minimizers: only the curves begin anew.
  if (changed.some((key) => GRID_SETTINGS.includes(key))) guarded(path, () => removeCurves(state));
  const current = { ...(earlier ?? beginning), settings };
  if (!earlier || changed.length > 0) notes.write(current);
  return folderOf(path, current, say);
}

/**
 * Opens the folder of an experiment as it is.
 *
 * @returns undefined if it holds none, though it may hold a report.
 */
export function reopenRunFolder(path: string, say: (line: string) => void = () => {}): RunFolder | undefined {
  const earlier = beginningOf(path, say).read();
  return earlier && folderOf(path, earlier, say);
}

function folderOf(path: string, beginning: Beginning, say: (line: string) => void): RunFolder {
  const state = (name: string) => join(path, 'checkpoints', name);
  return {
    path,
    beginning,
    weightsFile: (training) => join(path, `${training}.safetensors`),
    checkpoint: (training) => stored(state(`${training}.training`), encodeCheckpoint, decodeCheckpoint, say),
    run: (training) => storedJson(state(`${training}.run`), finishedRunSchema, say),
    curves: (training) => storedJson(state(`${training}${CURVES}`), z.array(curveSchema), say),
    pairedTest: (seed) => storedJson(state(`test-seed${seed}.pair`), pairedTestSchema, say),
    sensitivity: storedJson(state(`sensitivity${CURVES}`), sensitivitySchema, say),
    write: resultWriter(path),
  };
}

/** Writes results that users read into a folder. */
export function resultWriter(path: string): RunFolder['write'] {
  return (name, content) => {
    const file = join(path, name);
    guarded(path, () => {
      mkdirSync(join(file, '..'), { recursive: true });
      writeAtomically(file, content);
    });
  };
}

const CURVES = '.curves';

function beginningOf(path: string, say: (line: string) => void): Stored<Beginning> {
  return storedJson(join(path, 'checkpoints', 'experiment.beginning'), beginningSchema, say);
}

function stored<T>(
  file: string,
  encode: (value: T) => Uint8Array,
  decode: (content: Buffer) => T,
  say: (line: string) => void,
): Stored<T> {
  return {
    read: () => readChecked(file, decode, say),
    write: (value) => guarded(file, () => writeChecked(file, encode(value))),
    remove: () => guarded(file, () => removeChecked(file)),
  };
}

function storedJson<T>(file: string, schema: z.ZodType<T>, say: (line: string) => void): Stored<T> {
  return stored(
    file,
    (value) => Buffer.from(JSON.stringify(value)),
    (content) => {
      const parsed = schema.safeParse(JSON.parse(content.toString('utf8')));
      if (parsed.success) return parsed.data;
      throw new UserError(`${file} is of another version of this program: start anew with --overwrite.`);
    },
    say,
  );
}

const RESULTS = [
  'report.json',
  'report.md',
  'report.html',
  'curves.csv',
  'sharpness_comparison.png',
  'tensorboard',
];
const WEIGHTS = /^(small_batch|large_batch|control)(-.*)?\.safetensors$/;

/** Removes what this program writes, and nothing else. */
function forget(path: string): void {
  const weights = readdirSync(path).filter((name) => WEIGHTS.test(name));
  for (const name of ['checkpoints', ...RESULTS, ...weights]) {
    rmSync(join(path, name), { recursive: true, force: true });
  }
}

function removeCurves(state: string): void {
  for (const name of readdirSync(state)) {
    if (name.includes(CURVES) && !name.startsWith('sensitivity')) rmSync(join(state, name));
  }
}

/** What a process left that died while it wrote. */
function removeUnfinishedFiles(...folders: readonly string[]): void {
  for (const folder of folders) {
    for (const name of readdirSync(folder)) {
      if (/\.[0-9a-f-]{36}\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
    }
  }
}

/** Settings that decide where curves are evaluated: an unfinished experiment may change them. */
const GRID_SETTINGS: readonly (keyof Settings)[] = ['alphas', 'normalization', 'curveImages'];

/** Settings that ask for more of the same: what is there stays good, and a finished experiment may grow by them. */
export const GROWING_SETTINGS = ['seeds', 'directions', 'testCurves'] as const satisfies (keyof Settings)[];

/** What must not change halfway, since figures to the last bit depend on it. */
const ENGINE_KEYS = ['engine', 'engineVersion', 'device', 'threads'] as const;

function refuseOthers(
  path: string,
  earlier: Beginning,
  now: Beginning,
  finished: boolean,
  computes: boolean,
): void {
  const mend = 'choose another --out, or --overwrite it';
  const differing = differingSettings(earlier.settings, now.settings);
  const other = differing.find((key) => !mayBecome(key, earlier.settings, now.settings, finished));
  if (other) {
    throw new UserError(
      `${path} holds an experiment with ${flagOf(other)} ${String(earlier.settings[other])}, not ` +
        `${String(now.settings[other])}: ${mend}.`,
    );
  }
  const changed = ENGINE_KEYS.find((key) => earlier.environment[key] !== now.environment[key]);
  if (changed && (computes || !finished || differing.length > 0)) {
    throw new UserError(
      `${path} was begun with ${changed} ${earlier.environment[changed]}, and here it is ` +
        `${now.environment[changed]}: go on there, ${mend}.`,
    );
  }
}

function mayBecome(key: keyof Settings, from: Settings, to: Settings, finished: boolean): boolean {
  if ((GROWING_SETTINGS as readonly string[]).includes(key)) return !finished || from[key] < to[key];
  return !finished && GRID_SETTINGS.includes(key);
}

/** Turns the system's word on a path into the user's. */
export function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC')
      throw new UserError(`The disk of ${path} is full: make room and run the same command again.`);
    if (code) throw new UserError(`${path} cannot be written (${messageOf(error)}): choose another --out.`);
    throw error;
  }
}
