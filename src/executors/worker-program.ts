import { inThisThread } from '../compute/compute';
import { measureRates } from '../compute/rates';
import { openEngine } from '../engine';
import { jobSchema } from '../jobs/job';
import { Interrupted, messageOf, UserError } from '../support/errors';
import { jobContext } from './context';
import { runJob, type JobContext, type JobProgress } from './run-job';
import type { FromWorker, ToWorker, WorkerSetting } from './worker-messages';

// The program of a worker process: makes an engine ready, and does jobs on it, one after the other, until the process
// that started it goes away.

const send = (message: FromWorker) => void process.send?.(message);
const say = (line: string) => send({ kind: 'say', line });

async function contextOf({ engine, ...setting }: WorkerSetting): Promise<JobContext> {
  // No worker threads here: there are as many processes as are fastest.
  const compute = inThisThread(await openEngine(engine, setting.cache, say));
  return jobContext(compute, setting, say);
}

const failureOf = (error: unknown): FromWorker => ({
  kind: 'failed',
  message: messageOf(error).replaceAll('\n', ' '),
});

const progress: JobProgress = {
  onImages: (images, of) => send({ kind: 'images', images, of }),
  onNote: (text) => send({ kind: 'note', text }),
  onMilestone: (text) => send({ kind: 'milestone', text }),
};

async function outcomeOf(context: JobContext, value: unknown, signal: AbortSignal): Promise<FromWorker> {
  try {
    const parsed = jobSchema.safeParse(value);
    if (!parsed.success) {
      const [{ path, message }] = parsed.error.issues;
      throw new UserError(`The job is invalid: ${path.join('.')}: ${message}`);
    }
    await runJob(context, parsed.data, { ...progress, signal });
    return { kind: 'done' };
  } catch (error) {
    return error instanceof Interrupted ? { kind: 'interrupted' } : failureOf(error);
  }
}

async function work(setting: WorkerSetting): Promise<void> {
  // Ctrl-C reaches the whole group of processes; the one that started this one decides what is to be done.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => {});
  process.on('disconnect', () => process.exit());
  let context: JobContext;
  try {
    context = await contextOf(setting);
  } catch (error) {
    process.send!({ kind: 'unready', message: messageOf(error).split('\n')[0] }, () => process.exit());
    return;
  }
  let current = new AbortController();
  process.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'run':
        current = new AbortController();
        void outcomeOf(context, message.job, current.signal).then(send);
        break;
      case 'rates':
        void measureRates(context.compute, message.batchSize)
          .then((rates) => send({ kind: 'rates', rates }))
          .catch((error: unknown) => send(failureOf(error)));
        break;
      case 'interrupt':
        current.abort(new Interrupted('interrupted'));
        break;
      case 'end':
        process.exit();
    }
  });
  send({ kind: 'ready', info: context.compute.info });
}

void work(JSON.parse(process.argv[2]) as WorkerSetting);
