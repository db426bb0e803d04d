import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * What to put before a command so that it and all of its threads have so many processors: every library then counts
 * as many and starts as many threads, and one that started more would gain nothing by it. Nothing where it is to have
 * all that there are.
 *
 * @throws Error where the system is not Linux, which alone has taskset.
 */
export function heldTo(threads: number): string[] {
  if (threads >= availableParallelism()) return [];
  if (process.platform !== 'linux') throw new Error('fewer threads need taskset, which is for Linux');
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1];
  return ['taskset', '--cpu-list', firstCpus(allowed, threads).join(',')];
}

/** The first processors of a list as Linux writes it, such as "0-3,8". */
export function firstCpus(list: string, count: number): number[] {
  return list
    .split(',')
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    })
    .slice(0, count);
}
