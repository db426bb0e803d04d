import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readChecked, removeChecked, writeChecked } from '../../src/support/checked-file';
import { UserError } from '../../src/support/errors';

describe('a checked file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'state');
  const text = (content: Buffer) => content.toString('utf8');
  const read = () => {
    const said: string[] = [];
    return { content: readChecked(file, text, (line) => said.push(line)), said };
  };

  test('gives back any content', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) => {
        writeChecked(file, content);
        expect(readChecked(file, (bytes) => Uint8Array.from(bytes), fail)).toEqual(content);
      }),
      { numRuns: 30 },
    );
  });

  test('that is damaged in any byte gives way to the one before it, and says so', () => {
    writeChecked(file, Buffer.from('earlier'));
    writeChecked(file, Buffer.from('newest'));
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at++) {
      // The line's end between checksum and content carries nothing.
      if (at === 64) continue;
      const damaged = Buffer.from(whole);
      damaged[at] ^= 1;
      writeFileSync(file, damaged);
      const { content, said } = read();
      expect(content).toBe('earlier');
      expect(said).toEqual([`${file} is damaged: going on from the one before it.`]);
    }
  });

  test('that is cut off anywhere gives way to the one before it', () => {
    writeChecked(file, Buffer.from('earlier'));
    writeChecked(file, Buffer.from('newest'));
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(file, whole.subarray(0, length));
      expect(read().content).toBe('earlier');
    }
  });

  test('that is damaged does not take the place of the one before it when the next is written', () => {
    writeChecked(file, Buffer.from('earlier'));
    writeChecked(file, Buffer.from('newest'));
    writeFileSync(file, 'damaged');
    writeChecked(file, Buffer.from('next'));
    expect(read()).toEqual({ content: 'next', said: [] });
    rmSync(file);
    expect(read()).toEqual({ content: 'earlier', said: [] });
  });

  test('is found where a crash fell between its two renames', () => {
    writeChecked(file, Buffer.from('newest'));
    renameSync(file, `${file}.before`);
    expect(read()).toEqual({ content: 'newest', said: [] });
  });

  test('that is damaged together with the one before it is an error that says how to go on', () => {
    for (const path of [file, `${file}.before`]) writeFileSync(path, 'damaged');
    expect(read).toThrow(UserError);
    expect(read).toThrow(/start anew with --overwrite/);
  });

  test('that was never written, or was removed, is none', () => {
    removeChecked(file);
    expect(existsSync(`${file}.before`)).toBe(false);
    expect(read()).toEqual({ content: undefined, said: [] });
  });

  function fail(line: string): void {
    throw new Error(line);
  }
});
