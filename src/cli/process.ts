import { Interrupted, messageOf, UserError } from '../support/errors';
import type { Progress } from '../support/progress';

export const EXIT_CODES = { PASS: 0, FAIL: 1, INCONCLUSIVE: 3 } as const;
const EXIT_ERROR = 2;
/** As a shell has it: 128 plus the signal's number. */
const EXIT_SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Aborted by the first Ctrl-C or SIGTERM; the second one ends the process at once, as the system does it. */
export function untilInterrupted(say: (line: string) => void): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      process.exitCode = EXIT_SIGNALS[name];
      say('\nInterrupted: storing what was done (once more ends at once).');
      controller.abort(new Interrupted('interrupted'));
    });
  }
  return controller.signal;
}

/** Runs the program: one line for an error of the user's or of the machine's, the stack only where it was asked for. */
export async function runProgram(progress: Progress, program: () => Promise<void>): Promise<void> {
  // A reader that has gone, as behind `| head`, is no error.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  process.on('uncaughtException', (error) => process.exit(explain(error, progress.say)));
  try {
    await program();
  } catch (error) {
    progress.close();
    process.exitCode = explain(error, progress.say);
  }
}

function explain(error: unknown, say: (line: string) => void): number {
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')) {
    // Commander has printed its own line.
    return error.code === 'commander.helpDisplayed' || error.code === 'commander.help' ? 0 : EXIT_ERROR;
  }
  if (error instanceof Interrupted) {
    const without = process.argv.includes('--overwrite') ? ', without --overwrite,' : '';
    say(`The same command${without} resumes from there.`);
    return Number(process.exitCode);
  }
  if (process.argv.includes('--debug'))
    say(error instanceof Error ? (error.stack ?? String(error)) : String(error));
  else if (error instanceof UserError) say(`error: ${error.message.replaceAll('\n', ' ')}`);
  else say(`error: ${messageOf(error).split('\n')[0]} (--debug shows where)`);
  return EXIT_ERROR;
}
