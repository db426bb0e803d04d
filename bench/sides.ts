import { execFileSync, type ExecFileSyncOptions } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../src/support/cache-folder';
import type { EngineName } from '../src/engine/engine';
import { heldTo } from './cpus';
import { startSide, type Side } from './side';

const say = (line: string) => void process.stderr.write(`${line}\n`);

/** An engine of this project, or what it is measured beside. */
export type SideName = EngineName | 'pytorch';

/**
 * Starts a side on so many threads.
 *
 * @throws Error whose message is the reason, where it cannot be had here.
 */
export async function openSide(name: SideName, threads = availableParallelism()): Promise<Side> {
  const side = name === 'pytorch' ? [...pytorch(), '--threads', String(threads)] : engineProgram(name);
  return startSide([...heldTo(threads), ...side], say);
}

/** This project's side: the benchmark itself, told to serve. */
function engineProgram(name: EngineName): string[] {
  return [process.execPath, ...process.execArgv, join(__dirname, 'run.ts'), 'serve', name];
}

/** PyTorch's side, in a virtual environment of its own in the cache folder, made at the first use. */
function pytorch(): string[] {
  const environment = join(cacheFolder(), 'bench-venv');
  const python = join(environment, 'bin', 'python');
  const ready = join(environment, 'ready');
  if (!existsSync(ready)) {
    say('Fetching PyTorch into a virtual environment, once …');
    const toStderr: ExecFileSyncOptions = { stdio: ['ignore', 2, 2] };
    execFileSync('python3', ['-m', 'venv', environment], toStderr);
    const requirements = join(__dirname, 'requirements.txt');
    execFileSync(python, ['-m', 'pip', 'install', '--requirement', requirements], toStderr);
    writeFileSync(ready, '');
  }
  return [python, join(__dirname, 'pytorch_peer.py')];
}
