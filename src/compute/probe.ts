import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { EngineInfo, EngineName } from '../engine/engine';
import type { Rates } from './rates';

/** What came of trying an engine: what it is, or in one line why it cannot be used here. */
export type Probe =
  | { readonly info: EngineInfo; readonly rates?: Rates }
  | { readonly name: EngineName; readonly missing: string };

/** What the process that tries an engine is told, as its argument. */
export interface ProbeTask {
  readonly name: EngineName;
  readonly cache: string;
  /** Also measures how fast it is. */
  readonly measure: boolean;
}

/** What it says. */
export type ProbeMessage = { readonly say: string } | Probe;

/**
 * Tries an engine in a process of its own, which a library that crashes takes down in this one's place: opens it
 * and trains a little (see {@link tryTraining}).
 *
 * @param report receives progress lines of a set-up.
 * @param program what the process runs.
 */
export function probeEngine(
  task: ProbeTask,
  report: (line: string) => void = () => {},
  program = join(__dirname, 'probe-program.ts'),
): Promise<Probe> {
  return new Promise((resolve) => {
    const child = fork(program, [JSON.stringify(task)], {
      execArgv: ['--require', 'ts-node/register/transpile-only'],
      // Libraries' own logs are kept for the case that nothing else tells why it ended.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let probe: Probe | undefined;
    let log = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => void (log += text));
    child.on('message', (message: ProbeMessage) => {
      if ('say' in message) report(message.say);
      else probe = message;
    });
    child.on('error', ({ message }) => resolve({ name: task.name, missing: message }));
    child.on('close', (code, signal) => {
      const cause = log.trim().split('\n').at(-1);
      const ending = signal ? `by ${signal}` : `with exit code ${code}`;
      resolve(
        probe ?? { name: task.name, missing: `its process ended ${ending}${cause ? ` (${cause})` : ''}` },
      );
    });
  });
}
