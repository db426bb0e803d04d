import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../support/errors';

// Our own: proper-lockfile would refuse a folder for its stale time after a crash, and names nobody.

const ownerSchema = z.object({
  pid: z.number().int(),
  host: z.string(),
  /** Tells a process from a later one with the same pid; null where the system does not say. */
  started: z.string().nullable(),
  since: z.string(),
});
type Owner = z.infer<typeof ownerSchema>;

/**
 * Makes this process the only one that works in a folder, until it ends or lets go. What a process left behind
 * that has died does not count.
 *
 * @param flag what names another folder.
 * @returns lets go.
 * @throws UserError naming the process that works there.
 */
export function holdFolder(path: string, now: Date, flag = '--out'): () => void {
  mkdirSync(path, { recursive: true });
  const file = join(path, '.lock');
  const owner = {
    pid: process.pid,
    host: hostname(),
    started: startOf(process.pid),
    since: now.toISOString(),
  };
  const own = `${file}.${randomUUID()}`;
  writeFileSync(own, JSON.stringify(owner));
  try {
    // A link appears whole or not at all, and only one process can make it.
    while (!tryLink(own, file)) {
      const other = readOwner(file);
      if (other && isAlive(other)) throw inUse(path, file, other, flag);
      // Only one of those who find it dead gets it out of the way.
      renameAway(file);
    }
  } finally {
    rmSync(own, { force: true });
  }
  removeStaleNotes(path);
  return () => {
    const current = readOwner(file);
    if (current?.pid === owner.pid && current.host === owner.host) rmSync(file, { force: true });
  };
}

/** What processes left that died while they took the folder. */
function removeStaleNotes(path: string): void {
  for (const name of readdirSync(path).filter((entry) => entry.startsWith('.lock.'))) {
    const file = join(path, name);
    const owner = readOwner(file);
    // A note that makes no sense was cut off; whoever may be at writing it cannot have the folder now anyway.
    if (!owner || !isAlive(owner)) rmSync(file, { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function renameAway(file: string): void {
  const away = `${file}.${randomUUID()}`;
  try {
    renameSync(file, away);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  rmSync(away, { force: true });
}

/** Undefined where there is none, or where its note is not one of ours. */
function readOwner(file: string): Owner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}

function isAlive({ pid, host, started }: Owner): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const start = startOf(pid);
  return started === null || start === null || start === started;
}

/** When a process began, in ticks since the machine's start; null where there is no /proc. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The 22nd field; the second is a name in parentheses that may itself hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return null;
  }
}

function inUse(path: string, file: string, { pid, host, since }: Owner, flag: string): UserError {
  const elsewhere = host === hostname() ? '' : ` on ${host}`;
  const mend = elsewhere ? `, or delete ${file} if it is gone` : '';
  return new UserError(
    `${path} is in use by process ${pid}${elsewhere}, since ${since}: wait for it, choose another ${flag}${mend}.`,
  );
}
