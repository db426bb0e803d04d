import { spawn } from 'node:child_process';

/** How a program ended: its exit code, null if it could not be started or was killed, and what it wrote. */
export interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/**
 * Runs a program without a shell and waits for its end; never rejects.
 *
 * @param show lets the program's standard output through to our standard error, where its progress bar is seen.
 */
export function runProgram(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  show = false,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: environment, stdio: ['ignore', show ? 2 : 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer) => (output += chunk.toString());
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error) => resolve({ code: null, output: error.message }));
    child.on('close', (code) => resolve({ code, output }));
  });
}
