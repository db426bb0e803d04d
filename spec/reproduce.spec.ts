import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { initialWeights } from '../src/model/architecture';
import { encodeSafetensors } from '../src/model/safetensors';
import type { Weights } from '../src/model/weights';
import { checkedBytes } from '../src/support/checked-file';
import { randomStream } from '../src/support/random';
import { TINY_VGG } from './helpers/arbitraries';
import { reproduce, reproduceEach, type Outcome } from './helpers/command-line';
import { formulaDirection, formulaWeights, pytorchReference } from './helpers/fixtures';

const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(folder, { recursive: true }));

const writeWeights = (file: string, weights: Weights) => writeFileSync(file, encodeSafetensors(weights));

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
/** A folder that is not there yet, another one for each command. */
const fresh = (number: number) => join(folder, 'fresh', String(number));
const reportOfOthers = join(folder, 'report of others');
mkdirSync(reportOfOthers);
writeFileSync(join(reportOfOthers, 'report.json'), '{}');
/** Written by an earlier version: a store of a sweep, and the folder of an experiment. */
const earlierStore = join(folder, 'earlier store');
mkdirSync(join(earlierStore, 'sweeps', 'any'), { recursive: true });
writeFileSync(join(earlierStore, 'sweeps', 'any', 'setting'), '');
const earlierFolder = join(folder, 'earlier folder');
mkdirSync(join(earlierFolder, 'checkpoints'), { recursive: true });
writeFileSync(join(earlierFolder, 'checkpoints', 'experiment.beginning'), '');
const newerStore = join(folder, 'newer store');
mkdirSync(newerStore);
writeFileSync(join(newerStore, 'format'), checkedBytes(Buffer.from('2')));
writeFileSync(aFile, 'mine');

/** Commands with bad input, and what the one line that they end with must say. */
const BAD_INPUT: readonly (readonly [readonly string[], string])[] = [
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
  [['--preset', 'smoke', '--out', '/proc/nope/x'], '/proc/nope/x cannot be written'],
  [
    ['--preset', 'smoke', '--engine', 'wasm', '--store', '/proc/nope', '--out', fresh(1)],
    '/proc/nope cannot be written',
  ],
  [
    ['--preset', 'smoke', '--engine', 'wasm', '--store', earlierStore, '--out', fresh(2)],
    'an earlier version of this program',
  ],
  [
    ['--preset', 'smoke', '--engine', 'wasm', '--store', newerStore, '--out', fresh(3)],
    'a newer version of this program',
  ],
  [['--preset', 'smoke', '--engine', 'wasm', '--out', earlierFolder], 'an earlier version of this program'],
  [['--preset', 'smoke', '--engine', 'wasm', '--store', fresh(0), '--out', reportOfOthers], 'holds a report'],
  [['--workers', '0'], '--workers 0 is out of range'],
  [['--threads', '0'], '--threads 0 is out of range'],
  [['--queue', 'redis://localhost:1'], '--queue needs --store'],
  [['--queue', 'http://localhost', '--store', fresh(0)], '--queue must be like redis://'],
  [
    ['contrl'],
    "unknown command 'contrl': there are control, paper, sweep, worker, report, store, curve and doctor",
  ],
  [['--seeds', '0'], '--seeds'],
  [['--sensitivity-images', '0'], '--sensitivity-images 0 is out of range'],
  [['paper', '--networks', 'C1,C9'], '--networks'],
  [['paper', '--large-share', '2'], '--large-share'],
  [['paper', '--statistics', 'running'], "argument 'running' is invalid"],
  [['paper', '--remedies', 'augmentation', '--networks', 'F1'], '--remedies augmentation'],
  [
    ['paper', '--networks', 'C3', '--engine', 'wasm', '--store', fresh(0), '--out', fresh(4)],
    'CIFAR-100 binary version',
  ],
  [['control', '--overwrite'], "unknown option '--overwrite'"],
  [['worker'], 'worker needs --queue'],
  [['sweep', join(folder, 'no plan.yaml')], 'no plan.yaml cannot be read'],
  [['report'], "missing required argument 'dir'"],
  [['report', join(folder, 'nowhere')], 'nowhere holds no report.json and no paper.json'],
  [['report', otherReport], 'of this version of the program'],
  [['curve'], "required option '--weights <file>' not specified"],
  [['curve', '--weights', join(folder, 'nowhere')], 'nowhere cannot be used as safetensors'],
  [['curve', '--weights', notWeights], 'not weights.safetensors cannot be used as safetensors'],
  [['curve', '--weights', truncated], 'is cut off'],
  [['curve', '--weights', otherNetwork], 'is not of SimpleVGG'],
  [['curve', '--weights', otherNetwork, '--split', 'validation'], "argument 'validation' is invalid"],
];

describe('bad input ends with exit code 2 and one line that names it', () => {
  let outcomes: readonly Outcome[];
  beforeAll(async () => {
    outcomes = await reproduceEach(BAD_INPUT.map(([args]) => args));
  });

  test.each(BAD_INPUT.map(([args, message], index) => [args, message, index] as const))(
    '%j',
    (_, message, index) => {
      const { code, stdout, stderr } = outcomes[index];
      expect(stderr).toContain(message);
      expect(stderr.trim().split('\n')).toHaveLength(1);
      expect(stdout).toBe('');
      expect(code).toBe(2);
    },
  );

  test('and leaves a file that was there alone', () => {
    expect(readFileSync(aFile, 'utf8')).toBe('mine');
    expect(readdirSync(folder).sort()).toEqual(
      [
        'a file',
        'earlier folder',
        'earlier store',
        'fresh',
        'newer store',
        'not weights.safetensors',
        'other report',
        'other.safetensors',
        'report of others',
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
