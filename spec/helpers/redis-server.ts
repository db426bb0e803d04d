import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port';

/** Why there is no Redis here; null where there is. */
export function redisMissing(): string | null {
  return spawnSync('redis-server', ['--version']).status === 0 ? null : 'redis-server is not there';
}

/** A Redis on a port of this machine, with a password, that keeps what it is told in a file. */
export interface RedisServer {
  readonly url: string;
  /** Kills it, and starts it anew with what it has kept. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const PASSWORD = 'a secret';

/** Starts a Redis that keeps its file in a folder. */
export async function startRedis(folder: string): Promise<RedisServer> {
  const port = await freePort();
  const url = `redis://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`;
  const start = async () => {
    const server = spawn(
      'redis-server',
      [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--requirepass', PASSWORD],
        ...['--appendonly', 'yes', '--save', ''],
      ],
      { stdio: 'ignore' },
    );
    while (!(await answers(url))) {
      if (server.exitCode !== null) throw new Error(`redis-server ended with exit code ${server.exitCode}`);
      await setTimeout(50);
    }
    return server;
  };
  const end = (server: ChildProcess) =>
    new Promise<void>((resolve) => {
      if (server.signalCode !== null) return resolve();
      server.on('close', () => resolve());
      server.kill('SIGKILL');
    });
  let server = await start();
  return {
    url,
    async restart() {
      await end(server);
      server = await start();
    },
    stop: () => end(server),
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
