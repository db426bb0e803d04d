import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { ResultStore } from './store';

// Leases: who is doing a job, or has an output folder. They are objects in a store, so that they work on one machine, on
// a shared folder and in S3 alike. Our own: proper-lockfile decides by the clock, and names nobody.
//
// A lease is the highest of the objects PREFIX/0, PREFIX/1, …; taking it over from a dead holder means to create the
// next number, which only one process can do. Whoever finds a higher number than its own after creating has come too
// late. Lower numbers are removed only by a holder, so that the highest one is always there.

const holderSchema = z.object({
  pid: z.number().int(),
  host: z.string(),
  /** Tells a process from a later one with the same pid; null where the system does not say. */
  started: z.string().nullable(),
  /** When the lease was taken, ISO 8601; for people alone. */
  since: z.string(),
  /** Changes as long as the holder lives; null once it has let go. */
  beat: z.string().nullable(),
});
export type Holder = z.infer<typeof holderSchema>;

/** A lease that is held. */
export interface Lease {
  /**
   * Lets go.
   *
   * @param isDone whether what the lease was for is done for good, so that nothing of it needs to stay.
   */
  release(isDone: boolean): Promise<void>;
}

/** How often a holder shows that it lives, in ms. */
const BEAT_INTERVAL = 20_000;
/** A holder on another host that has not been heard of for so long, in ms, is dead. */
const SILENCE = 180_000;

/** Takes leases in a store, in the name of this process. */
export interface LeaseTaker {
  /**
   * Takes a lease.
   *
   * @param prefix ends with "/".
   * @returns the lease, or the living process that holds it.
   */
  take(prefix: string): Promise<Lease | Holder>;
}

export function isHolder(taken: Lease | Holder): taken is Holder {
  return 'pid' in taken;
}

/**
 * Takes leases as the current process.
 *
 * @param silence see SILENCE; in ms.
 */
export function leaseTaker(
  store: ResultStore,
  { beatInterval = BEAT_INTERVAL, silence = SILENCE }: { beatInterval?: number; silence?: number } = {},
): LeaseTaker {
  const self = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  /** The last beat seen of holders elsewhere, and when this process first saw it, by a clock that never jumps. */
  const seen = new Map<string, { beat: string; at: number }>();

  async function newest(prefix: string): Promise<{ number: number; holder?: Holder } | undefined> {
    const numbers = (await store.list(prefix)).map((key) => Number(key.slice(prefix.length)));
    if (numbers.length === 0) return undefined;
    const number = Math.max(...numbers);
    return { number, holder: parseHolder(await store.read(`${prefix}${number}`).catch(() => undefined)) };
  }

  function isAlive(key: string, { host, pid, started, beat }: Holder): boolean {
    if (beat === null) return false;
    if (host === self.host) return isRunning(pid, started);
    const before = seen.get(key);
    if (before?.beat === beat) return performance.now() - before.at < silence;
    seen.set(key, { beat, at: performance.now() });
    return true;
  }

  return {
    async take(prefix) {
      for (;;) {
        const current = await newest(prefix);
        if (current?.holder && isAlive(prefix, current.holder)) return current.holder;
        const number = (current?.number ?? -1) + 1;
        const key = `${prefix}${number}`;
        const own = (beat: string | null) => encode({ ...self, since: new Date().toISOString(), beat });
        if (!(await store.create(key, own(randomUUID())))) continue;
        if ((await newest(prefix))?.number !== number) {
          await store.remove(key);
          continue;
        }
        for (const name of await store.list(prefix)) if (name !== key) await store.remove(name);
        let beating = Promise.resolve();
        const timer = setInterval(() => {
          // A store that is out of reach for a moment is no reason to end.
          beating = store.write(key, own(randomUUID())).catch(() => {});
        }, beatInterval);
        timer.unref();
        return {
          async release(isDone) {
            clearInterval(timer);
            // A beat that arrived behind the release would take the lease again.
            await beating;
            if (isDone) await store.remove(key);
            else await store.write(key, own(null));
          },
        };
      }
    },
  };
}

function encode(holder: Holder): Uint8Array {
  return Buffer.from(JSON.stringify(holder));
}

function parseHolder(bytes: Uint8Array | undefined): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(Buffer.from(bytes!).toString('utf8')));
  } catch {
    return undefined;
  }
}

function isRunning(pid: number, started: string | null): boolean {
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
