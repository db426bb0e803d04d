import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { writeAtomically } from './atomic-file';
import { UserError } from './errors';
import { sha256 } from './sha256';

// A file that begins with the SHA-256 of what follows, beside the one that it took the place of.

const DIGEST_LENGTH = 64;

/**
 * Writes bytes with their checksum; what was there before stays beside it, for {@link readChecked} to fall back
 * to, unless it is damaged: then the one before that stays.
 */
export function writeChecked(file: string, content: Uint8Array): void {
  const whole = Buffer.concat([Buffer.from(`${sha256(content)}\n`), content]);
  writeAtomically(file, whole, () => {
    if (existsSync(file) && contentOf(file)) renameSync(file, earlier(file));
  });
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
  const candidates = [file, earlier(file)].filter((path) => existsSync(path));
  for (const [index, path] of candidates.entries()) {
    const content = contentOf(path);
    if (!content) continue;
    if (index > 0) say(`${file} is damaged: going on from the one before it.`);
    return parse(content);
  }
  if (candidates.length === 0) return undefined;
  throw new UserError(`${file} is damaged, and so is the one before it: start anew with --overwrite.`);
}

/** Removes a file and the one before it. */
export function removeChecked(file: string): void {
  for (const path of [file, earlier(file)]) rmSync(path, { force: true });
}

/** What follows the checksum; undefined where it is not what the checksum is of. */
function contentOf(file: string): Buffer | undefined {
  const whole = readFileSync(file);
  const content = whole.subarray(DIGEST_LENGTH + 1);
  return whole.subarray(0, DIGEST_LENGTH).toString('latin1') === sha256(content) ? content : undefined;
}

function earlier(file: string): string {
  return `${file}.before`;
}
