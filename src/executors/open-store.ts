import { UserError } from '../support/errors';
import { folderStore } from './folder-store';
import type * as S3 from './s3-store';
import type { ResultStore } from './store';

/**
 * The store that a user names.
 *
 * @param location a folder, or s3://bucket/prefix.
 * @throws UserError if it can be neither.
 */
export function openStore(location: string, say: (line: string) => void): ResultStore {
  if (!location.startsWith('s3://')) return folderStore(location, say);
  // Loaded only where it is used, since it is large.
  const { s3Store } = require('./s3-store') as typeof S3;
  return s3Store(location);
}

/** Raised when what is stored changes in a way that an earlier version cannot read. */
const STORE_FORMAT = 1;
const FORMAT_KEY = 'format';

/**
 * Refuses a store that this version cannot use, and marks a new one.
 *
 * @param isReadOnly whether nothing may be written.
 * @throws UserError saying what to do.
 */
export async function checkStore(store: ResultStore, isReadOnly = false): Promise<void> {
  const bytes = await store.read(FORMAT_KEY);
  const format = bytes && Number(Buffer.from(bytes).toString('utf8'));
  if (format === STORE_FORMAT) return;
  if (format !== undefined) {
    throw new UserError(
      `${store.name} was written by a newer version of this program (format ${format}): update the program, or choose another --store.`,
    );
  }
  if (
    (await store.list('sweeps/')).length > 0 ||
    (await store.list('checkpoints/')).includes('checkpoints/experiment.beginning')
  ) {
    throw new UserError(
      `${store.name} was written by an earlier version of this program, whose results this one does not read: choose another --store.`,
    );
  }
  if (!isReadOnly) await store.create(FORMAT_KEY, Buffer.from(String(STORE_FORMAT)));
}
