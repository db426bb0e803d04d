/**
 * Where a path bends, to be taken in the order of time. As a rule a search takes few of them, so only those that
 * may be asked for next are put in order.
 */
export interface Bends {
  /** When each variable meets its bound, [n], 0 or more; Infinity or NaN if never. */
  readonly times: Float64Array;
  /** [n], of which the first `waiting` are a heap of variables, the one that bends next on top. */
  readonly order: Int32Array;
  waiting: number;
  /** All bends up to this time have been in the heap. */
  known: number;
}

/** How far ahead is looked, in times of what is asked for. */
const AHEAD = 1.25;

/** The bends of a path at its start. */
export function bendsOf(times: Float64Array, order: Int32Array): Bends {
  return { times, order, waiting: 0, known: -1 };
}

/** The variable that bends next, if not after `until`; else −1. None is given twice. */
export function takeBend(bends: Bends, until: number): number {
  if (bends.waiting === 0 && until > bends.known) lookAhead(bends, Math.min(AHEAD * until, Number.MAX_VALUE));
  const { times, order } = bends;
  const next = order[0];
  if (bends.waiting === 0 || !(times[next] <= until)) return -1;
  order[0] = order[--bends.waiting];
  siftDown(order, bends.waiting, times, 0);
  return next;
}

function lookAhead(bends: Bends, until: number): void {
  const { times, order, known } = bends;
  let count = 0;
  for (let i = 0; i < times.length; i++) {
    if (times[i] <= until && times[i] > known) order[count++] = i;
  }
  for (let i = (count >> 1) - 1; i >= 0; i--) siftDown(order, count, times, i);
  bends.waiting = count;
  bends.known = until;
}

/** Moves an entry down until none of its two children comes before it. */
function siftDown(order: Int32Array, count: number, times: Float64Array, from: number): void {
  const index = order[from];
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && times[order[child + 1]] < times[order[child]]) child++;
    if (times[order[child]] >= times[index]) break;
    order[at] = order[child];
    at = child;
  }
  order[at] = index;
}
