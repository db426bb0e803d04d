import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UNFINISHED_FILE, writeAtomically } from './atomic-file';
import { messageOf, UserError } from './errors';

/**
 * Creates a folder and those above it, one level at a time: on some paths that can never exist, such as /proc/x, a
 * recursive mkdir of Node.js 20 does not return.
 *
 * @throws the system's error where that cannot be.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder);
    } catch (error) {
      // Another process may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  if (!statSync(path).isDirectory()) {
    throw Object.assign(new Error(`${path} is a file`), { code: 'ENOTDIR' });
  }
}

/**
 * Turns an error of the file system into one for the user.
 *
 * @param remedy what to do where the path cannot be written.
 */
export function guarded<T>(path: string, action: () => T, remedy = 'choose another --out'): T {
  try {
    return action();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC')
      throw new UserError(`The disk of ${path} is full: make room and run the same command again.`);
    if (code) throw new UserError(`${path} cannot be written (${messageOf(error)}): ${remedy}.`);
    throw error;
  }
}

/** Writes a file that users read; folders in its name are created. */
export type ResultWriter = (name: string, content: string | Uint8Array) => void;

/** Writes files that users read into a folder, each whole or not at all. */
export function resultWriter(path: string): ResultWriter {
  return (name, content) => {
    const file = join(path, name);
    guarded(path, () => {
      makeFolder(dirname(file));
      writeAtomically(file, content);
    });
  };
}

/** Removes what processes left that died while they wrote. */
export function removeUnfinishedFiles(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (UNFINISHED_FILE.test(name)) rmSync(join(folder, name), { force: true });
  }
}
