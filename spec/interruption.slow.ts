import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomStream } from '../src/support/random';
import { fastestEngine } from './helpers/engine';
import { reproduce, startReproduce } from './helpers/command-line';

// Small studies on real data, disturbed in every way, end as the undisturbed ones do.

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const plan = join(root, 'plan.yaml');
writeFileSync(
  plan,
  `name: kills
networks: [F1]
batchSizes: [16, 64]
seeds: [1]
trainSize: 256
testSize: 200
protocols: [{ name: sgd, optimizer: { kind: sgd }, learningRate: 0.01, epochs: 3 }]
measures: [{ kind: rise, directions: 2, images: 200 }, { kind: keskar, images: 100 }]
`,
);

// Chosen once, not at each of the many starts.
const ENGINE = ['--engine', fastestEngine()];
const EXPERIMENT = [
  ...['--preset', 'smoke', '--train-size', '256', '--small-batch', '32', '--large-batch', '128'],
  ...['--small-epochs', '2', '--large-epochs', '2', '--directions', '2', ...ENGINE],
];

interface StudyCase {
  readonly name: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly report: string;
  readonly kills: number;
}

/** 25 kills in all. */
const STUDIES: readonly StudyCase[] = [
  { name: 'experiment', args: EXPERIMENT, code: 3, report: 'report.json', kills: 6 },
  {
    name: 'paper',
    args: [
      ...[
        'paper',
        '--networks',
        'F1',
        '--seeds',
        '1',
        '--train-size',
        '128',
        '--small-batch',
        '16',
        '--epochs',
        '2',
      ],
      ...['--sharpness-images', '100', '--dimension', '3', ...ENGINE],
    ],
    code: 0,
    report: 'paper.json',
    kills: 2,
  },
  { name: 'sweep', args: ['sweep', plan, ...ENGINE], code: 0, report: 'report.json', kills: 17 },
];

const run = ({ args }: Pick<StudyCase, 'args'>, name: string) => [
  ...args,
  ...['--out', join(root, name), '--store', join(root, name, 'store')],
];

/** All that a report holds but the times, and the commit, which may change meanwhile. */
function figures(name: string, report: string): unknown {
  const text = readFileSync(join(root, name, report), 'utf8');
  const isTime = (key: string) => ['seconds', 'commit', 'finishedAt'].includes(key);
  return JSON.parse(text, (key, value: unknown) => (isTime(key) ? null : value));
}

/** What a store holds at the moment: which kinds of results, and whether there is a checkpoint. */
function stateOf(name: string): string {
  const under = (folder: string) => {
    const path = join(root, name, 'store', folder);
    return existsSync(path) ? readdirSync(path, { recursive: true }).length : 0;
  };
  if (under('results') > 4) return 'measuring';
  if (under('checkpoints') > 0 || under('results') > 0) return 'training';
  return 'start';
}

describe.each(STUDIES)('$name', ({ name, args, code, report, kills }) => {
  test('killed at random moments of all that it does ends with the same figures to the last bit', async () => {
    const begun = performance.now();
    const undisturbed = await reproduce(...run({ args }, `${name} undisturbed`));
    expect({ code: undisturbed.code, stderr: undisturbed.code === code ? '' : undisturbed.stderr }).toEqual({
      code,
      stderr: '',
    });
    const duration = performance.now() - begun;
    const random = randomStream(25, 'kills', name);
    const states: string[] = [];
    const killedName = `${name} killed`;
    for (let kill = 0; kill < kills; kill++) {
      const { process, ended } = startReproduce(run({ args }, killedName));
      const isOver = await Promise.race([
        ended.then(() => true),
        // From early to late, at random within each share of the time.
        setTimeout((duration * (kill + random.uniform())) / kills, false),
      ]);
      process.kill('SIGKILL');
      await ended;
      states.push(stateOf(killedName));
      // One that came to its end begins anew.
      if (isOver) rmSync(join(root, killedName), { recursive: true });
    }
    const { code: ending, stderr } = await reproduce(...run({ args }, killedName));
    expect({ ending, stderr: ending === code ? '' : stderr }).toEqual({ ending: code, stderr: '' });
    expect(figures(killedName, report)).toEqual(figures(`${name} undisturbed`, report));
    // Few kills may well meet the same kind of work.
    if (kills > 5) expect(new Set(states).size).toBeGreaterThan(1);
    const left = readdirSync(join(root, killedName, 'store'), { recursive: true, encoding: 'utf8' });
    expect(left.filter((file) => /^(leases|checkpoints)\/.*\/\d+$/.test(file))).toEqual([]);
  }, 900_000);
});

describe('an experiment', () => {
  const undisturbed = () => figures('experiment undisturbed', 'report.json');
  const experiment = (name: string) => run({ args: EXPERIMENT }, name);
  beforeAll(async () => {
    if (!existsSync(join(root, 'experiment undisturbed')))
      await reproduce(...experiment('experiment undisturbed'));
  }, 300_000);

  test('interrupted by Ctrl-C stores the step it was at, says how to resume, and resumes there', async () => {
    const { process, said, ended } = startReproduce(experiment('interrupted'));
    await said('epoch 1/2');
    process.kill('SIGINT');
    const { code, stderr, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toContain('The same command resumes from there.');
    const resumed = await reproduce(...experiment('interrupted'));
    expect(resumed.stderr).toMatch(/resuming after (step \d of epoch 2|epoch [12]) of 2\./);
    expect(resumed.code).toBe(3);
    expect(figures('interrupted', 'report.json')).toEqual(undisturbed());
  }, 300_000);

  test('interrupted twice ends at once, and loses no more than an epoch', async () => {
    const { process, said, ended } = startReproduce(experiment('twice'));
    await said('epoch 1/2');
    process.kill('SIGINT');
    process.kill('SIGINT');
    const begun = performance.now();
    const { code } = await ended;
    expect(performance.now() - begun).toBeLessThan(3000);
    expect(code === null || code === 130).toBe(true);
    expect((await reproduce(...experiment('twice'))).code).toBe(3);
    expect(figures('twice', 'report.json')).toEqual(undisturbed());
  }, 300_000);

  test('keeps a second process out of its folder, which names the first', async () => {
    const first = startReproduce(experiment('shared'));
    await first.said('Preset smoke');
    const second = await reproduce(...experiment('shared'));
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`is in use by process ${first.process.pid} on`);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect((await first.ended).code).toBe(3);
    expect(figures('shared', 'report.json')).toEqual(undisturbed());
  }, 300_000);

  test('beside another one on the same store shares the work: each job is done once, and both reports agree', async () => {
    const store = ['--store', join(root, 'common store')];
    const both = ['one', 'other'].map((name) =>
      startReproduce([...EXPERIMENT, '--out', join(root, name), ...store]),
    );
    const [one, other] = await Promise.all(both.map(({ ended }) => ended));
    expect([one.code, other.code]).toEqual([3, 3]);
    expect(figures('one', 'report.json')).toEqual(undisturbed());
    expect(figures('other', 'report.json')).toEqual(undisturbed());
    const epochs = `${one.stderr}\n${other.stderr}`.split('\n').filter((line) => line.includes('epoch 1/2'));
    expect(epochs).toHaveLength(2);
  }, 300_000);

  // A disk of its own takes root and the right to mount.
  const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
  (canMount ? test : test.skip)(
    'on a full disk ends with one clear line, and resumes when there is room',
    async () => {
      const disk = join(root, 'disk');
      mkdirSync(disk);
      // Room for one checkpoint of 20 MB and half of the next.
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=30m', 'tmpfs', disk]);
      try {
        const args = [...EXPERIMENT, '--out', join(disk, 'run'), '--store', join(disk, 'store')];
        const full = await reproduce(...args);
        expect(full.code).toBe(2);
        expect(full.stderr).toMatch(
          /The disk of .* is full: make room and run the same command again\. The same command tries them again\.\n$/,
        );
        execFileSync('mount', ['-o', 'remount,size=300m', disk]);
        const { code, stderr } = await reproduce(...args);
        expect(code).toBe(3);
        expect(stderr).toContain('resuming after epoch 1 of 2.');
        const text = readFileSync(join(disk, 'run', 'report.json'), 'utf8');
        expect(JSON.parse(text)).toHaveProperty('verdict', 'INCONCLUSIVE');
      } finally {
        execFileSync('umount', [disk]);
      }
    },
    300_000,
  );
});
