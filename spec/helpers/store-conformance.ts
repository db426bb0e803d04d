import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ResultStore } from '../../src/sweep/store';

const keys = fc.constantFrom(
  'results/a/training',
  'results/a/b',
  'results/ab/training',
  'weights/a',
  'sweeps/x',
);
const prefixes = ['', 'results/', 'results/a/', 'weights/', 'nowhere/'];
const contents = fc.uint8Array({ maxLength: 100 });

/**
 * What every kind of store has to do.
 *
 * @param fresh gives an empty one.
 */
export function storeConformance(fresh: () => Promise<ResultStore>): void {
  test('holds what was last written under each name, and lists the names by how they begin', async () => {
    const action = fc.record({ key: keys, content: fc.option(contents) });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
        const store = await fresh();
        const expected = new Map<string, Uint8Array>();
        for (const { key, content } of actions) {
          if (content) {
            await store.write(key, content);
            expected.set(key, content);
          } else {
            await store.remove(key);
            expected.delete(key);
          }
        }
        for (const prefix of prefixes) {
          const names = [...expected.keys()].filter((key) => key.startsWith(prefix));
          expect(await store.list(prefix)).toEqual(names.sort());
        }
        for (const { key } of actions) {
          const there = await store.read(key);
          expect(there && Uint8Array.from(there)).toEqual(expected.get(key));
        }
      }),
      { numRuns: 15 },
    );
  });

  test('holds large contents whole', async () => {
    const store = await fresh();
    const large = Uint8Array.from({ length: 12_000_000 }, (_, at) => at % 251);
    await store.write('weights/a', large);
    expect(Buffer.from((await store.read('weights/a'))!).equals(large)).toBe(true);
  });
}
