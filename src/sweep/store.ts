import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ifThere, readChecked, removeChecked, writeChecked } from '../support/checked-file';
import { UserError } from '../support/errors';
import { guarded } from '../experiment/stored';
import type * as S3 from './s3-store';

/**
 * Where a sweep's results are: bytes by names such as "results/…/training". What is written appears whole or not at
 * all, to any number of processes, on any number of machines.
 */
export interface ResultStore {
  /** For messages. */
  readonly name: string;
  /** @throws UserError if what is there is damaged. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** Takes the place of what was there. */
  write(key: string, content: Uint8Array): Promise<void>;
  /** Every name that begins so, in order. @param prefix ends with "/", or is empty. */
  list(prefix: string): Promise<string[]>;
  remove(key: string): Promise<void>;
  /** Removes what processes left that died while they wrote. */
  tidy?(): Promise<void>;
}

/**
 * The store that a user names.
 *
 * @param location a folder, or s3://bucket/prefix.
 * @throws UserError if it is neither.
 */
export function openStore(location: string, say: (line: string) => void): ResultStore {
  if (!location.startsWith('s3://')) return folderStore(location, say);
  // Loaded only where it is used, since it is large.
  const { s3Store } = require('./s3-store') as typeof S3;
  return s3Store(location);
}

/** What a folder holds beside results: what was there before, what is not finished yet, and its lock. */
const NO_RESULT = /\.before$|\.tmp$|^\.lock/;
const UNFINISHED = /\.[0-9a-f-]{36}\.tmp$/;
/** In ms; a process may still be at work on what is younger. */
const OLDEST_UNFINISHED = 3_600_000;

/** What is written with one content alone, whoever does it. */
const BY_CONTENT = /^(results|weights)\//;

/** A store in a folder, of one machine or shared by many, each file with its checksum. */
export function folderStore(path: string, say: (line: string) => void = () => {}): ResultStore {
  const fileOf = (key: string) => join(path, ...key.split('/'));
  const writing = <T>(action: () => T) => guarded(path, action, 'choose another --store');
  return {
    name: path,
    async read(key) {
      try {
        return readChecked(fileOf(key), (content) => content, say);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        throw new UserError(`${fileOf(key)} is damaged: delete it, and the same command makes it again.`);
      }
    },
    async write(key, content) {
      writing(() => {
        mkdirSync(dirname(fileOf(key)), { recursive: true });
        writeChecked(fileOf(key), content, { keepsEarlier: !BY_CONTENT.test(key) });
      });
    },
    list: async (prefix) => {
      const names = filesUnder(fileOf(prefix)).filter((name) => !NO_RESULT.test(basename(name)));
      return names.map((name) => prefix + name).sort();
    },
    remove: async (key) => writing(() => removeChecked(fileOf(key))),
    async tidy() {
      for (const file of filesUnder(path)
        .filter((name) => UNFINISHED.test(name))
        .map(fileOf)) {
        const written = ifThere(() => statSync(file).mtimeMs);
        if (written === undefined || Date.now() - written < OLDEST_UNFINISHED) continue;
        writing(() => rmSync(file, { force: true }));
      }
    },
  };
}

/** The files in a folder and in those within it, their names with slashes; none where it is not there. */
function filesUnder(folder: string): string[] {
  const entries = ifThere(() => readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name];
    return filesUnder(join(folder, entry.name)).map((name) => `${entry.name}/${name}`);
  });
}
