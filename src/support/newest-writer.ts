/** Writes what it is given, one at a time. */
export interface NewestWriter<T> {
  /** Takes the place of what is still waiting. The first begins to be written at once. */
  write(value: T): void;
  /** Resolves when nothing is waiting or being written any more; rejects where a write failed. */
  settled(): Promise<void>;
}

/**
 * Writes the newest of what it is given, so that a slow store holds nobody up: while one is being written, only the last
 * of those that come after it waits.
 *
 * @param onFailure told at once where a write fails; no more is written then.
 */
export function newestWriter<T>(write: (value: T) => Promise<void>, onFailure: () => void): NewestWriter<T> {
  let waiting: { value: T } | undefined;
  let busy = false;
  let outcome: Promise<void> = Promise.resolve();

  async function drain(): Promise<void> {
    while (waiting) {
      const { value } = waiting;
      waiting = undefined;
      await write(value);
    }
    busy = false;
  }

  return {
    write(value) {
      waiting = { value };
      if (busy) return;
      busy = true;
      outcome = drain();
      outcome.catch(onFailure);
    },
    settled: () => outcome,
  };
}
