import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import { guarded, makeFolder, removeUnfinishedFiles, resultWriter } from '../../src/support/folders';

const root = mkdtempSync(join(tmpdir(), 'folders '));
afterAll(() => rmSync(root, { recursive: true }));

describe('a folder that is made', () => {
  test('is there afterwards, with those above it, and stays what it was', () => {
    const path = join(root, 'a', 'b', 'c');
    makeFolder(path);
    expect(statSync(path).isDirectory()).toBe(true);
    writeFileSync(join(path, 'file'), 'mine');
    makeFolder(path);
    expect(readdirSync(path)).toEqual(['file']);
  });

  test('is refused where a file is in the way', () => {
    const file = join(root, 'a file');
    writeFileSync(file, 'mine');
    for (const path of [file, join(file, 'x')]) {
      expect(() => makeFolder(path)).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
    }
  });

  // In a process of its own: what hangs there would hang this one too.
  (existsSync('/proc/self') ? test : test.skip)('is refused at once where it can never exist', () => {
    const program = `require('./src/support/folders').makeFolder('/proc/nope/x')`;
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ['--require', 'ts-node/register/transpile-only', '-e', program],
      { cwd: join(__dirname, '../..'), encoding: 'utf8', timeout: 20_000 },
    );
    expect({ status, signal }).toEqual({ status: 1, signal: null });
    expect(stderr).toContain("ENOENT: no such file or directory, mkdir '/proc/nope'");
  });
});

describe('an error of the file system', () => {
  const failing = (code?: string) => () => {
    throw Object.assign(new Error('no'), { code });
  };

  test('is one line for the user that says what to do; any other error stays as it is', () => {
    expect(guarded('x', () => 7)).toBe(7);
    expect(() => guarded('x', failing('ENOSPC'))).toThrow(UserError);
    expect(() => guarded('x', failing('ENOSPC'))).toThrow(/^The disk of x is full: make room/);
    expect(() => guarded('x', failing('EACCES'))).toThrow('x cannot be written (no): choose another --out.');
    expect(() => guarded('x', failing('EACCES'), 'move')).toThrow('x cannot be written (no): move.');
    expect(() => guarded('x', failing())).toThrow(expect.not.objectContaining({ name: 'UserError' }));
  });
});

test('files for users appear whole, in folders that are made for them, and unfinished ones can be removed', () => {
  const path = join(root, 'results');
  const write = resultWriter(path);
  write('report.md', 'one');
  write('report.md', 'two');
  write('tensorboard/SB/events', new Uint8Array([1, 2]));
  expect(readFileSync(join(path, 'report.md'), 'utf8')).toBe('two');
  expect([...readFileSync(join(path, 'tensorboard/SB/events'))]).toEqual([1, 2]);
  writeFileSync(join(path, 'report.md.0a1b2c3d-0000-0000-0000-000000000000.tmp'), 'half');
  writeFileSync(join(path, 'mine.tmp'), 'mine');
  removeUnfinishedFiles(path);
  expect(readdirSync(path).sort()).toEqual(['mine.tmp', 'report.md', 'tensorboard']);
  removeUnfinishedFiles(join(path, 'nowhere'));
  const file = join(path, 'report.md');
  expect(() => resultWriter(file)('x', '1')).toThrow(
    /report\.md cannot be written .*: choose another --out\.$/,
  );
});
