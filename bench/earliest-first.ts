/** Values that are to come at some time, given back in the order of their times; those of one time as they were added. */
export interface EarliestFirst<T> {
  readonly size: number;
  add(time: number, value: T): void;
  /** Removes the earliest; undefined where there is none. */
  take(): { readonly time: number; readonly value: T } | undefined;
}

interface Entry<T> {
  readonly time: number;
  readonly value: T;
  readonly turn: number;
}

/** Nothing yet: a binary heap. */
export function earliestFirst<T>(): EarliestFirst<T> {
  const heap: Entry<T>[] = [];
  let turns = 0;
  const isBefore = (one: number, other: number) =>
    heap[one].time < heap[other].time ||
    (heap[one].time === heap[other].time && heap[one].turn < heap[other].turn);
  const swap = (one: number, other: number) => ([heap[one], heap[other]] = [heap[other], heap[one]]);

  function rise(at: number): void {
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(at, parent); parent = (at - 1) >> 1) {
      swap(at, parent);
      at = parent;
    }
  }

  function sink(at: number): void {
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(child, least)) least = child;
      }
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  }

  return {
    get size() {
      return heap.length;
    },
    add(time, value) {
      heap.push({ time, value, turn: turns++ });
      rise(heap.length - 1);
    },
    take() {
      if (heap.length === 0) return undefined;
      swap(0, heap.length - 1);
      const { time, value } = heap.pop()!;
      sink(0);
      return { time, value };
    },
  };
}
