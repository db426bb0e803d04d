import { Command, InvalidArgumentError, Option } from 'commander';
import { ENGINE_CHOICES, type EngineChoice } from '../compute';

/** Options of every command. */
export interface CommonOptions {
  readonly debug?: boolean;
}

/** Options of commands that compute jobs: where, and where the results are kept. */
export interface RunOptions extends CommonOptions {
  readonly engine: EngineChoice;
  readonly workers?: number;
  readonly threads?: number;
  readonly queue?: string;
  readonly priority: number;
  readonly store?: string;
  readonly also?: string;
  readonly data?: string;
}

/** BullMQ's lowest priority. */
export const MAX_PRIORITY = 2_097_152;
/** More than any machine has a use for. */
export const MAX_WORKERS = 1024;
export const DEFAULT_STORE = 'results/store';

export function common(command: Command): Command {
  return command.option('--debug', 'show the stack of an error');
}

export function engineOption(): Option {
  return new Option('--engine <name>', 'what computes; auto is the best that works here')
    .choices(ENGINE_CHOICES)
    .default('auto');
}

/** Also taken from the environment: a command line, with whatever password is in it, is visible to every user. */
function queueOption(description: string): Option {
  return new Option('--queue <url>', description).env('SHARP_MINIMA_QUEUE');
}

/** Options of commands that compute jobs. */
export function runOptions(command: Command): Command {
  return common(command)
    .addOption(engineOption())
    .optionsGroup('Where it is computed, and where the results are kept:')
    .option('--workers <n>', 'processes side by side (default: as is fastest, measured once)', whole())
    .option('--threads <n>', 'threads of each process (default: all cores, shared out)', whole())
    .option(
      '--store <dir>',
      `where the results are: a folder, or s3://bucket/prefix (default: ${DEFAULT_STORE})`,
    )
    .option('--also <dir>', 'a second store, which is read and never written')
    .addOption(queueOption('have the jobs done by the workers that serve this Redis, not here'))
    .option('--priority <n>', 'of the jobs in the queue, from 1, which is taken first', whole(), 100)
    .option('--data <dir>', "the folder of CIFAR-100's train.bin and test.bin");
}

export function whole() {
  return (text: string) => {
    if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
      throw new InvalidArgumentError('It must be a whole number.');
    }
    return Number(text);
  };
}

export function real() {
  return (text: string) => {
    if (text.trim() === '' || !Number.isFinite(Number(text)))
      throw new InvalidArgumentError('It must be a number.');
    return Number(text);
  };
}

export function names() {
  return (text: string) => text.split(',').map((name) => name.trim());
}

export function numbers() {
  return (text: string) => text.split(',').map(real());
}
