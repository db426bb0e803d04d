import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { folderStore } from '../src/executors/folder-store';
import { startReproduce, type RunningCommand } from './helpers/command-line';
import { fastestEngine } from './helpers/engine';
import { redisMissing, startRedis, type RedisServer } from './helpers/redis-server';

// The main experiment on several machines, all of them this one: a worker is killed, Redis is restarted and loses its
// content, a second coordinator joins, and the report is that of one process, to the last bit.

const missing = redisMissing();
if (missing) process.stderr.write(`The specs do without a queue: ${missing}\n`);

const EXPERIMENT = [
  ...[
    '--preset',
    'smoke',
    '--seeds',
    '3',
    '--train-size',
    '256',
    '--small-batch',
    '32',
    '--large-batch',
    '128',
  ],
  ...['--small-epochs', '3', '--large-epochs', '3', '--directions', '2'],
  ...['--engine', fastestEngine(), '--threads', '1'],
];

/** All that a report holds but the times, and the commit, which may change meanwhile. */
function figures(folder: string): unknown {
  const isTime = (key: string) => ['seconds', 'commit'].includes(key);
  return JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'), (key, value: unknown) =>
    isTime(key) ? null : value,
  );
}

(missing ? describe.skip : describe)('the experiment with three seeds through a queue', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  const path = (name: string) => join(root, name);
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis(root);
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(root, { recursive: true, force: true });
  });
  const worker = (...more: string[]) =>
    startReproduce([
      ...['worker', '--queue', redis.url, '--store', path('store'), '--engine', fastestEngine()],
      ...['--workers', '1', '--threads', '1', ...more],
    ]);
  const coordinator = (out: string) =>
    startReproduce([...EXPERIMENT, '--out', path(out), '--store', path('store'), '--queue', redis.url]);

  test('gives the report of one process bit for bit, though a worker and Redis are killed on the way', async () => {
    const workers: RunningCommand[] = [worker(), worker()];
    const first = coordinator('first');
    const second = coordinator('second');
    const store = folderStore(path('store'));
    const results = async () => (await store.list('results/')).length;
    const until = async (isSo: () => Promise<boolean>) => {
      while (!(await isSo())) await setTimeout(50);
    };
    await until(async () => (await store.list('checkpoints/')).length > 0);
    workers[0].process.kill('SIGKILL');
    workers[0] = worker();
    await until(async () => (await results()) > 4);
    await redis.restart();
    await until(async () => (await results()) > 12);
    const client = new Redis(redis.url);
    await client.flushall();
    client.disconnect();
    for (const { ended } of [first, second]) {
      const { code, stderr } = await ended;
      expect({ code, stderr: code === 3 ? '' : stderr }).toEqual({ code: 3, stderr: '' });
    }
    for (const { process } of workers) process.kill('SIGTERM');
    for (const { ended } of workers) expect((await ended).code).toBe(143);

    const alone = startReproduce([...EXPERIMENT, '--out', path('alone'), '--store', path('store of one')]);
    expect((await alone.ended).code).toBe(3);
    expect(figures(path('first'))).toEqual(figures(path('alone')));
    expect(figures(path('second'))).toEqual(figures(path('alone')));
    expect(await store.list('checkpoints/')).toEqual([]);
    expect((await store.list('results/')).length).toBe(
      (await folderStore(path('store of one')).list('results/')).length,
    );
  }, 900_000);
});
