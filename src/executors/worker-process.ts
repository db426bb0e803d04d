import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Rates } from '../compute/rates';
import type { EngineInfo } from '../engine/engine';
import { threadVariables } from '../engine/tensorflow/prepare-process';
import type { Job } from '../jobs/job';
import { Interrupted, UserError } from '../support/errors';
import { JobFailed, WorkerDied, type Executor } from './executor';
import type { JobProgress } from './run-job';
import type { FromWorker, ToWorker, WorkerSetting } from './worker-messages';

/** A process of its own that does one job after the other on an engine that it loads once. */
export interface WorkerProcess {
  /** What it computes on. */
  readonly info: EngineInfo;
  /**
   * Has a job done. No other may be under way.
   *
   * @throws JobFailed; Interrupted where the signal is aborted; WorkerDied.
   */
  run(job: Job, progress: JobProgress): Promise<void>;
  /**
   * How fast it trains at a batch size and evaluates, with whatever else the machine does.
   *
   * @throws JobFailed; WorkerDied.
   */
  measureRates(batchSize: number): Promise<Rates>;
  /** Ends the process, once it has heard of it. */
  end(): Promise<void>;
  /** Ends the process at once. */
  kill(): void;
}

/** How many characters of what a process writes are kept, to tell why it ended. */
const LOG_LENGTH = 2000;

/**
 * Starts a worker process.
 *
 * @param threads that its engine uses; all cores where not given.
 * @param say receives lines for the user.
 * @returns once it is ready.
 * @throws UserError if the engine or the store cannot be used; WorkerDied.
 */
export async function startWorker(
  setting: WorkerSetting,
  threads: number | undefined,
  say: (line: string) => void,
): Promise<WorkerProcess> {
  const child = fork(join(__dirname, 'worker-program.ts'), [JSON.stringify(setting)], {
    execArgv: ['--require', 'ts-node/register/transpile-only'],
    env: { ...process.env, ...threadVariables(threads) },
    // Libraries' own logs are kept for the case that nothing else tells why it ended.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let request:
    | { resolve: (message: FromWorker) => void; reject: (error: Error) => void; progress: JobProgress }
    | undefined;
  let log = '';
  let died: WorkerDied | undefined;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-LOG_LENGTH);
  });
  child.on('message', (message: FromWorker) => {
    const progress = request?.progress;
    if (message.kind === 'say') say(message.line);
    else if (message.kind === 'images') progress?.onImages?.(message.images, message.of);
    else if (message.kind === 'note') progress?.onNote?.(message.text);
    else if (message.kind === 'milestone') progress?.onMilestone?.(message.text);
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
  const answer = (message?: ToWorker, progress: JobProgress = {}) =>
    new Promise<FromWorker>((resolve, reject) => {
      if (died) return reject(died);
      request = { resolve, reject, progress };
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
      first.kind === 'unready' ? first.message : `It sent ${first.kind} before it was ready.`,
    );
  }
  return {
    info: first.info,
    async run(job, progress) {
      const interrupt = () => send({ kind: 'interrupt' });
      progress.signal?.throwIfAborted();
      progress.signal?.addEventListener('abort', interrupt);
      try {
        const message = await answer({ kind: 'run', job }, progress);
        if (message.kind === 'interrupted') throw new Interrupted('interrupted');
        if (message.kind === 'failed') throw new JobFailed(message.message);
      } finally {
        progress.signal?.removeEventListener('abort', interrupt);
      }
    },
    async measureRates(batchSize) {
      const message = await answer({ kind: 'rates', batchSize });
      if (message.kind === 'failed') throw new JobFailed(message.message);
      if (message.kind !== 'rates') throw new Error(`It sent ${message.kind} instead of its rates.`);
      return message.rates;
    },
    end,
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Does jobs in worker processes of this machine, each one job at a time. Processes start as they are needed. */
export function inWorkerProcesses(workers: number, start: () => Promise<WorkerProcess>): Executor {
  const idle: WorkerProcess[] = [];
  return {
    slots: workers,
    async run(job, progress) {
      progress.signal?.throwIfAborted();
      const worker = idle.pop() ?? (await start());
      let isAlive = true;
      try {
        await worker.run(job, progress);
      } catch (error) {
        isAlive = !(error instanceof WorkerDied);
        throw error;
      } finally {
        if (isAlive) idle.push(worker);
      }
    },
    async close() {
      await Promise.all(idle.splice(0).map((worker) => worker.end()));
    },
  };
}
