import { inThisThread } from '../compute/compute';
import { measureRates } from '../compute/rates';
import type { DatasetName } from '../data/load';
import { openEngine } from '../engine';
import { environmentOf } from '../environment';
import { Interrupted, messageOf, UserError } from '../support/errors';
import type { Progress } from '../support/progress';
import { loadSweepData, type SweepData } from './data';
import { jobSchema } from './job';
import { runJob, type JobContext } from './run-job';
import { openStore } from './store';
import type { FromWorker, ToWorker, WorkerSetting } from './worker-messages';

// The program of a worker process: makes an engine ready, and does jobs on it, one after the other, until the process
// that started it goes away.

const tell = (message: FromWorker) => void process.send?.(message);
const say = (line: string) => tell({ kind: 'say', line });

/** Tells of all that goes on in one line, which the process that shows it has for each worker. */
const telling: Progress = {
  say,
  begin(title) {
    let note = title;
    return {
      advance: (images) => tell({ kind: 'progress', images, note }),
      skip: () => {},
      note: (text) => void (note = `${title}: ${text}`),
      milestone: () => {},
      end: () => {},
    };
  },
  close: () => {},
};

async function contextOf({ engine, cache, store, data: folder }: WorkerSetting): Promise<JobContext> {
  // No worker threads here: there are as many processes as the machine can do with.
  const compute = inThisThread(await openEngine(engine, cache, say));
  const loaded = new Map<DatasetName, SweepData>();
  return {
    compute,
    store: openStore(store, say),
    load(name) {
      const data = loaded.get(name) ?? loadSweepData(name, { cache, folder }, say);
      loaded.set(name, data);
      return data;
    },
    environment: (dataSha256) => environmentOf(compute.info, [], dataSha256),
    progress: telling,
  };
}

const failureOf = (error: unknown): FromWorker => ({
  kind: 'failed',
  message: messageOf(error).replaceAll('\n', ' '),
});

async function outcomeOf(context: JobContext, value: unknown, signal: AbortSignal): Promise<FromWorker> {
  try {
    const parsed = jobSchema.safeParse(value);
    if (!parsed.success) {
      const [{ path, message }] = parsed.error.issues;
      throw new UserError(`It is no job: ${path.join('.')}: ${message}`);
    }
    await runJob({ ...context, signal }, parsed.data);
    return { kind: 'done' };
  } catch (error) {
    if (error instanceof Interrupted) return { kind: 'interrupted' };
    return failureOf(error);
  }
}

async function work(setting: WorkerSetting): Promise<void> {
  // Ctrl-C reaches the whole group of processes; what is to be done then, the one that started this one says.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => {});
  process.on('disconnect', () => process.exit());
  let context: JobContext;
  try {
    context = await contextOf(setting);
  } catch (error) {
    process.send!({ kind: 'unready', message: messageOf(error).split('\n')[0] }, () => process.exit());
    return;
  }
  let underWay = new AbortController();
  process.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'run':
        underWay = new AbortController();
        void outcomeOf(context, message.job, underWay.signal).then(tell);
        break;
      case 'rates':
        void measureRates(context.compute)
          .then((rates) => tell({ kind: 'rates', rates }))
          .catch((error: unknown) => tell(failureOf(error)));
        break;
      case 'interrupt':
        underWay.abort(new Interrupted('interrupted'));
        break;
      case 'end':
        process.exit();
    }
  });
  tell({ kind: 'ready', info: context.compute.info });
}

void work(JSON.parse(process.argv[2]) as WorkerSetting);
