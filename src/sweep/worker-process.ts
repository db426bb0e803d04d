import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Rates } from '../compute/rates';
import type { EngineInfo } from '../engine/engine';
import { Interrupted, UserError } from '../support/errors';
import type { FromWorker, ToWorker, WorkerSetting } from './worker-messages';

/** A worker process that ended by itself, or was ended, before what it was asked for was done. */
export class WorkerDied extends Error {
  override name = 'WorkerDied';
}

/** A job that a worker could not do, for a reason that would be there the next time too. */
export class JobFailed extends Error {
  override name = 'JobFailed';
}

/** Hears how a job goes. */
export interface JobListener {
  /** @param note what is being done. */
  onImages?(images: number, note: string): void;
}

/** A process of its own that does one job after the other on an engine that it loads once. */
export interface WorkerProcess {
  /** What it computes on. */
  readonly info: EngineInfo;
  /**
   * Has a job done. There must be no other under way.
   *
   * @param job a job's value, which the worker checks.
   * @throws JobFailed; Interrupted after {@link interrupt}; WorkerDied.
   */
  run(job: unknown, listener?: JobListener): Promise<void>;
  /**
   * How fast it trains and evaluates, with whatever else the machine does.
   *
   * @throws JobFailed; WorkerDied.
   */
  measureRates(): Promise<Rates>;
  /** Has it store what was done of the job under way, and end that. */
  interrupt(): void;
  /** Ends the process, when it has heard of it. */
  end(): Promise<void>;
  /** Ends the process at once. */
  kill(): void;
}

interface Request {
  readonly resolve: (message: FromWorker) => void;
  readonly reject: (error: Error) => void;
  readonly listener?: JobListener;
}

/** How much of what a process writes is kept, to tell why it ended. */
const LOG_LENGTH = 2000;

/**
 * Starts a worker process.
 *
 * @param say receives lines that are worth being seen.
 * @returns once it is ready.
 * @throws UserError if the engine or the store cannot be had; WorkerDied.
 */
export async function startWorker(
  setting: WorkerSetting,
  say: (line: string) => void,
): Promise<WorkerProcess> {
  const child = fork(join(__dirname, 'worker-program.ts'), [JSON.stringify(setting)], {
    execArgv: ['--require', 'ts-node/register/transpile-only'],
    // Libraries' own logs are kept for the case that nothing else tells why it ended.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let request: Request | undefined;
  let log = '';
  let died: WorkerDied | undefined;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-LOG_LENGTH);
  });
  child.on('message', (message: FromWorker) => {
    if (message.kind === 'say') say(message.line);
    else if (message.kind === 'progress') request?.listener?.onImages?.(message.images, message.note);
    else request?.resolve(message);
  });
  const ended = new Promise<void>((resolve) => {
    const die = (how: string) => {
      died ??= new WorkerDied(`its process ended ${how}`);
      request?.reject(died);
      resolve();
    };
    child.on('error', ({ message }) => die(`(${message})`));
    child.on('close', (code, signal) => {
      const cause = log.trim().split('\n').at(-1);
      die(signal ? `by ${signal}` : `with exit code ${code}${cause ? ` (${cause})` : ''}`);
    });
  });

  const send = (message: ToWorker) => void (child.connected && child.send(message, () => {}));
  const answer = (message?: ToWorker, listener?: JobListener) =>
    new Promise<FromWorker>((resolve, reject) => {
      if (died) return reject(died);
      request = { resolve, reject, listener };
      if (message) send(message);
    }).finally(() => (request = undefined));
  const end = () => {
    send({ kind: 'end' });
    return ended;
  };

  const first = await answer();
  if (first.kind !== 'ready') {
    await end();
    throw new UserError(
      first.kind === 'unready' ? first.message : `It said ${first.kind} before it was ready.`,
    );
  }
  return {
    info: first.info,
    async run(job, listener) {
      const message = await answer({ kind: 'run', job }, listener);
      if (message.kind === 'interrupted') throw new Interrupted('interrupted');
      if (message.kind === 'failed') throw new JobFailed(message.message);
    },
    async measureRates() {
      const message = await answer({ kind: 'rates' });
      if (message.kind === 'failed') throw new JobFailed(message.message);
      if (message.kind !== 'rates') throw new Error(`It said ${message.kind} instead of its rates.`);
      return message.rates;
    },
    interrupt: () => send({ kind: 'interrupt' }),
    end,
    kill: () => void child.kill('SIGKILL'),
  };
}
