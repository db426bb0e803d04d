import { describe, expect, test } from '@jest/globals';
import { checkStore, openStore } from '../../src/executors/open-store';
import { layeredStore } from '../../src/executors/store';
import { UserError } from '../../src/support/errors';
import { freshFolder, freshStore } from '../helpers/kernel';
import { storeConformance } from '../helpers/store-conformance';

const bytes = (text: string) => Buffer.from(text);
const text = (content?: Uint8Array) => content && Buffer.from(content).toString('utf8');

describe('two stores of which the second is only read', () => {
  // Over an empty one it is a store like any other.
  storeConformance(async () => layeredStore(freshStore(), freshStore()));

  test('hold what either has, the first one before the second, and write to the first alone', async () => {
    const [first, second] = [freshStore(), freshStore()];
    for (const key of ['results/a', 'results/b', 'weights/b']) await second.write(key, bytes('second'));
    await first.write('results/a', bytes('first'));
    const both = layeredStore(first, second);
    expect(text(await both.read('results/a'))).toBe('first');
    expect(text(await both.read('results/b'))).toBe('second');
    expect(await both.list('results/')).toEqual(['results/a', 'results/b']);

    await both.write('results/b', bytes('new'));
    await both.remove('results/a');
    await both.remove('weights/b');
    // A lease is the first store's own, whatever the second has.
    expect(await both.create('weights/b', bytes('mine'))).toBe(true);
    await both.tidy!();
    expect(await second.list('')).toEqual(['results/a', 'results/b', 'weights/b']);
    for (const key of await second.list('')) expect(text(await second.read(key))).toBe('second');
    expect(await first.list('')).toEqual(['results/b', 'weights/b']);
    expect(text(await both.read('results/b'))).toBe('new');
    expect(text(await both.read('results/a'))).toBe('second');
  });
});

describe('a store that is opened', () => {
  const open = () => openStore(freshFolder(), () => {});

  test('is marked, and taken again', async () => {
    const store = open();
    await checkStore(store);
    expect(await store.list('')).toEqual(['format']);
    await store.write('results/a', bytes('1'));
    await checkStore(store);
  });

  test('is not marked where it is only read', async () => {
    const store = open();
    await checkStore(store, true);
    expect(await store.list('')).toEqual([]);
  });

  test('of another version is refused, and left as it is', async () => {
    const newer = open();
    await newer.write('format', bytes('2'));
    await expect(checkStore(newer)).rejects.toThrow(/was written by a newer version .*: update the program/);
    for (const key of ['sweeps/abc', 'checkpoints/experiment.beginning']) {
      const older = open();
      await older.write(key, bytes('{}'));
      await expect(checkStore(older)).rejects.toThrow(UserError);
      await expect(checkStore(older)).rejects.toThrow(/by an earlier version .*: choose another --store\.$/);
      expect(await older.list('')).toEqual([key]);
    }
  });
});
