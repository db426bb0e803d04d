import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import { holdFolder } from '../../src/experiment/lock';

const NOW = new Date('2020-01-02T03:04:05Z');

describe('a folder that a process works in', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  afterAll(() => rmSync(root, { recursive: true }));
  const path = join(root, 'results');
  const lock = join(path, '.lock');
  const owner = () => JSON.parse(readFileSync(lock, 'utf8')) as Record<string, unknown>;
  const rewritten = (changes: object) => writeFileSync(lock, JSON.stringify({ ...owner(), ...changes }));

  test('is refused to a second one, which is told the first one’s number and since when', () => {
    const letGo = holdFolder(path, NOW);
    expect(() => holdFolder(path, NOW)).toThrow(UserError);
    expect(() => holdFolder(path, NOW)).toThrow(
      `${path} is in use by process ${process.pid}, since 2020-01-02T03:04:05.000Z`,
    );
    letGo();
    expect(readdirSync(path)).toEqual([]);
  });

  test('is free again at once where the first was killed', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(other, 'spawn');
    holdFolder(path, NOW);
    rewritten({ pid: other.pid, started: null });
    expect(() => holdFolder(path, NOW)).toThrow(`in use by process ${other.pid}`);
    other.kill('SIGKILL');
    await once(other, 'exit');
    const letGo = holdFolder(path, NOW);
    expect(owner().pid).toBe(process.pid);
    letGo();
  });

  test('is free again where a later process has the number of the first', () => {
    if (!existsSync('/proc/self/stat')) return;
    holdFolder(path, NOW);
    rewritten({ started: '1' });
    holdFolder(path, NOW)();
    expect(existsSync(lock)).toBe(false);
  });

  test('on another machine is refused, and the file named that stands in the way', () => {
    holdFolder(path, NOW);
    // No process here has that number.
    rewritten({ host: 'elsewhere', pid: 2 ** 30 });
    expect(() => holdFolder(path, NOW)).toThrow(`on elsewhere, since 2020-01-02T03:04:05.000Z`);
    expect(() => holdFolder(path, NOW)).toThrow(`delete ${lock}`);
    rmSync(lock);
  });

  test('keeps no note of a process that died while it took the folder, but that of one that lives', () => {
    const letGo = holdFolder(path, NOW);
    const note = (name: string, text: string) => writeFileSync(`${lock}.${name}`, text);
    note('dead', JSON.stringify({ ...owner(), pid: 2 ** 30 }));
    note('cut-off', '{"pid":');
    note('alive', JSON.stringify(owner()));
    letGo();
    holdFolder(path, NOW)();
    expect(readdirSync(path)).toEqual(['.lock.alive']);
    rmSync(`${lock}.alive`);
  });

  test('whose note makes no sense is taken over', () => {
    holdFolder(path, NOW)();
    writeFileSync(lock, 'nothing of ours');
    holdFolder(path, NOW)();
    expect(existsSync(lock)).toBe(false);
  });
});
