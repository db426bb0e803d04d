import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { trainOnce } from './helpers/train-once';

const root = join(__dirname, '..');

async function inAnotherProcess(seed: number): Promise<string> {
  const program = [
    join(root, 'node_modules/ts-node/dist/bin.js'),
    join(__dirname, 'helpers/train-once.ts'),
    String(seed),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, program, { cwd: root });
  return stdout;
}

test('a seed gives the same weights, history and curve to the last bit, here and in another process', async () => {
  const here = await trainOnce(5);
  expect(await trainOnce(5)).toBe(here);
  expect(await inAnotherProcess(5)).toBe(here);
  expect(await trainOnce(6)).not.toBe(here);
});
