import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { initialWeights } from '../src/model/architecture';
import { writeWeights } from '../src/model/safetensors';
import { randomStream } from '../src/support/random';
import { TINY_VGG } from './helpers/arbitraries';
import { reproduce } from './helpers/command-line';
import { formulaDirection, formulaWeights, pytorchReference } from './helpers/fixtures';

const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(folder, { recursive: true }));

const notWeights = join(folder, 'not weights.safetensors');
writeFileSync(notWeights, 'no safetensors at all');
const truncated = join(folder, 'truncated.safetensors');
writeWeights(truncated, formulaWeights());
writeFileSync(truncated, readFileSync(truncated).subarray(0, 1_000_000));
const otherNetwork = join(folder, 'other.safetensors');
writeWeights(otherNetwork, initialWeights(TINY_VGG, randomStream(1)));
const otherReport = join(folder, 'other report');
mkdirSync(otherReport);
writeFileSync(join(otherReport, 'report.json'), '{}');
const aFile = join(folder, 'a file');
writeFileSync(aFile, 'mine');

describe('bad input ends with exit code 2 and one line that names it', () => {
  test.each([
    [['--turbo'], "unknown option '--turbo'"],
    [['--preset', 'huge'], "argument 'huge' is invalid. Allowed choices are smoke, quick, full, recipe"],
    [['--engine', 'abacus'], "argument 'abacus' is invalid"],
    [['--seed', '1.5'], "argument '1.5' is invalid. It must be a whole number"],
    [['--dropout', 'much'], "argument 'much' is invalid. It must be a number"],
    [['--large-batch', '20000'], '--large-batch 20000 is more than the 12500 training images'],
    [['--alphas', '-1,1'], '--alphas must hold 0'],
    [['--alphas=-1,x,1'], "argument '-1,x,1' is invalid"],
    [['--directions', '0'], '--directions'],
    [['--preset', 'smoke', '--out', aFile], 'a file cannot be written'],
    [
      ['contrl'],
      "unknown command 'contrl': there are control, paper, sweep, worker, report, curve and doctor",
    ],
    [['--seeds', '0'], '--seeds'],
    [['--sensitivity-images', '0'], '--sensitivity-images must be at least 1'],
    [['paper', '--networks', 'C1,C9'], '--networks'],
    [['paper', '--large-share', '2'], '--large-share'],
    [['paper', '--statistics', 'running'], "argument 'running' is invalid"],
    [['paper', '--remedies', 'augmentation', '--networks', 'F1'], '--remedies augmentation'],
    [['paper', '--networks', 'C3', '--engine', 'wasm'], 'CIFAR-100 binary version'],
    [['control', '--overwrite'], "unknown option '--overwrite'"],
    [['report'], "missing required argument 'dir'"],
    [['report', join(folder, 'nowhere')], 'nowhere holds neither an experiment nor a report.json'],
    [['report', otherReport], 'report.json is not a report of this version'],
    [['curve'], "required option '--weights <file>' not specified"],
    [['curve', '--weights', join(folder, 'nowhere')], 'nowhere cannot be used as safetensors'],
    [['curve', '--weights', notWeights], 'not weights.safetensors cannot be used as safetensors'],
    [['curve', '--weights', truncated], 'is cut off'],
    [['curve', '--weights', otherNetwork], 'is not of SimpleVGG'],
    [['curve', '--weights', otherNetwork, '--split', 'validation'], "argument 'validation' is invalid"],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await reproduce(...args);
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('and leaves a file that was there alone', () => {
    expect(readFileSync(aFile, 'utf8')).toBe('mine');
    expect(readdirSync(folder).sort()).toEqual(
      [
        'a file',
        'not weights.safetensors',
        'other report',
        'other.safetensors',
        'truncated.safetensors',
      ].sort(),
    );
  });
});

test('--help tells every flag on stdout and ends with 0', async () => {
  const { code, stdout } = await reproduce('--help');
  expect(code).toBe(0);
  for (const word of ['--preset', '--seed', '--out', '--large-batch', '--alphas', 'curve', 'Exit code']) {
    expect(stdout).toContain(word);
  }
});

test('curve prints the curve of stored weights along a stored direction, as PyTorch has it', async () => {
  const [weights, direction] = ['weights', 'direction'].map((name) => join(folder, `${name}.safetensors`));
  writeWeights(weights, formulaWeights());
  writeWeights(direction, formulaDirection(1));
  const expected = pytorchReference().curves.find(
    (curve) => curve.normalization === 'filter' && curve.direction === 1,
  )!;
  const args = [
    '--weights',
    weights,
    '--direction',
    direction,
    '--images',
    '64',
    '--alphas',
    '-1,-0.5,0,0.5,1',
  ];
  const { code, stdout } = await reproduce('curve', ...args);
  expect(code).toBe(0);
  const printed = JSON.parse(stdout) as { alphas: number[]; loss: number[]; accuracy: number[] };
  expect(Object.keys(printed)).toEqual(['alphas', 'loss', 'accuracy']);
  expect(printed.alphas).toEqual(expected.alphas);
  expect(printed.accuracy).toEqual(expected.accuracy);
  printed.loss.forEach((loss, i) => expect(Math.abs(loss / expected.loss[i] - 1)).toBeLessThanOrEqual(1e-4));
});
