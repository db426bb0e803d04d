import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ResultStore } from '../../src/executors/store';

const keys = fc.constantFrom(
  'results/a/training',
  'results/a/b',
  'results/ab/training',
  'weights/a/end',
  'format',
);
const prefixes = ['', 'results/', 'results/a/', 'weights/', 'nowhere/'];
const contents = fc.uint8Array({ maxLength: 100 });
const actions = fc.oneof(
  fc.record({ does: fc.constantFrom('write', 'create'), key: keys, content: contents }),
  fc.record({ does: fc.constant('remove'), key: keys, content: fc.constant(new Uint8Array()) }),
);

/**
 * What every kind of store has to do.
 *
 * @param fresh gives an empty one.
 */
export function storeConformance(fresh: () => Promise<ResultStore>): void {
  test('holds what was last written under each name, and lists the names by how they begin', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(actions, { maxLength: 12 }), async (all) => {
        const store = await fresh();
        const expected = new Map<string, Uint8Array>();
        for (const { does, key, content } of all) {
          const isThere = expected.has(key);
          if (does === 'remove') {
            await store.remove(key);
            expected.delete(key);
            continue;
          }
          if (does === 'write') await store.write(key, content);
          // Nothing that is there is replaced.
          else expect(await store.create(key, content)).toBe(!isThere);
          if (does === 'write' || !isThere) expected.set(key, content);
        }
        for (const prefix of prefixes) {
          const names = [...expected.keys()].filter((key) => key.startsWith(prefix));
          expect(await store.list(prefix)).toEqual(names.sort());
        }
        for (const { key } of all) {
          const there = await store.read(key);
          expect(there && Uint8Array.from(there)).toEqual(expected.get(key));
        }
      }),
      { numRuns: 15 },
    );
  });

  test('lets one alone of several create a name at once, and holds what that one wrote', async () => {
    const store = await fresh();
    for (let round = 0; round < 5; round++) {
      const key = `leases/a/${round}`;
      const created = await Promise.all(
        Array.from({ length: 6 }, (_, taker) => store.create(key, Uint8Array.of(taker))),
      );
      expect(created.filter(Boolean)).toHaveLength(1);
      expect([...(await store.read(key))!]).toEqual([created.indexOf(true)]);
    }
  });

  test('holds large contents whole', async () => {
    const store = await fresh();
    const large = Uint8Array.from({ length: 12_000_000 }, (_, at) => at % 251);
    await store.write('weights/a', large);
    expect(Buffer.from((await store.read('weights/a'))!).equals(large)).toBe(true);
  });
}
