import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { folderStore } from '../executors/folder-store';
import { isHolder, leaseTaker } from '../executors/lease';
import type { Setup } from '../studies/study';
import { UserError } from '../support/errors';
import { flagOf } from '../support/flags';
import {
  guarded,
  makeFolder,
  removeUnfinishedFiles,
  resultWriter,
  type ResultWriter,
} from '../support/folders';
import { sha256 } from '../support/sha256';

/** The folder that a study writes its report into. */
export interface OutFolder {
  readonly path: string;
  readonly write: ResultWriter;
  /** Whether the folder has the weights of that SHA-256 under that name. */
  hasWeights(name: string, hash: string): boolean;
  /**
   * Notes which study the folder is of.
   *
   * @throws UserError if it holds another one.
   */
  open(study: string, setup: Setup<unknown>): void;
}

/** How to choose otherwise. */
const OTHERWISE = 'choose another --out, or --overwrite it';
const STUDY_FILE = 'study.json';
/** Files that say that a folder holds a report. */
const REPORTS = ['report.json', 'paper.json'];

/**
 * The output folder of a command. No other process may write into it as long as this one lives.
 *
 * @param settings the settings of the study, flat, as `study.json` holds them.
 * @param growing settings that may differ from those of an earlier run: they ask for more of the same.
 * @throws UserError if another process has it, or it cannot be written.
 */
export async function openOutFolder(
  path: string,
  {
    settings,
    growing,
    overwrite = false,
    isHeld = false,
  }: {
    readonly settings: Readonly<Record<string, unknown>>;
    readonly growing: readonly string[];
    readonly overwrite?: boolean;
    /** Whether this process holds the folder already. */
    readonly isHeld?: boolean;
  },
): Promise<OutFolder> {
  if (!isHeld) await holdFolder(path);
  const write = resultWriter(path);
  const weights = new Map<string, string>();
  return {
    path,
    write,
    hasWeights(name, hash) {
      const file = join(path, `${name}.safetensors`);
      if (!existsSync(file)) return false;
      const known = weights.get(name) ?? sha256(readFileSync(file));
      // Where they are others, the caller writes these now.
      weights.set(name, hash);
      return known === hash;
    },
    open(study, { engine, data, environment }) {
      refuseEarlierFormat(path);
      const earlier = noteIn(path);
      if (!overwrite) {
        if (!earlier && REPORTS.some((name) => existsSync(join(path, name)))) {
          throw new UserError(`${path} holds a report that no study of this version wrote: ${OTHERWISE}.`);
        }
        if (earlier) refuseOther(path, earlier, { study, settings }, growing);
      }
      removeUnfinishedFiles(path);
      write(
        STUDY_FILE,
        `${JSON.stringify({ study, settings, setup: { engine, data, environment } }, null, 2)}\n`,
      );
    },
  };
}

/** Keeps other processes out of a folder for as long as this one lives. */
export async function holdFolder(path: string): Promise<void> {
  guarded(path, () => makeFolder(path));
  const lock = folderStore(join(path, '.lock'), undefined, 'choose another --out');
  const taken = await leaseTaker(lock).take('');
  if (!isHolder(taken)) {
    process.once('exit', () => void taken.release(false));
    return;
  }
  const { pid, host, since } = taken;
  const gone = host === hostname() ? '' : `, or delete ${join(path, '.lock')} if that process is gone`;
  throw new UserError(
    `${path} is in use by process ${pid} on ${host}, since ${since}: wait for it, choose another --out${gone}.`,
  );
}

interface Note {
  readonly study: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** What decided the results besides the settings: see Setup. */
  readonly setup?: unknown;
}

/** What an earlier run noted; undefined where there is none. */
export function noteIn(path: string): Note | undefined {
  const file = join(path, STUDY_FILE);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Note;
  } catch {
    throw new UserError(`${file} is damaged: delete it, or choose another --out.`);
  }
}

function refuseEarlierFormat(path: string): void {
  const checkpoints = join(path, 'checkpoints');
  const files = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
  if (!files.some((name) => name.endsWith('.beginning'))) return;
  throw new UserError(
    `${path} was written by an earlier version of this program and cannot be continued: choose another --out, or delete it.`,
  );
}

function refuseOther(path: string, earlier: Note, now: Note, growing: readonly string[]): void {
  if (earlier.study !== now.study) {
    throw new UserError(`${path} holds another study, ${earlier.study}: ${OTHERWISE}.`);
  }
  const text = (value: unknown) => JSON.stringify(value);
  const other = Object.keys(now.settings).find(
    (key) =>
      key in earlier.settings &&
      !growing.includes(key) &&
      text(earlier.settings[key]) !== text(now.settings[key]),
  );
  if (!other) return;
  throw new UserError(
    `${path} holds a report with ${flagOf(other)} ${String(earlier.settings[other])}, not ${String(now.settings[other])}: ${OTHERWISE}.`,
  );
}
