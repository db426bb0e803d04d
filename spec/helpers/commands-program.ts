import { main } from '../../src/cli/main';

// A program that runs several command lines in one process, and prints how each ended.

interface Output {
  stdout: string;
  stderr: string;
}

async function outcomeOf(args: readonly string[]) {
  const output: Output = { stdout: '', stderr: '' };
  const original = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = ((text: string) => {
      output[name] += text;
      return true;
    }) as typeof process.stdout.write;
  }
  process.exitCode = undefined;
  await main([process.argv[0], 'reproduce.ts', ...args]);
  process.stdout.write = original.stdout;
  process.stderr.write = original.stderr;
  return { code: Number(process.exitCode ?? 0), ...output };
}

// Each command adds its own listeners, and none of them is ever removed.
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0);

async function run(commands: readonly (readonly string[])[]): Promise<void> {
  const outcomes: unknown[] = [];
  for (const args of commands) outcomes.push(await outcomeOf(args));
  process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
}

void run(JSON.parse(process.argv[2]) as string[][]);
