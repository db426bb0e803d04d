import { execFileSync, spawnSync } from 'node:child_process';
import fs, { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { writeAtomically } from '../../src/support/atomic-file';

const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(folder, { recursive: true }));

describe('an atomic write', () => {
  test('leaves the content and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array()), (content) => {
        writeAtomically(join(folder, 'file'), content);
        expect(readFileSync(join(folder, 'file'))).toEqual(Buffer.from(content as string));
        expect(readdirSync(folder)).toEqual(['file']);
      }),
      { numRuns: 20 },
    );
  });

  test('flushes its folder once the file has its name, and does without where that is refused', () => {
    const target = join(folder, 'file');
    const seen: string[] = [];
    const flush = jest.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
      if (!fs.fstatSync(descriptor).isDirectory()) return;
      seen.push(readFileSync(target, 'utf8'));
      throw new Error('EPERM');
    });
    writeAtomically(target, 'flushed');
    flush.mockRestore();
    expect(seen).toEqual(['flushed']);
  });

  test('that fails leaves what was there, and no rest of its own', () => {
    const target = join(folder, 'folder');
    mkdirSync(target);
    writeFileSync(join(target, 'good'), 'good');
    expect(() => writeAtomically(target, 'bad')).toThrow();
    expect(readdirSync(folder).sort()).toEqual(['file', 'folder']);
    expect(readFileSync(join(target, 'good'), 'utf8')).toBe('good');
  });

  // A disk of one megabyte takes root and the right to mount.
  const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
  (canMount ? test : test.skip)('on a full disk throws, and leaves the good file', () => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      writeAtomically(join(disk, 'file'), 'good');
      expect(() => writeAtomically(join(disk, 'file'), new Uint8Array(2 ** 21))).toThrow(/ENOSPC/);
      expect(readFileSync(join(disk, 'file'), 'utf8')).toBe('good');
      expect(readdirSync(disk)).toEqual(['file']);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});
