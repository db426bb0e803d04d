import { spawn } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { folderStore } from '../../src/executors/folder-store';
import { UserError } from '../../src/support/errors';
import { sha256 } from '../../src/support/sha256';
import { freshFolder as fresh } from '../helpers/kernel';
import { storeConformance } from '../helpers/store-conformance';

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
      `${join(path, 'checkpoints/b')} is damaged: delete it, and the same command computes it again.`,
    );
  });

  test('does not list what a process left that died while it wrote', async () => {
    const path = fresh();
    const store = folderStore(path);
    await store.write('results/a', Buffer.from('1'));
    writeFileSync(join(path, 'results/b.0a1b2c3d-0000-0000-0000-000000000000.tmp'), '{}');
    expect(await store.list('')).toEqual(['results/a']);
  });

  test('keeps no earlier content of what has one content alone', async () => {
    const path = fresh();
    const store = folderStore(path);
    for (const key of ['results/a', 'weights/a', 'checkpoints/a']) {
      for (const content of ['1', '2']) await store.write(key, Buffer.from(content));
    }
    const before = ['results/a', 'weights/a', 'checkpoints/a'].filter((key) =>
      existsSync(join(path, `${key}.before`)),
    );
    expect(before).toEqual(['checkpoints/a']);
  });

  test('is rid of what processes left that died while they wrote, but not of what may be under way', async () => {
    const path = fresh();
    const store = folderStore(path);
    await store.write('results/a/training', Buffer.from('1'));
    const files = ['results/a/training', 'weights'].map((name, index) =>
      join(path, `${name}.0a1b2c3d-0000-0000-0000-00000000000${index}.tmp`),
    );
    const [old, young] = files;
    const twoHoursAgo = Date.now() / 1000 - 7200;
    for (const file of files) writeFileSync(file, 'half');
    for (const file of [old, join(path, 'results/a/training')]) utimesSync(file, twoHoursAgo, twoHoursAgo);
    await store.tidy!();
    expect([existsSync(old), existsSync(young)]).toEqual([false, true]);
    expect(await store.list('')).toEqual(['results/a/training']);
  });

  test('is listed and read while another process writes and removes', async () => {
    const path = fresh();
    const store = folderStore(path);
    const folder = join(path, 'checkpoints/a');
    const whole = `${sha256(Buffer.from('1'))}\n1`;
    const other = spawn(process.execPath, [
      '-e',
      `const { mkdirSync, renameSync, rmSync, writeFileSync } = require('node:fs');
       const [folder, whole] = process.argv.slice(1);
       const [file, fresh, earlier] = ['b', 'b.tmp', 'b.before'].map((name) => folder + '/' + name);
       for (;;) {
         mkdirSync(folder, { recursive: true });
         for (let k = 0; k < 3; k++) {
           writeFileSync(fresh, whole);
           if (k > 0) renameSync(file, earlier);
           renameSync(fresh, file);
         }
         rmSync(folder, { recursive: true });
       }`,
      folder,
      whole,
    ]);
    try {
      const seen = new Set<string | undefined>();
      const until = performance.now() + 2000;
      while (performance.now() < until || seen.size < 2) {
        await store.list('');
        seen.add((await store.read('checkpoints/a/b'))?.toString());
      }
      expect([...seen].sort()).toEqual(['1', undefined]);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('that cannot be used says so in one line', async () => {
    const file = join(fresh(), 'a file');
    writeFileSync(file, 'mine');
    const store = folderStore(file);
    const asks = [
      () => store.write('results/a', Buffer.from('1')),
      () => store.create('results/a', Buffer.from('1')),
      () => store.read('results/a'),
      () => store.list('results/'),
    ];
    for (const ask of asks) {
      await expect(ask()).rejects.toThrow(UserError);
      await expect(ask()).rejects.toThrow(/a file cannot be written \(.*\): choose another --store\.$/);
    }
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  // Where there is no /proc, it can be made like any other.
  (existsSync('/proc/self') ? test : test.skip)(
    'on a path that can never exist fails at once',
    async () => {
      const store = folderStore('/proc/nope/x');
      for (const ask of [store.write, store.create]) {
        await expect(ask('results/a', Buffer.from('1'))).rejects.toThrow(
          /^\/proc\/nope\/x cannot be written \(.*ENOENT.*\): choose another --store\.$/,
        );
      }
      expect(await store.read('results/a')).toBeUndefined();
      expect(await store.list('')).toEqual([]);
    },
    5000,
  );
});
