import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomStream } from '../../src/support/random';
import { folderStore } from '../../src/sweep/store';
import { startReproduce, type RunningCommand } from '../helpers/command-line';
import { fastestEngine } from '../helpers/engine';
import { redisMissing, startRedis, type RedisServer } from '../helpers/redis-server';

// Sweeps on several machines, all of them this one: workers are killed, Redis is killed, and every result is there.

const JOBS = 200;
const WORKERS = 4;
const KILLS = 8;
const missing = redisMissing();
if (missing) process.stderr.write(`The specs do without a queue: ${missing}\n`);

/** Each process on one thread, so that four of them share what there is. */
const ALONE = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
const engine = ['--engine', fastestEngine()];

/** All that a store holds of results, but for times and the commit, by their names. */
async function figuresIn(path: string): Promise<Map<string, unknown>> {
  const store = folderStore(path);
  const figures = new Map<string, unknown>();
  for (const name of await store.list('results/')) {
    const text = Buffer.from((await store.read(name))!).toString();
    figures.set(
      name,
      JSON.parse(text, (key, value: unknown) => (key === 'seconds' || key === 'commit' ? null : value)),
    );
  }
  return figures;
}

(missing ? describe.skip : describe)('a sweep through a queue', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  const plan = join(root, 'many.yaml');
  const seeds = Array.from({ length: JOBS / 2 }, (_, seed) => seed);
  writeFileSync(
    plan,
    `name: many
networks: [F1]
batchSizes: [8, 16]
seeds: [${seeds.join(', ')}]
trainSize: 16
testSize: 16
protocols: [{ name: sgd, optimizer: { kind: sgd }, learningRate: .01, epochs: 2 }]
measures: [{ kind: rise, directions: 1, alphas: [0, 1], images: 16 }]
`,
  );
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis(root);
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(root, { recursive: true });
  });
  const start = (...args: string[]) => startReproduce(args, ALONE);
  const worker = (store: string) =>
    start('worker', '--queue', redis.url, '--store', store, ...engine, '--workers', '1');

  test('has each of 200 results once and to the bit, though workers and Redis are killed on the way', async () => {
    const alone = join(root, 'alone');
    const together = join(root, 'together');
    // One by one, in a process that no one disturbs.
    const reference = start('sweep', plan, '--store', alone, ...engine, '--workers', '1');

    const random = randomStream(8, 'kills');
    const workers: RunningCommand[] = Array.from({ length: WORKERS }, () => worker(together));
    const all = [...workers];
    const sweep = start('sweep', plan, '--store', together, ...engine, '--queue', redis.url);
    const store = folderStore(together);
    const finished = async () => (await store.list('results/')).length / 2;
    const killedAt = Array.from({ length: KILLS }, (_, k) => ((k + random.uniform()) * JOBS) / KILLS);
    let restarted = false;
    let killed = 0;
    const over = sweep.ended.then(() => true);
    while (!(await Promise.race([over, setTimeout(100, false)]))) {
      const done = await finished();
      if (killed < KILLS && done >= killedAt[killed]) {
        const victim = random.integer(0, WORKERS - 1);
        workers[victim].process.kill('SIGKILL');
        workers[victim] = worker(together);
        all.push(workers[victim]);
        killed++;
      }
      if (!restarted && done > JOBS / 2) {
        restarted = true;
        await redis.restart();
      }
    }
    const { code, stdout, stderr } = await sweep.ended;
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Sweep many: ${JOBS} jobs: ${JOBS} done.`);
    expect([killed, restarted]).toEqual([KILLS, true]);
    for (const { process } of workers) process.kill('SIGTERM');
    for (const { ended } of workers) expect((await ended).code).toBe(143);
    const said = await Promise.all(all.map(async ({ ended }) => (await ended).stderr));
    expect(said.join('')).toContain('was left by its worker');
    expect((await reference.ended).code).toBe(0);
    const figures = await figuresIn(together);
    expect(figures.size).toBe(2 * JOBS);
    expect(figures).toEqual(await figuresIn(alone));
    expect(await store.list('checkpoints/')).toEqual([]);
  }, 1_800_000);

  test('is gone on with from its checkpoint where its worker drains, or ends, and Redis with it', async () => {
    const long = join(root, 'long.yaml');
    writeFileSync(
      long,
      `name: long
networks: [SimpleVGG]
batchSizes: [16]
seeds: [1]
trainSize: 512
testSize: 16
protocols: [{ name: sgd, optimizer: { kind: sgd }, learningRate: .01, epochs: 10 }]
`,
    );
    const together = join(root, 'long');
    const begun = folderStore(together);
    const first = worker(together);
    const sweep = start('sweep', long, '--store', together, ...engine, '--queue', redis.url);
    while ((await begun.list('checkpoints/')).length === 0) await setTimeout(50);
    first.process.kill('SIGTERM');
    expect((await first.ended).code).toBe(143);
    const second = worker(together);
    await second.said('going on after');
    // A worker that loses its Redis is not kept from ending.
    await redis.restart();
    await sweep.ended;
    await redis.stop();
    second.process.kill('SIGTERM');
    expect((await second.ended).code).toBe(143);
    expect((await sweep.ended).stdout).toContain('Sweep long: 1 job: 1 done.');
    const alone = join(root, 'long alone');
    expect((await start('sweep', long, '--store', alone, ...engine, '--workers', '1').ended).code).toBe(0);
    expect(await figuresIn(together)).toEqual(await figuresIn(alone));
  }, 600_000);
});
