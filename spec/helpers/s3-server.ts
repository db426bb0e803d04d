import { spawn, spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { freePort } from './free-port';

// moto, a server that speaks S3's protocol and keeps its objects in memory: the Python package moto[server], of Python's
// own or in the folder $SHARP_MINIMA_MOTO.

const PYTHON = process.env.PYTHON ?? 'python3';
const environment = {
  ...process.env,
  ...(process.env.SHARP_MINIMA_MOTO && { PYTHONPATH: process.env.SHARP_MINIMA_MOTO }),
};

/** Why there is none here; null where there is. */
export function s3ServerMissing(): string | null {
  const found = spawnSync(PYTHON, ['-c', 'import moto.server'], { env: environment }).status === 0;
  return found ? null : 'the Python package moto[server] is not there';
}

/**
 * Starts a server on this machine.
 *
 * @param page how many names come in one answer.
 * @returns its endpoint, and what ends it.
 */
export async function startS3Server(page: number): Promise<{ endpoint: string; stop: () => void }> {
  const port = await freePort();
  const server = spawn(PYTHON, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { ...environment, MOTO_S3_DEFAULT_MAX_KEYS: String(page) },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const isUp = () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  while (!(await isUp())) {
    if (server.exitCode !== null) throw new Error(`moto ended with exit code ${server.exitCode}`);
    await setTimeout(100);
  }
  return { endpoint, stop: () => void server.kill('SIGKILL') };
}
