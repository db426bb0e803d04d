import { readFileSync, renameSync, rmSync } from 'node:fs';
import { writeAtomically } from './atomic-file';
import { UserError } from './errors';
import { sha256 } from './sha256';

// A file that begins with the SHA-256 of what follows, beside the one that it took the place of.

const DIGEST_LENGTH = 64;

/**
 * Writes bytes with their checksum; what was there before stays beside it, for {@link readChecked} to fall back
 * to, unless it is damaged: then the one before that stays.
 *
 * @param keepsEarlier whether it stays; what is only ever written with one content needs it not.
 */
export function writeChecked(
  file: string,
  content: Uint8Array,
  { keepsEarlier = true }: { readonly keepsEarlier?: boolean } = {},
): void {
  writeAtomically(file, checkedBytes(content), () => {
    const there = keepsEarlier ? bytesOf(file) : undefined;
    if (there && contentOf(there)) ifThere(() => renameSync(file, earlier(file)));
  });
}

/** Bytes with their checksum in front, as {@link writeChecked} writes them. */
export function checkedBytes(content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${sha256(content)}\n`), content]);
}

/**
 * The newest content that is whole, as `parse` understands it.
 *
 * @param say told where a damaged file is passed over for the one before it.
 * @returns undefined if there is neither.
 * @throws UserError if there is a file, but none that is whole.
 */
export function readChecked<T>(
  file: string,
  parse: (content: Buffer) => T,
  say: (line: string) => void,
): T | undefined {
  let isDamaged = false;
  for (const path of [file, earlier(file)]) {
    const whole = bytesOf(path);
    if (!whole) continue;
    const content = contentOf(whole);
    if (content) {
      if (isDamaged) say(`${file} is damaged: going on from the one before it.`);
      return parse(content);
    }
    isDamaged = true;
  }
  if (!isDamaged) return undefined;
  throw new UserError(`${file} is damaged, and so is the one before it: start anew with --overwrite.`);
}

/** Removes a file and the one before it, which goes first: it is not to be found in the place of the other. */
export function removeChecked(file: string): void {
  for (const path of [earlier(file), file]) rmSync(path, { force: true });
}

/** A file's bytes; undefined where it is not there, or not any more. */
function bytesOf(file: string): Buffer | undefined {
  return ifThere(() => readFileSync(file));
}

/** What follows the checksum; undefined where it is not what the checksum is of. */
function contentOf(whole: Buffer): Buffer | undefined {
  const content = whole.subarray(DIGEST_LENGTH + 1);
  return whole.subarray(0, DIGEST_LENGTH).toString('latin1') === sha256(content) ? content : undefined;
}

/** What is done with a file or a folder that another process may remove meanwhile; undefined where it is not there. */
export function ifThere<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function earlier(file: string): string {
  return `${file}.before`;
}
