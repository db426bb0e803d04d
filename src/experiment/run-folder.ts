import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SPLITS } from '../data/dataset';
import { UserError } from '../support/errors';
import { NORMALIZATIONS } from '../landscape/directions';
import { environmentSchema, pairedTestSchema } from '../report/report';
import { anyNumber, epochRecordSchema, evaluationSchema } from '../training/checkpoint';
import { REGIMES } from '../training/regime';
import type { TrainingState } from '../training/train';
import {
  ANEW,
  guarded,
  refuseOtherEngine,
  removeUnfinishedFiles,
  resultWriter,
  sayOtherCommit,
  storedJson,
  storedTraining,
  type ResultWriter,
  type Stored,
} from './stored';
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

export const finishedRunSchema = z.union([trainedSchema, z.object({ diverged: z.string() })]);

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
  readonly write: ResultWriter;
}

/** How a folder is opened. */
export interface OpenOptions {
  /** Forgets what an earlier experiment left there. */
  readonly overwrite?: boolean;
  /** Settings that are taken from the folder, if it has any. */
  readonly adopt?: readonly (keyof Settings)[];
  /** Whether nothing is left to compute, so that any engine and commit will do. Unless told, something is. */
  readonly isFinished?: (folder: RunFolder) => boolean;
  readonly say?: (line: string) => void;
}

/**
 * Opens the folder of an experiment, new or to go on with. Nothing that it holds is lost, unless it is overwritten.
 *
 * @throws UserError if it cannot be written, or holds an experiment with other settings or of another engine.
 */
export function openRunFolder(path: string, beginning: Beginning, options: OpenOptions = {}): RunFolder {
  const { overwrite = false, adopt = [], isFinished = () => false, say = () => {} } = options;
  const state = join(path, 'checkpoints');
  const notes = beginningOf(path, say);
  if (overwrite) guarded(path, () => forget(path));
  else if (existsSync(join(path, 'report.json')) && !existsSync(state)) {
    throw new UserError(`${path} holds a report without its checkpoints: ${ANEW}.`);
  }
  guarded(path, () => mkdirSync(state, { recursive: true }));
  removeUnfinishedFiles(path, state);
  const earlier = notes.read();
  if (!earlier) {
    notes.write(beginning);
    return folderOf(path, beginning, say);
  }
  const adopted = Object.fromEntries(adopt.map((key) => [key, earlier.settings[key]]));
  const current = { ...earlier, settings: { ...beginning.settings, ...adopted } };
  refuseOtherSettings(path, earlier.settings, current.settings, holdsCurves(state));
  const folder = folderOf(path, current, say);
  if (!isFinished(folder)) {
    refuseOtherEngine(path, earlier.environment, beginning.environment);
    sayOtherCommit(path, earlier.environment, beginning.environment, say);
  }
  // Only now: what is refused leaves no trace.
  if (differingSettings(earlier.settings, current.settings).length > 0) notes.write(current);
  return folder;
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
    checkpoint: (training) => storedTraining(state(`${training}.training`), say),
    run: (training) => storedJson(state(`${training}.run`), finishedRunSchema, say),
    curves: (training) => storedJson(state(`${training}${CURVES}`), z.array(curveSchema), say),
    pairedTest: (seed) => storedJson(state(`test-seed${seed}.pair`), pairedTestSchema, say),
    sensitivity: storedJson(state(`sensitivity${CURVES}`), sensitivitySchema, say),
    write: resultWriter(path),
  };
}

const CURVES = '.curves';

function beginningOf(path: string, say: (line: string) => void): Stored<Beginning> {
  return storedJson(join(path, 'checkpoints', 'experiment.beginning'), beginningSchema, say);
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
  if (!existsSync(path)) return;
  const weights = readdirSync(path).filter((name) => WEIGHTS.test(name));
  for (const name of ['checkpoints', ...RESULTS, ...weights]) {
    rmSync(join(path, name), { recursive: true, force: true });
  }
}

/** Whether a curve is stored whose grid the settings decide; those of the sensitivity have their own. */
function holdsCurves(state: string): boolean {
  return readdirSync(state).some((name) => name.includes(CURVES) && !name.startsWith('sensitivity'));
}

/** Settings that decide where curves are evaluated: they are open until the first curve is stored. */
const GRID_SETTINGS: readonly (keyof Settings)[] = ['alphas', 'normalization', 'curveImages'];

/** Settings that ask for more of the same: what is there stays good, and an experiment may grow by them. */
const GROWING_SETTINGS: readonly (keyof Settings)[] = ['seeds', 'directions', 'testCurves'];

/** The settings that a control has from its folder, where they are not given. */
export function leftToFolder(given: Partial<Settings>): (keyof Settings)[] {
  return [...GROWING_SETTINGS, ...GRID_SETTINGS].filter((key) => given[key] === undefined);
}

function refuseOtherSettings(path: string, earlier: Settings, now: Settings, holdsCurves: boolean): void {
  const mayBecome = (key: keyof Settings) =>
    GROWING_SETTINGS.includes(key) ? earlier[key] < now[key] : GRID_SETTINGS.includes(key) && !holdsCurves;
  const other = differingSettings(earlier, now).find((key) => !mayBecome(key));
  if (!other) return;
  throw new UserError(
    `${path} holds an experiment with ${flagOf(other)} ${String(earlier[other])}, not ${String(now[other])}: ${ANEW}.`,
  );
}
