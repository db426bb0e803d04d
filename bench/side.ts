import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What a side is asked to measure. Of several steps the first does not count. */
export type Task =
  | { readonly task: 'train'; readonly batch: number; readonly width: number; readonly steps: number }
  | { readonly task: 'eval' | 'eval-folded' | 'gather'; readonly batch: number; readonly steps: number }
  | { readonly task: 'sgemm'; readonly steps: number }
  | { readonly task: 'direction'; readonly images: number; readonly alphas: number };

/** What it answers. */
export interface Answer {
  /** Of each step that counts, or of the direction. */
  readonly seconds: readonly number[];
  /** Seconds of CPU time a second. */
  readonly cores: number;
  /** The most main memory that the process has held so far. */
  readonly peakMiB: number;
}

/** What a side says of itself when it is ready. */
export interface Introduction {
  readonly version: string;
  /** Trainings that go on side by side, so that a step takes so many batches; 1 where it says nothing. */
  readonly workers?: number;
}

/** An answer did not come in time. */
export class TooLong extends Error {
  override name = 'TooLong';
}

/** A process that measures. */
export interface Side extends Introduction {
  /**
   * @param limit seconds after which the side is ended and its answer given up.
   * @throws TooLong then, and another Error whose message is the reason where no answer comes.
   */
  ask(task: Task, limit?: number): Promise<Answer>;
  /** Resolves when its process is gone. */
  end(): Promise<void>;
}

/** What a process writes, a line each: answers, what it has to say meanwhile, and why there is no answer. */
export type Message = Answer | Introduction | { readonly say: string } | { readonly error: string };

/**
 * Starts a process that answers tasks, a line of JSON each, by lines of JSON: one of its own, so that its peak of
 * memory is its own and a crash is a reason rather than the end.
 *
 * @param say hears what the process has to say before it is ready.
 * @throws Error whose message is the reason, where it does not become ready.
 */
export async function startSide(
  [program, ...args]: readonly string[],
  say: (line: string) => void,
): Promise<Side> {
  const child = spawn(program, args, { stdio: 'pipe' });
  // What is written to a process that has ended is of no interest; that it has ended shows in its answer.
  child.stdin.on('error', () => {});
  // Libraries log there; only their last words before an end are worth a look.
  let lastWords = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (lastWords = text.trim().split('\n').at(-1) || lastWords));
  const ending = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => resolve(message));
    child.once('close', (code, signal) => {
      const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
      resolve(`its process ${how}${lastWords ? ` (${lastWords})` : ''}`);
    });
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();

  /** The next answer; a library's own lines are none. */
  const next = async <T>(): Promise<T> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(await ending);
      if (!value.startsWith('{')) continue;
      const message = JSON.parse(value) as Message;
      if ('error' in message) throw new Error(message.error.split('\n')[0]);
      if (!('say' in message)) return message as T;
      say(message.say);
    }
  };

  try {
    const introduction = await next<Introduction>();
    return {
      ...introduction,
      async ask(task, limit) {
        child.stdin.write(`${JSON.stringify(task)}\n`);
        let late = false;
        const timer = limit && setTimeout(() => (late = child.kill('SIGKILL')), 1000 * limit);
        try {
          return await next<Answer>();
        } catch (error) {
          throw late ? new TooLong(`takes over ${limit} seconds`) : error;
        } finally {
          clearTimeout(timer);
        }
      },
      async end() {
        child.kill();
        await ending;
      },
    };
  } catch (error) {
    child.kill();
    throw error;
  }
}
