import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { parse } from 'yaml';
import { startReproduce } from './helpers/command-line';
import { freePort } from './helpers/free-port';
import { redisMissing } from './helpers/redis-server';

const ROOT = join(__dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(folder, { recursive: true }));

/** A Redis that is not there. */
const NOWHERE = 'redis://:secret@127.0.0.1:1';

/** What reproduce.ts says to arguments, where its queue is in the environment alone and not there. */
async function withoutItsQueue(args: readonly string[]) {
  return startReproduce(args, { SHARP_MINIMA_QUEUE: NOWHERE }).ended;
}

test("a queue's URL is taken from the environment, out of sight of the machine's other users", async () => {
  const plan = join(ROOT, 'sweeps', 'batch-size.yaml');
  const store = ['--store', join(folder, 'store')];
  for (const args of [
    ['worker', ...store],
    ['sweep', plan, ...store],
  ]) {
    const { code, stderr } = await withoutItsQueue(args);
    expect(stderr).toContain('Redis at 127.0.0.1:1 cannot be used');
    expect(stderr).not.toContain('secret');
    expect(code).toBe(2);
  }
  const told = await withoutItsQueue(['worker', ...store, '--queue', 'redis://127.0.0.1:2']);
  expect(told.stderr).toContain('Redis at 127.0.0.1:2 cannot be used');
});

describe('deploy/compose.yaml', () => {
  const text = readFileSync(join(ROOT, 'deploy', 'compose.yaml'), 'utf8');

  /** As compose fills variables in: one that is demanded and missing is an error. */
  function filledIn(variables: Readonly<Record<string, string>>): string {
    const uncommented = text.replaceAll(/^\s*#.*$/gm, '');
    return uncommented.replaceAll(
      /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
      (_, name: string, kind?: string, rest?: string) => {
        if (variables[name]) return variables[name];
        if (kind === '-') return rest!;
        throw new Error(`${name}: ${rest}`);
      },
    );
  }
  interface Service {
    readonly command: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly ports?: readonly string[];
    readonly healthcheck?: { readonly test: readonly string[] };
  }
  interface Compose {
    readonly services: Readonly<Record<'redis' | 'worker', Service>>;
    readonly configs: { readonly redis: { readonly content: string } };
  }
  const password = '0123456789abcdef';
  const composed = parse(filledIn({ SHARP_MINIMA_PASSWORD: password })) as Compose;

  test('demands a password, and shows it on no command line', () => {
    expect(() => filledIn({})).toThrow(/^SHARP_MINIMA_PASSWORD: write it into deploy\/\.env/);
    for (const { command, healthcheck } of Object.values(composed.services)) {
      expect([...command, ...(healthcheck?.test ?? [])].join(' ')).not.toContain(password);
    }
  });

  test('opens its Redis to this machine alone, unless it is told an address', () => {
    expect(composed.services.redis.ports).toEqual(['127.0.0.1:6379:6379']);
    expect(composed.services.worker.ports).toBeUndefined();
    const told = parse(
      filledIn({ SHARP_MINIMA_PASSWORD: password, SHARP_MINIMA_ADDRESS: '10.0.0.1' }),
    ) as Compose;
    expect(told.services.redis.ports).toEqual(['10.0.0.1:6379:6379']);
  });

  test('has workers that reproduce.ts takes, and that look for the Redis beside them', async () => {
    const { command, environment } = composed.services.worker;
    expect(command.slice(0, 3)).toEqual(['node', 'node_modules/.bin/ts-node', 'reproduce.ts']);
    expect(existsSync(join(ROOT, command[1]))).toBe(true);
    const { stderr } = await withoutItsQueue(command.slice(3));
    expect(stderr).toContain('Redis at 127.0.0.1:1 cannot be used');
    const { hostname, password: given } = new URL(environment.SHARP_MINIMA_QUEUE);
    expect(Object.keys(composed.services)).toContain(hostname);
    expect(given).toBe(password);
  });

  const missing = redisMissing();
  (missing ? test.skip : test)(
    'has a Redis that keeps what it is told, forgets nothing, and demands its password',
    async () => {
      const file = join(folder, 'redis.conf');
      // This machine has no /data.
      writeFileSync(file, composed.configs.redis.content.replace('dir /data', `dir "${folder}"`));
      const port = await freePort();
      const server = spawn('redis-server', [file, '--port', String(port), '--bind', '127.0.0.1']);
      try {
        // It may take a moment to be there.
        const connect = { port, host: '127.0.0.1', retryStrategy: () => 50 };
        const stranger = new Redis({ ...connect, enableReadyCheck: false });
        stranger.on('error', () => {});
        await expect(stranger.ping()).rejects.toThrow(/^NOAUTH/);
        stranger.disconnect();
        const client = new Redis({ ...connect, password });
        const setting = async (name: string) => (await client.config('GET', name)) as string[];
        expect(await setting('appendonly')).toEqual(['appendonly', 'yes']);
        expect(await setting('maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
        client.disconnect();
      } finally {
        server.kill('SIGKILL');
      }
    },
  );
});

(process.platform === 'win32' ? describe.skip : describe)('deploy/slurm-array.sh', () => {
  const script = join(ROOT, 'deploy', 'slurm-array.sh');
  const bin = mkdtempSync(join(folder, 'bin '));
  const command = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/usr/bin/env bash\n${text}`);
    chmodSync(join(bin, name), 0o755);
  };
  // A worker that writes down what it was started with, drains where it is asked to, which takes a while, and ends by itself
  // where FAILS says so.
  command(
    'node',
    `trap 'sleep .3; echo drained >>"$SEEN"; exit 143' TERM
for word; do echo "argument $word" >>"$SEEN"; done
echo begun >>"$SEEN"
[[ -z \${FAILS:-} ]] || exit "$FAILS"
while :; do sleep .05; done
`,
  );
  command('scontrol', 'echo "scontrol $*" >>"$SEEN"\n');

  /** Runs the script as Slurm does, and sends it a signal once its worker is there. */
  async function run(signal: NodeJS.Signals | undefined, environment: Readonly<Record<string, string>> = {}) {
    const seen = join(mkdtempSync(join(folder, 'seen ')), 'seen');
    writeFileSync(seen, '');
    const child = spawn('bash', [script, '--store', 's3://a bucket/sweeps'], {
      cwd: ROOT,
      stdio: 'ignore',
      env: {
        ...process.env,
        PATH: `${bin}:${process.env.PATH}`,
        SEEN: seen,
        SHARP_MINIMA_QUEUE: NOWHERE,
        SLURM_JOB_ID: '70',
        SLURM_ARRAY_JOB_ID: '70',
        SLURM_ARRAY_TASK_ID: '3',
        ...environment,
      },
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const lines = () => readFileSync(seen, 'utf8').trimEnd().split('\n');
    if (signal) {
      while (!lines().includes('begun')) await setTimeout(20);
      child.kill(signal);
    }
    const code = await ended;
    return { code, lines: lines() };
  }

  const WORDS = 'node_modules/.bin/ts-node reproduce.ts worker --workers 1 --store'.split(' ');
  const BEGUN = [...WORDS, 's3://a bucket/sweeps'].map((word) => `argument ${word}`).concat('begun');

  test('starts a worker that reproduce.ts takes, and no password is on its command line', async () => {
    const { code, lines } = await run(undefined, { FAILS: '2' });
    expect({ code, lines }).toEqual({ code: 2, lines: BEGUN });
    const { stderr } = await withoutItsQueue([...WORDS.slice(2), join(folder, 'store')]);
    expect(stderr).toContain('Redis at 127.0.0.1:1 cannot be used');
  });

  test('drains its worker ahead of the time limit, and has the one task of its array come again', async () => {
    const [, signal] = /^#SBATCH --signal=B:(\w+)@\d+$/m.exec(readFileSync(script, 'utf8'))!;
    const { code, lines } = await run(`SIG${signal}` as NodeJS.Signals);
    expect({ code, lines }).toEqual({ code: 0, lines: [...BEGUN, 'drained', 'scontrol requeue 70_3'] });
  });

  test('drains its worker where it is cancelled, and does not come again', async () => {
    expect(await run('SIGTERM')).toEqual({ code: 143, lines: [...BEGUN, 'drained'] });
  });

  test('starts nothing without a queue', async () => {
    const { code, lines } = await run(undefined, { SHARP_MINIMA_QUEUE: '' });
    expect(code).not.toBe(0);
    expect(lines).toEqual(['']);
    expect(spawnSync('bash', ['-n', script]).status).toBe(0);
  });
});
