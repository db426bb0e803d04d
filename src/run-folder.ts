import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from './atomic-file';
import { messageOf, UserError } from './errors';
import { differingSettings, flagOf, settingsSchema, type Settings } from './settings';
import { epochRecordSchema, evaluationSchema } from './training/checkpoint';
import type { Regime } from './training/train';

const beginningSchema = z.object({
  settings: settingsSchema,
  environment: z.object({
    engine: z.string(),
    engineVersion: z.string(),
    device: z.string(),
    threads: z.number(),
    node: z.string(),
    platform: z.string(),
    commit: z.string().nullable(),
    dataSha256: z.string(),
  }),
});

const runSchema = z.object({
  train: evaluationSchema,
  test: evaluationSchema,
  weightsSha256: z.string(),
  seconds: z.number(),
  history: z.array(epochRecordSchema),
});

const curvesSchema = z.array(
  z.object({
    regime: z.enum(['SB', 'LB']),
    direction: z.number().int(),
    directionSeed: z.number().int(),
    split: z.enum(['train', 'test']),
    points: z.array(evaluationSchema),
  }),
);

export type Beginning = z.infer<typeof beginningSchema>;
/** A training that is done. */
export type FinishedRun = z.infer<typeof runSchema>;
/** A curve that is done; its points belong to the settings' alphas. */
export type FinishedCurve = z.infer<typeof curvesSchema>[number];

/** The folder of one experiment: its results, and what is needed to go on after an interruption. */
export interface RunFolder {
  readonly path: string;
  /** What the experiment began with, possibly in an earlier process. */
  readonly beginning: Beginning;
  weightsFile(regime: Regime): string;
  checkpointFile(regime: Regime): string;
  finishedRun(regime: Regime): FinishedRun | undefined;
  /** Notes a training as done; its weights file is there already. */
  finishRun(regime: Regime, run: FinishedRun): void;
  finishedCurves(): FinishedCurve[];
  finishCurves(curves: readonly FinishedCurve[]): void;
  /** Writes a result that users read. */
  write(name: string, content: string | Buffer): void;
}

const BASENAME: Readonly<Record<Regime, string>> = { SB: 'small_batch', LB: 'large_batch' };

/**
 * Opens a folder for an experiment, or the one that an earlier process left off in.
 *
 * @param overwrite forget what an earlier experiment left in the folder.
 * @throws UserError if the folder cannot be written, is damaged, or holds an experiment with other settings.
 */
export function openRunFolder(path: string, beginning: Beginning, overwrite: boolean): RunFolder {
  const state = join(path, 'checkpoints');
  const beginningFile = join(state, 'beginning.json');
  const curvesFile = join(state, 'curves.json');
  const finished = existsSync(join(path, 'report.json'));
  if (overwrite && existsSync(beginningFile)) guarded(path, () => forget(path));
  else if (finished && !overwrite && !existsSync(beginningFile)) {
    throw new UserError(
      `${path} holds a report without its checkpoints: choose another --out, or --overwrite it.`,
    );
  }
  guarded(path, () => mkdirSync(state, { recursive: true }));
  const earlier = readJson(beginningFile, beginningSchema);
  if (earlier) refuseOthers(path, earlier, beginning, finished);
  if (!earlier || differingSettings(earlier.settings, beginning.settings).length > 0) {
    // Other curves around the same minimizers: only the curves begin anew.
    guarded(path, () => rmSync(curvesFile, { force: true }));
    writeJson(beginningFile, { ...(earlier ?? beginning), settings: beginning.settings });
  }

  const runFile = (regime: Regime) => join(state, `${BASENAME[regime]}.json`);
  const checkpointFile = (regime: Regime) => join(state, `${BASENAME[regime]}.safetensors`);

  return {
    path,
    beginning: { ...(earlier ?? beginning), settings: beginning.settings },
    weightsFile: (regime) => join(path, `${BASENAME[regime]}.safetensors`),
    checkpointFile,
    finishedRun: (regime) => readJson(runFile(regime), runSchema),
    finishRun(regime, run) {
      writeJson(runFile(regime), run);
      rmSync(checkpointFile(regime), { force: true });
    },
    finishedCurves: () => readJson(curvesFile, curvesSchema) ?? [],
    finishCurves: (curves) => writeJson(curvesFile, curves),
    write: (name, content) => guarded(path, () => writeAtomically(join(path, name), content)),
  };
}

function forget(path: string): void {
  const results = ['report.json', 'report.md', 'sharpness_comparison.png'];
  for (const name of [
    'checkpoints',
    ...results,
    ...Object.values(BASENAME).map((base) => `${base}.safetensors`),
  ]) {
    rmSync(join(path, name), { recursive: true, force: true });
  }
}

/** Settings that leave the minimizers as they are: an unfinished run may change them. */
const CURVE_SETTINGS: readonly (keyof Settings)[] = [
  'directions',
  'alphas',
  'normalization',
  'curveImages',
  'testCurves',
];

/** What must not change halfway, since figures to the last bit depend on it. */
const ENGINE_KEYS = ['engine', 'engineVersion', 'device', 'threads'] as const;

function refuseOthers(path: string, earlier: Beginning, now: Beginning, finished: boolean): void {
  const mend = 'choose another --out, or --overwrite it';
  const other = differingSettings(earlier.settings, now.settings).find(
    (key) => finished || !CURVE_SETTINGS.includes(key),
  );
  if (other) {
    throw new UserError(
      `${path} holds an experiment with ${flagOf(other)} ${String(earlier.settings[other])}, not ` +
        `${String(now.settings[other])}: ${mend}.`,
    );
  }
  const changed = ENGINE_KEYS.find((key) => earlier.environment[key] !== now.environment[key]);
  if (changed && !finished) {
    throw new UserError(
      `${path} was begun with ${changed} ${earlier.environment[changed]}, and here it is ` +
        `${now.environment[changed]}: go on there, ${mend}.`,
    );
  }
}

function readJson<T>(file: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    throw new UserError(`${file} is damaged: start anew with --overwrite.`);
  }
}

function writeJson(file: string, value: unknown): void {
  guarded(file, () => writeAtomically(file, JSON.stringify(value)));
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
