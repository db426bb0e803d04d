import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { folderStore } from '../../src/executors/folder-store';
import { isHolder, leaseTaker, type Holder, type Lease } from '../../src/executors/lease';
import type { ResultStore } from '../../src/executors/store';
import { freshFolder, freshStore, storedJson } from '../helpers/kernel';

const PREFIX = 'leases/a/';
/** No process has it. */
const DEAD_PID = 2 ** 30;

const holder = (changes: Partial<Holder> = {}): Holder => ({
  pid: DEAD_PID,
  host: hostname(),
  started: null,
  since: '2020-01-02T03:04:05.000Z',
  beat: 'first',
  ...changes,
});
const write = (store: ResultStore, value: unknown, key = `${PREFIX}0`) =>
  store.write(key, Buffer.from(JSON.stringify(value)));
const beatIn = async (store: ResultStore) => {
  const [key] = await store.list(PREFIX);
  return (await storedJson<Holder>(store, key))!.beat;
};
function lease(taken: Lease | Holder): Lease {
  if (isHolder(taken)) throw new Error(`process ${taken.pid} has it`);
  return taken;
}

describe('a lease', () => {
  test('that is held is not given to another, who hears whose it is', async () => {
    const store = freshStore();
    const held = lease(await leaseTaker(store).take(PREFIX));
    const other = await leaseTaker(store).take(PREFIX);
    expect(other).toMatchObject({ pid: process.pid, host: hostname() });
    lease(await leaseTaker(store).take('leases/b/'));
    await held.release(true);
  });

  test('is free at once when it is released, and leaves nothing behind where its work is done', async () => {
    const store = freshStore();
    await lease(await leaseTaker(store).take(PREFIX)).release(false);
    expect(await store.list(PREFIX)).toHaveLength(1);
    await lease(await leaseTaker(store).take(PREFIX)).release(true);
    expect(await store.list(PREFIX)).toEqual([]);
  });

  test('of a process that lives is returned with its pid, and free once that was killed', async () => {
    const store = freshStore();
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(other, 'spawn');
    await write(store, holder({ pid: other.pid }));
    const leases = leaseTaker(store);
    expect(await leases.take(PREFIX)).toMatchObject({ pid: other.pid });
    other.kill('SIGKILL');
    await once(other, 'exit');
    await lease(await leases.take(PREFIX)).release(true);
  });

  test('of a dead process is free though a later one has its pid', async () => {
    if (!existsSync('/proc/self/stat')) return;
    const store = freshStore();
    await write(store, holder({ pid: process.pid, started: '1' }));
    await lease(await leaseTaker(store).take(PREFIX)).release(true);
  });

  test('whose note is damaged is taken over, and older notes are removed', async () => {
    const store = freshStore();
    await write(store, holder({ pid: process.pid }), `${PREFIX}3`);
    await store.write(`${PREFIX}4`, Buffer.from('{"pid":'));
    lease(await leaseTaker(store).take(PREFIX));
    expect(await store.list(PREFIX)).toEqual([`${PREFIX}5`]);
  });

  test('on another host is free only after silence, by a clock that does not jump', async () => {
    const store = freshStore();
    const elsewhere = holder({ host: 'elsewhere' });
    await write(store, elsewhere);
    const leases = leaseTaker(store, { silence: 1000 });
    let time = 5000;
    const clocks = [
      jest.spyOn(performance, 'now').mockImplementation(() => time),
      jest.spyOn(Date, 'now').mockImplementation(() => time * time),
    ];
    try {
      expect(await leases.take(PREFIX)).toMatchObject({ host: 'elsewhere' });
      time += 999;
      expect(await leases.take(PREFIX)).toMatchObject({ host: 'elsewhere' });
      // Every sign of life begins the silence anew.
      await write(store, { ...elsewhere, beat: 'second' });
      time += 999;
      expect(await leases.take(PREFIX)).toMatchObject({ beat: 'second' });
      time += 999;
      expect(await leases.take(PREFIX)).toMatchObject({ beat: 'second' });
      time++;
      await lease(await leases.take(PREFIX)).release(true);
    } finally {
      for (const clock of clocks) clock.mockRestore();
    }
    // One that was released there is free at once.
    await write(store, { ...elsewhere, beat: null });
    await lease(await leases.take(PREFIX)).release(true);
  });

  test('shows that its holder lives for as long as it is held', async () => {
    const store = freshStore();
    const held = lease(await leaseTaker(store, { beatInterval: 10 }).take(PREFIX));
    const beats = new Set<string | null>();
    while (beats.size < 3) {
      beats.add(await beatIn(store));
      await setTimeout(5);
    }
    expect(beats).not.toContain(null);
    await held.release(false);
    await setTimeout(30);
    expect(await beatIn(store)).toBeNull();
  });

  test('is not taken again by a sign of life that was on its way when it was released', async () => {
    const store = freshStore();
    let onItsWay = 0;
    const slow: ResultStore = {
      ...store,
      async write(key, content) {
        onItsWay++;
        await setTimeout(50);
        await store.write(key, content);
      },
    };
    const held = lease(await leaseTaker(slow, { beatInterval: 20 }).take(PREFIX));
    while (onItsWay === 0) await setTimeout(1);
    await held.release(true);
    await setTimeout(80);
    expect(await store.list(PREFIX)).toEqual([]);
  });
});

/** A store in memory whose every answer waits for its turn. */
function scheduledStore(scheduler: fc.Scheduler, content: Map<string, Uint8Array>): ResultStore {
  const turn = <T>(action: () => T) => scheduler.schedule(Promise.resolve()).then(action);
  return {
    name: 'memory',
    read: (key) => turn(() => content.get(key)),
    write: (key, bytes) => turn(() => void content.set(key, bytes)),
    create: (key, bytes) => turn(() => !content.has(key) && Boolean(content.set(key, bytes))),
    list: (prefix) => turn(() => [...content.keys()].filter((key) => key.startsWith(prefix)).sort()),
    remove: (key) => turn(() => void content.delete(key)),
  };
}

describe('of several that want one lease', () => {
  const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
  const before: Record<string, [number, unknown][]> = {
    'nobody had': [],
    'a dead process had': [[3, holder()]],
    'dead processes left notes of': [
      [1, holder()],
      [2, holder({ pid: process.pid })],
      [4, holder()],
    ],
    'was released': [[0, holder({ pid: process.pid, beat: null })]],
  };

  test.each(Object.keys(before))(
    'that %s one gets it, in whatever order the store answers',
    async (state) => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (scheduler, count) => {
          const content = new Map(
            before[state].map(([number, value]) => [`${PREFIX}${number}`, bytes(value)]),
          );
          const store = scheduledStore(scheduler, content);
          const takers = Array.from({ length: count }, () => leaseTaker(store).take(PREFIX));
          const taken = await scheduler.waitFor(Promise.all(takers));
          const leases = taken.filter((one): one is Lease => !isHolder(one));
          expect(leases).toHaveLength(1);
          expect(content.size).toBe(1);
          await scheduler.waitFor(leases[0].release(true));
          expect(content.size).toBe(0);
        }),
        { numRuns: 100 },
      );
    },
  );
});

test('a lease has one holder at a time, however often and in whatever order it is taken and released', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 2, max: 4 }), async (scheduler, count) => {
      const store = scheduledStore(scheduler, new Map());
      const holders = { now: 0, most: 0, all: 0 };
      const worker = async () => {
        const leases = leaseTaker(store);
        for (let round = 0; round < 3; round++) {
          const taken = await leases.take(PREFIX);
          if (isHolder(taken)) continue;
          holders.all++;
          holders.most = Math.max(holders.most, ++holders.now);
          await scheduler.schedule(Promise.resolve());
          holders.now--;
          await taken.release(false);
        }
      };
      await scheduler.waitFor(Promise.all(Array.from({ length: count }, worker)));
      expect(holders).toMatchObject({ now: 0, most: 1 });
      expect(holders.all).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});

describe('of several processes that want the lease of a dead one', () => {
  const PROCESSES = 4;
  const ROUNDS = 150;
  const folder = freshFolder();
  const children: ChildProcess[] = [];
  afterAll(() => children.forEach((child) => child.kill('SIGKILL')));

  test('exactly one gets it each time, and the others hear of that one', async () => {
    for (let i = 0; i < PROCESSES; i++) {
      children.push(
        fork(join(__dirname, '../helpers/lease-program.ts'), [folder], {
          execArgv: ['--require', 'ts-node/register/transpile-only'],
        }),
      );
    }
    await Promise.all(children.map((child) => once(child, 'message')));
    const store = folderStore(folder);
    const winners = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      const prefix = `leases/${round}/`;
      await write(store, holder(), `${prefix}0`);
      const answers = children.map((child) => once(child, 'message'));
      for (const child of children) child.send(prefix);
      const pids = (await Promise.all(answers)).map(([pid]) => pid as number);
      expect(new Set(pids).size).toBe(1);
      // It is one of them, which says so of itself.
      expect(children.map(({ pid }) => pid)).toContain(pids[0]);
      winners.add(pids[0]);
    }
    // It was a race.
    expect(winners.size).toBeGreaterThan(1);
  });
});
