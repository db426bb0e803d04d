import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomStream } from '../src/support/random';
import { fastestEngine } from './helpers/engine';
import { reproduce, startReproduce, type RunningCommand } from './helpers/command-line';

// A small experiment on real data, disturbed in every way, ends as the undisturbed one does.

const SMALL = [
  ...['--preset', 'smoke', '--train-size', '256', '--small-batch', '32', '--large-batch', '128'],
  ...['--small-epochs', '2', '--large-epochs', '2', '--directions', '2'],
  // Chosen once, not at each of the many starts.
  ...['--engine', fastestEngine()],
];
const INCONCLUSIVE = 3;
const KILLS = 25;

/** What an experiment does, in that order, and the line that says it has begun. */
const STAGES = [
  ['start-up', /^/],
  ['training', /SB training.*: begun/],
  // The last epoch is short beside the test images that end it.
  ['test images', /SB training.*: epoch 1\/2/],
  ['training', /LB training.*: begun/],
  ['test images', /LB training.*: epoch 1\/2/],
  ['curves', /Curves: begun/],
  ['report', /Curves: done/],
] as const;

/** The numbers of the stages at which one experiment is killed before it is left to come to its end. */
const TARGETS = [0, 1, 1, 2, 3, 4, 5, 5, 6];

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true }));
const run = (name: string) => [...SMALL, '--out', join(root, name)];

/** All that report.json holds but the times, and the commit, which may change meanwhile. */
function figures(folder: string): unknown {
  const text = readFileSync(join(folder, 'report.json'), 'utf8');
  return JSON.parse(text, (key, value: unknown) => (key === 'seconds' || key === 'commit' ? null : value));
}

/** The number of the stage that an experiment has come to, by what it has said. */
function stageOf(stderr: string): number {
  return STAGES.reduce((last, [, begun], stage) => (begun.test(stderr) ? stage : last), 0);
}

/** When a command comes to each stage, or past it, as far as it has come. */
function stageTimes({ process }: RunningCommand): number[] {
  const times = [performance.now()];
  let text = '';
  process.stderr!.on('data', (more: string) => {
    text += more;
    while (times.length <= stageOf(text)) times.push(performance.now());
  });
  return times;
}

/**
 * Kills a command so many ms after it has come to a stage, or past it.
 *
 * @returns the stage that it was killed at; undefined if it ended before.
 */
async function killed(command: RunningCommand, stage: number, delay: number): Promise<string | undefined> {
  const times = stageTimes(command);
  const lives = async (ms: number) =>
    (await Promise.race([command.ended, setTimeout(ms, 'lives')])) === 'lives';
  while (times.length <= stage && (await lives(20)));
  await lives(delay);
  command.process.kill('SIGKILL');
  const { code, stderr } = await command.ended;
  return code === null ? STAGES[stageOf(stderr)][0] : undefined;
}

describe('an experiment', () => {
  let undisturbed: unknown;
  /** How long each stage takes here, in ms. */
  let durations: number[];
  beforeAll(async () => {
    const command = startReproduce(run('undisturbed'));
    const times = stageTimes(command);
    expect((await command.ended).code).toBe(INCONCLUSIVE);
    const ends = [...times, performance.now()];
    durations = STAGES.map((_, stage) => ends[stage + 1] - ends[stage]);
    undisturbed = figures(join(root, 'undisturbed'));
  }, 300_000);

  test('killed at 25 random moments of all that it does ends with the same figures to the last bit', async () => {
    const random = randomStream(25, 'kills');
    const hit: string[] = [];
    let name = '';
    for (let round = 0; hit.length < KILLS; round++) {
      name = `killed ${round}`;
      for (const stage of TARGETS.slice(0, KILLS - hit.length)) {
        const at = await killed(startReproduce(run(name)), stage, durations[stage] * random.uniform());
        if (at === undefined) break;
        hit.push(at);
      }
      const { code, stderr } = await reproduce(...run(name));
      expect({ code, stderr: code === INCONCLUSIVE ? '' : stderr }).toEqual({
        code: INCONCLUSIVE,
        stderr: '',
      });
      expect(figures(join(root, name))).toEqual(undisturbed);
    }
    expect(hit).toEqual(expect.arrayContaining(['training', 'curves']));
    const left = readdirSync(join(root, name)).filter((file) => /\.tmp$|^\.lock/.test(file));
    expect(left).toEqual([]);
  }, 900_000);

  test('interrupted by Ctrl-C stores the step it was at, says how to go on, and goes on there', async () => {
    const { process, said, ended } = startReproduce(run('interrupted'));
    await said('SB training, batch size 32: epoch 1/2');
    process.kill('SIGINT');
    const { code, stderr, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toContain('The same command goes on from there.');
    const resumed = await reproduce(...run('interrupted'));
    expect(resumed.stderr).toMatch(/SB: going on after (step \d of epoch 2|epoch [12]) of 2\./);
    expect(resumed.code).toBe(INCONCLUSIVE);
    expect(figures(join(root, 'interrupted'))).toEqual(undisturbed);
  }, 300_000);

  test('interrupted twice ends at once, and loses no more than an epoch', async () => {
    const { process, said, ended } = startReproduce(run('twice'));
    await said('SB training, batch size 32: epoch 1/2');
    process.kill('SIGINT');
    process.kill('SIGINT');
    const begun = performance.now();
    const { code } = await ended;
    expect(performance.now() - begun).toBeLessThan(3000);
    expect(code === null || code === 130).toBe(true);
    expect((await reproduce(...run('twice'))).code).toBe(INCONCLUSIVE);
    expect(figures(join(root, 'twice'))).toEqual(undisturbed);
  }, 300_000);

  test('keeps a second process out of its folder, which names the first', async () => {
    const first = startReproduce(run('shared'));
    await first.said('Preset smoke');
    const second = await reproduce(...run('shared'));
    expect(second.code).toBe(2);
    expect(second.stderr).toContain(`is in use by process ${first.process.pid}, since`);
    expect(second.stderr.trim().split('\n')).toHaveLength(1);
    expect((await first.ended).code).toBe(INCONCLUSIVE);
    expect(figures(join(root, 'shared'))).toEqual(undisturbed);
  }, 300_000);

  // A disk of its own takes root and the right to mount.
  const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
  (canMount ? test : test.skip)(
    'on a full disk ends with one clear line, and goes on when there is room',
    async () => {
      const disk = join(root, 'disk');
      mkdirSync(disk);
      // Room for one checkpoint of 20 MB and half of the next.
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=30m', 'tmpfs', disk]);
      try {
        const full = await reproduce(...SMALL, '--out', join(disk, 'run'));
        expect(full.code).toBe(2);
        expect(full.stderr).toMatch(
          /error: The disk of .* is full: make room and run the same command again\.\n$/,
        );
        execFileSync('mount', ['-o', 'remount,size=300m', disk]);
        const { code, stderr } = await reproduce(...SMALL, '--out', join(disk, 'run'));
        expect(code).toBe(INCONCLUSIVE);
        expect(stderr).toContain('SB: going on after epoch 1 of 2.');
        expect(figures(join(disk, 'run'))).toEqual(undisturbed);
      } finally {
        execFileSync('umount', [disk]);
      }
    },
    300_000,
  );
});
