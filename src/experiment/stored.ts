import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../support/atomic-file';
import { readChecked, removeChecked, writeChecked } from '../support/checked-file';
import { messageOf, UserError } from '../support/errors';
import type { EnvironmentReport } from '../report/report';
import { decodeCheckpoint, encodeCheckpoint } from '../training/checkpoint';
import type { TrainingState } from '../training/train';

// What the output folders of all experiments have in common.

/** Something that the folder remembers from process to process, with a checksum and the one before it. */
export interface Stored<T> {
  read(): T | undefined;
  write(value: T): void;
  remove(): void;
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

/** Something stored as JSON, checked by a schema as it is read. */
export function storedJson<T>(file: string, schema: z.ZodType<T>, say: (line: string) => void): Stored<T> {
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

/** Where a training stands that is not finished. */
export function storedTraining(file: string, say: (line: string) => void): Stored<TrainingState> {
  return stored(file, encodeCheckpoint, decodeCheckpoint, say);
}

/** Writes a result that users read; folders in its name are made. */
export type ResultWriter = (name: string, content: string | Uint8Array) => void;

/** Writes results that users read into a folder. */
export function resultWriter(path: string): ResultWriter {
  return (name, content) => {
    const file = join(path, name);
    guarded(path, () => {
      mkdirSync(join(file, '..'), { recursive: true });
      writeAtomically(file, content);
    });
  };
}

/** What a process left that died while it wrote. */
export function removeUnfinishedFiles(...folders: readonly string[]): void {
  for (const folder of folders) {
    for (const name of readdirSync(folder)) {
      if (/\.[0-9a-f-]{36}\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
    }
  }
}

/** What must not change halfway, since figures to the last bit depend on it. */
const ENGINE_KEYS = ['engine', 'engineVersion', 'device', 'threads'] as const;

/** How to mend a folder that holds something else. */
export const ANEW = 'choose another --out, or --overwrite it';

/** @throws UserError if what was begun on one engine is to go on on another. */
export function refuseOtherEngine(path: string, earlier: EnvironmentReport, now: EnvironmentReport): void {
  const other = ENGINE_KEYS.find((key) => earlier[key] !== now[key]);
  if (!other) return;
  throw new UserError(
    `${path} was begun with ${other} ${earlier[other]}, and here it is ${now[other]}: go on there, ${ANEW}.`,
  );
}

/** Another commit may well give the same figures, but the report names one alone. */
export function sayOtherCommit(
  path: string,
  { commit: earlier }: EnvironmentReport,
  { commit: now }: EnvironmentReport,
  say: (line: string) => void,
): void {
  if (earlier === null || now === null || earlier === now) return;
  say(
    `${path} was begun at commit ${earlier} and goes on at ${now}: the report names the one that it was begun at.`,
  );
}

/**
 * Turns the system's word on a path into the user's.
 *
 * @param mend what to do where it cannot be written.
 */
export function guarded<T>(path: string, action: () => T, mend = 'choose another --out'): T {
  try {
    return action();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC')
      throw new UserError(`The disk of ${path} is full: make room and run the same command again.`);
    if (code) throw new UserError(`${path} cannot be written (${messageOf(error)}): ${mend}.`);
    throw error;
  }
}
