import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UNFINISHED_FILE } from '../support/atomic-file';
import { checkedBytes, ifThere, readChecked, removeChecked, writeChecked } from '../support/checked-file';
import { UserError } from '../support/errors';
import { guarded, makeFolder } from '../support/folders';
import type { ResultStore } from './store';

/** What a folder holds beside results: earlier contents, and files that are not finished. */
const NO_RESULT = /\.before$|\.tmp$/;
/** In ms; a process may still be writing what is younger. */
const UNFINISHED_FOR = 3_600_000;

/** Only these change their content; the file before the newest is kept for the case that the newest is damaged. */
const CHANGING = /^checkpoints\//;

/**
 * A store in a folder, of one machine or shared by many, each file with its checksum.
 *
 * @param remedy what to do where it cannot be written.
 */
export function folderStore(
  path: string,
  say: (line: string) => void = () => {},
  remedy = 'choose another --store',
): ResultStore {
  const fileOf = (key: string) => join(path, ...key.split('/'));
  const using = <T>(action: () => T) => guarded(path, action, remedy);
  return {
    name: path,
    async read(key) {
      return using(() => {
        try {
          return readChecked(fileOf(key), (content) => content, say);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          throw new UserError(
            `${fileOf(key)} is damaged: delete it, and the same command computes it again.`,
          );
        }
      });
    },
    async write(key, content) {
      using(() => {
        makeFolder(dirname(fileOf(key)));
        writeChecked(fileOf(key), content, { keepsEarlier: CHANGING.test(key) });
      });
    },
    async create(key, content) {
      return using(() => {
        const file = fileOf(key);
        makeFolder(dirname(file));
        const fresh = `${file}.${randomUUID()}.tmp`;
        writeFileSync(fresh, checkedBytes(content));
        try {
          // A link appears whole or not at all, and only one process can make it.
          linkSync(fresh, file);
          return true;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
          throw error;
        } finally {
          rmSync(fresh, { force: true });
        }
      });
    },
    list: async (prefix) => {
      const all = using(() => filesUnder(fileOf(prefix)));
      const names = all.filter((name) => !NO_RESULT.test(basename(name)));
      return names.map((name) => prefix + name).sort();
    },
    remove: async (key) => using(() => removeChecked(fileOf(key))),
    async tidy() {
      if (!existsSync(path)) return;
      const unfinished = filesUnder(path).filter((name) => UNFINISHED_FILE.test(name));
      for (const file of unfinished.map(fileOf)) {
        const written = ifThere(() => statSync(file).mtimeMs);
        if (written === undefined || Math.abs(Date.now() - written) < UNFINISHED_FOR) continue;
        using(() => rmSync(file, { force: true }));
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
