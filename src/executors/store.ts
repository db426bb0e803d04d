/**
 * Where results are kept: bytes by names such as "results/…/training". What is written appears whole or not at all, to
 * any number of processes on any number of machines.
 */
export interface ResultStore {
  /** For messages. */
  readonly name: string;
  /** @throws UserError if what is there is damaged. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** Replaces what was there. */
  write(key: string, content: Uint8Array): Promise<void>;
  /** Writes only where there is nothing of that name: of several that try at once, one alone succeeds. */
  create(key: string, content: Uint8Array): Promise<boolean>;
  /** Every name that begins with the prefix, in order. @param prefix ends with "/", or is empty. */
  list(prefix: string): Promise<string[]>;
  remove(key: string): Promise<void>;
  /** Removes what processes left that died while they wrote. */
  tidy?(): Promise<void>;
}

/** Reads from a second store what the first one lacks. Nothing is ever written to the second. */
export function layeredStore(first: ResultStore, second: ResultStore): ResultStore {
  return {
    ...first,
    read: async (key) => (await first.read(key)) ?? (await second.read(key)),
    async list(prefix) {
      const names = new Set([...(await first.list(prefix)), ...(await second.list(prefix))]);
      return [...names].sort();
    },
  };
}
