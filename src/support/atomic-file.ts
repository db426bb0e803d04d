import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Names of files that a process left which died while it wrote. */
export const UNFINISHED_FILE = /\.[0-9a-f-]{36}\.tmp$/;

// Our own: write-file-atomic takes the short write of a full disk for a whole one.

/**
 * Writes a file that appears whole, on the disk, or not at all: to a new file, flushed, renamed.
 *
 * @param beforeRename what has to happen once the new file is safe, and only then.
 * @throws the system's error; what was there before is still there then.
 */
export function writeAtomically(
  file: string,
  content: string | Uint8Array,
  beforeRename: () => void = () => {},
): void {
  const fresh = `${file}.${randomUUID()}.tmp`;
  try {
    withOpened(fresh, 'w', (descriptor) => {
      writeFileSync(descriptor, content);
      fsyncSync(descriptor);
    });
    beforeRename();
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  try {
    // The new name, too, is to outlast a power cut.
    withOpened(dirname(file), 'r', fsyncSync);
  } catch {
    // Windows and some file systems flush no folder; what is there is whole all the same.
  }
}

function withOpened(path: string, flags: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
