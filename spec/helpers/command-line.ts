import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '../..');

/** How a run of reproduce.ts ended. */
export interface Outcome {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** reproduce.ts under way, as a user starts it. */
export interface RunningCommand {
  readonly process: ChildProcess;
  readonly ended: Promise<Outcome>;
  /** Resolves when stderr has held the text; rejects if the command ends before. */
  said(text: string): Promise<void>;
}

/**
 * Starts reproduce.ts.
 *
 * @param environment variables beside those of this process.
 */
export function startReproduce(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): RunningCommand {
  const program = [join(ROOT, 'node_modules/ts-node/dist/bin.js'), join(ROOT, 'reproduce.ts'), ...args];
  const child = spawn(process.execPath, program, {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (out[name] += text));
  }
  const ended = new Promise<Outcome>((resolve) => child.on('close', (code) => resolve({ code, ...out })));
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (out.stderr.includes(text)) resolve();
      };
      child.stderr.on('data', look);
      look();
      void ended.then(() => reject(new Error(`It ended without saying "${text}": ${out.stderr}`)));
    });
  return { process: child, ended, said };
}

/** Runs reproduce.ts to its end. */
export function reproduce(...args: readonly string[]): Promise<Outcome> {
  return startReproduce(args).ended;
}

/**
 * Runs several commands, one after the other, in one process: loading the program takes longer than refusing bad input.
 * For commands that end before anything is computed.
 */
export async function reproduceEach(commands: readonly (readonly string[])[]): Promise<Outcome[]> {
  const program = [
    join(ROOT, 'node_modules/ts-node/dist/bin.js'),
    join(__dirname, 'commands-program.ts'),
    JSON.stringify(commands),
  ];
  const child = spawn(process.execPath, program, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  await new Promise((resolve) => child.on('close', resolve));
  return JSON.parse(text) as Outcome[];
}
