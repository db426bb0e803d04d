import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/errors';
import { folderStore } from '../../src/sweep/store';
import { storeConformance } from '../support/store-conformance';

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true }));
const fresh = () => mkdtempSync(join(root, 'store '));

describe('a store in a folder', () => {
  storeConformance(async () => folderStore(fresh()));

  test('gives the one before a result that is damaged, or says how to go on where there is none', async () => {
    const path = fresh();
    const said: string[] = [];
    const store = folderStore(path, (line) => said.push(line));
    await store.write('checkpoints/a', Buffer.from('earlier'));
    writeFileSync(join(path, 'checkpoints/b'), readFileSync(join(path, 'checkpoints/a')).subarray(0, 70));
    await store.write('checkpoints/a', Buffer.from('newest'));
    writeFileSync(join(path, 'checkpoints/a'), 'damaged');
    expect(Buffer.from((await store.read('checkpoints/a'))!).toString()).toBe('earlier');
    expect(said).toHaveLength(1);
    await expect(store.read('checkpoints/b')).rejects.toThrow(UserError);
    await expect(store.read('checkpoints/b')).rejects.toThrow(
      `${join(path, 'checkpoints/b')} is damaged: delete it, and the same command makes it again.`,
    );
  });

  test('does not count its lock, nor what a process left that died while it wrote', async () => {
    const path = fresh();
    const store = folderStore(path);
    await store.write('results/a', Buffer.from('1'));
    for (const name of ['.lock', '.lock.1', 'results/b.0a1b2c3d-0000-0000-0000-000000000000.tmp']) {
      writeFileSync(join(path, name), '{}');
    }
    expect(await store.list('')).toEqual(['results/a']);
  });

  test('that cannot be written says so in one line', async () => {
    const file = join(root, 'a file');
    writeFileSync(file, 'mine');
    const written = folderStore(file).write('results/a', Buffer.from('1'));
    await expect(written).rejects.toThrow(/a file cannot be written \(.*\): choose another --store\.$/);
    expect(existsSync(join(file, 'results'))).toBe(false);
  });
});
