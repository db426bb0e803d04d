import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { dataSource } from '../../src/executors/datasets';
import type { Executor } from '../../src/executors/executor';
import { folderStore } from '../../src/executors/folder-store';
import type { Holder } from '../../src/executors/lease';
import { openQueue, throughQueue } from '../../src/executors/queue';
import { inWorkerProcesses, startWorker } from '../../src/executors/worker-process';
import type { Job } from '../../src/jobs/job';
import { KEYS } from '../../src/jobs/result';
import { trainingId, type Training } from '../../src/jobs/training';
import { cacheFolder } from '../../src/support/cache-folder';
import { startReproduce, type RunningCommand } from '../helpers/command-line';
import { fastestEngine } from '../helpers/engine';
import { contentOf, freshFolder, storedJson, tinyTraining } from '../helpers/kernel';
import { redisMissing, startRedis, type RedisServer } from '../helpers/redis-server';

const missing = redisMissing();
if (missing) process.stderr.write(`The specs do without a queue: ${missing}\n`);

/** Another number would round otherwise. */
const THREADS = 1;
const engine = fastestEngine();
const cache = cacheFolder();

(missing ? describe.skip : describe)('jobs through a queue', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  let redis: RedisServer;
  const commands: RunningCommand[] = [];
  beforeAll(async () => {
    redis = await startRedis(root);
  });
  afterAll(async () => {
    for (const { process } of commands) process.kill('SIGKILL');
    await redis.stop();
    rmSync(root, { recursive: true });
  });

  /** A worker as users start it. */
  const worker = (store: string): RunningCommand => {
    const command = startReproduce([
      ...['worker', '--queue', redis.url, '--store', store, '--engine', engine],
      ...['--workers', '1', '--threads', String(THREADS)],
    ]);
    commands.push(command);
    return command;
  };

  const runAll = (executor: Executor, jobs: readonly Job[]) =>
    Promise.all(jobs.map((job) => executor.run(job, {})));

  test('have the same bits as in one process, though a worker is killed, another drained and Redis restarted', async () => {
    const { sha256 } = dataSource({ cache }).named('cifar10');
    const short = await tinyTraining({ data: { ...sha256, images: 48 } });
    const long: Training = { ...short, stopAfter: { epochs: 300 } };
    const shorts = Array.from({ length: 6 }, (_, seed): Training => ({ ...short, seed }));
    const jobs: Job[] = [
      { train: long, snapshots: [30, 450] },
      ...shorts.map((train): Job => ({ train })),
      ...shorts.map((training): Job => ({
        measure: { kind: 'evaluation', of: [{ training }], images: { to: 48 } },
      })),
    ];

    const together = freshFolder();
    const store = folderStore(together);
    const info = { name: short.engine.name, version: short.engine.version };
    const { signal } = new AbortController();
    const queue = openQueue(redis.url, info, signal, () => {});
    const executor = throughQueue(queue, { store, priority: 100, say: () => {}, signal });
    const workers = [worker(together), worker(together)];
    const done = runAll(executor, jobs);

    /** The command of the process that does the long training, once it has come farther than it was. */
    const doing = async (): Promise<RunningCommand> => {
      const lease = KEYS.leases(trainingId(long));
      for (;;) {
        const [name] = await store.list(lease);
        const holder = name && (await storedJson<Holder>(store, name).catch(() => undefined));
        const found = holder && workers.find(({ process }) => process.pid === parentOf(holder.pid));
        if (found) return found;
        await setTimeout(50);
      }
    };
    const checkpoint = async () => {
      const bytes = await store.read(KEYS.checkpoint(trainingId(long)));
      return bytes && Buffer.from(bytes).toString('base64');
    };
    const advanced = async (from?: string) => {
      for (;;) {
        const now = await checkpoint();
        if (now !== undefined && now !== from) return now;
        await setTimeout(50);
      }
    };

    await advanced();
    const killed = await doing();
    killed.process.kill('SIGKILL');
    await killed.ended;
    workers.splice(workers.indexOf(killed), 1, worker(together));
    await advanced(await checkpoint());
    const drained = await doing();
    expect(drained).not.toBe(killed);
    drained.process.kill('SIGTERM');
    expect((await drained.ended).code).toBe(143);
    await redis.restart();
    await done;
    await executor.close();
    for (const { process } of workers) process.kill('SIGTERM');
    const said = (await Promise.all(commands.map(({ ended }) => ended))).map(({ stderr }) => stderr).join('');
    expect(said).toContain('was left by its worker');
    expect(said.match(/resuming after (epoch|step)/g)!.length).toBeGreaterThanOrEqual(2);
    expect(await store.list('checkpoints/')).toEqual([]);

    const alone = freshFolder();
    const setting = { engine, cache, store: alone, skipped: [] };
    const undisturbed = inWorkerProcesses(1, () => startWorker(setting, THREADS, () => {}));
    for (const job of jobs) await undisturbed.run(job, {});
    await undisturbed.close();
    const content = await contentOf(store);
    delete content.format;
    expect(content).toEqual(await contentOf(folderStore(alone)));
  }, 300_000);
});

/** The process that started another one; undefined where there is none. */
function parentOf(pid: number): number | undefined {
  try {
    return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));
  } catch {
    return undefined;
  }
}
