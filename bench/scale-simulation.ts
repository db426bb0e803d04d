import { randomStream } from '../src/support/random';
import { earliestFirst } from './earliest-first';

/** What a sweep on many machines is simulated with. Times are in seconds unless told. */
export interface ScaleSetting {
  /** The work of each job, which is training and figures of its minimizer, in the order in which jobs are taken. */
  readonly jobs: readonly number[];
  /** Worker processes, one a GPU. */
  readonly workers: number;
  /** Until a worker process is ready: once each, and again after each loss. */
  readonly startUpSeconds: number;
  /** Around a job, beside the queue and checkpoints: its hand-over to the process, weights and results. */
  readonly aroundSeconds: number;
  /** Of work between two checkpoints, above 0; one more is behind the last. */
  readonly epochSeconds: number;
  /** For which a checkpoint holds work up. */
  readonly checkpointSeconds: number;
  readonly queue: {
    /** Of each job: given out, taken, completed. */
    readonly operations: number;
    /** Of Redis, which does one at a time. */
    readonly operationSeconds: number;
    /** Operations by which each worker says that it is there, and looks for others that are not. */
    readonly beatsPerSecond: number;
  };
  readonly store: {
    readonly checkpointBytes: number;
    /** Weights and results of a job. */
    readonly resultBytes: number;
    /** Of each job, beside one for each checkpoint. */
    readonly requests: number;
  };
  /** A worker's work between two losses of it, on average; Infinity where none is lost. */
  readonly hoursBetweenLosses: number;
  /** After which another worker may take a lost one's job over. */
  readonly takeoverSeconds: number;
}

/** What workers spend their time on: their start, waiting for the queue, …; lost is what is done again. */
export const SPENT = ['work', 'start', 'queue', 'around', 'checkpoints', 'lost', 'idle'] as const;
export type Spent = (typeof SPENT)[number];

/** What came of it. */
export interface ScaleOutcome {
  /** Seconds until the last job is done. */
  readonly makespan: number;
  /** Of all workers together, until then. */
  readonly workerSeconds: Readonly<Record<Spent, number>>;
  /** Of workers at work. */
  readonly losses: number;
  /** Operations a second. */
  readonly queueRate: number;
  /** Bytes of weights and results in the end, and the most that the store may hold on the way, with checkpoints. */
  readonly storeBytes: number;
  readonly peakStoreBytes: number;
  /** Bytes a second, on average and in the busiest second. */
  readonly writeRate: number;
  readonly peakWriteRate: number;
  /** Requests to the store a second, likewise. */
  readonly requestRate: number;
  readonly peakRequestRate: number;
}

type Event =
  | { readonly kind: 'free' }
  /** @property stored whether it has a checkpoint. */
  | { readonly kind: 'ready'; readonly job: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'lost'; readonly job: number };

/**
 * Simulates a sweep event by event: workers take jobs in order, one operation of the queue after the other; one that is
 * lost leaves its job, which goes on from its last checkpoint before any other is begun, and starts anew. Losses come
 * at random while a worker is at work, as a Poisson process.
 *
 * @param seed of the losses; the outcome is the same under the same seed.
 */
export function simulate(setting: ScaleSetting, seed: number): ScaleOutcome {
  const { jobs, workers, startUpSeconds, aroundSeconds, epochSeconds, checkpointSeconds } = setting;
  const { queue, store, hoursBetweenLosses, takeoverSeconds } = setting;
  const random = randomStream(seed, 'losses');
  const events = earliestFirst<Event>();
  const spent: Record<Spent, number> = {
    work: 0,
    start: 0,
    queue: 0,
    around: 0,
    checkpoints: 0,
    lost: 0,
    idle: 0,
  };
  const written = perSecond();
  const requests = perSecond();
  /** Epochs that a job's last checkpoint has. */
  const epochsDone = jobs.map(() => 0);
  const left: number[] = [];
  /** When each worker that has nothing to do came to it, and when each that starts began. */
  const idleSince: number[] = [];
  const starting: number[] = [];
  let next = 0;
  let [queueFree, taken, done, losses, underWay, peakStoreBytes, now] = [0, 0, 0, 0, 0, 0, 0];

  const start = () => {
    starting.push(now);
    events.add(now + startUpSeconds, { kind: 'free' });
  };

  function begin(job: number): void {
    underWay++;
    taken++;
    const begun = Math.max(now, queueFree) + queue.operations * queue.operationSeconds;
    queueFree = begun;
    spent.queue += begun - now;
    const epochs = Math.ceil(jobs[job] / epochSeconds) - epochsDone[job];
    const work = jobs[job] - epochsDone[job] * epochSeconds;
    const whole = work + epochs * checkpointSeconds + aroundSeconds;
    const lostAfter = -Math.log(1 - random.uniform()) * hoursBetweenLosses * 3600;
    const cycle = epochSeconds + checkpointSeconds;
    const isLost = lostAfter < whole;
    // The last one may be shorter; its checkpoint counts where nothing is lost.
    const stored = isLost ? Math.min(epochs - 1, Math.floor(lostAfter / cycle)) : epochs;
    for (let epoch = 1; epoch <= stored; epoch++) {
      const at = Math.min(begun + epoch * cycle, begun + work + epochs * checkpointSeconds);
      written.add(at, store.checkpointBytes);
      requests.add(at, 1);
    }
    spent.checkpoints += stored * checkpointSeconds;
    if (!isLost) {
      spent.work += work;
      spent.around += aroundSeconds;
      events.add(begun + whole, { kind: 'done' });
      return;
    }
    epochsDone[job] += stored;
    spent.work += stored * epochSeconds;
    spent.lost += lostAfter - stored * cycle;
    events.add(begun + lostAfter, { kind: 'lost', job });
  }

  /** The next job that can be begun; one that was left by its worker comes first. */
  const nextJob = () => left.shift() ?? (next < jobs.length ? next++ : undefined);

  function findWork(): void {
    const job = nextJob();
    if (job === undefined) idleSince.push(now);
    else begin(job);
  }

  for (let worker = 0; worker < workers; worker++) start();
  while (done < jobs.length) {
    const { time, value } = events.take()!;
    now = time;
    switch (value.kind) {
      case 'free':
        spent.start += now - starting.shift()!;
        findWork();
        break;
      case 'ready': {
        left.push(value.job);
        const since = idleSince.shift();
        if (since === undefined) break;
        spent.idle += now - since;
        findWork();
        break;
      }
      case 'done':
        peakStoreBytes = Math.max(
          peakStoreBytes,
          done * store.resultBytes + underWay * store.checkpointBytes,
        );
        underWay--;
        done++;
        written.add(now, store.resultBytes);
        requests.add(now, store.requests);
        findWork();
        break;
      case 'lost':
        losses++;
        underWay--;
        events.add(now + takeoverSeconds, { kind: 'ready', job: value.job });
        start();
    }
  }
  for (const since of idleSince) spent.idle += now - since;
  for (const begun of starting) spent.start += now - begun;
  const storeBytes = jobs.length * store.resultBytes;
  return {
    makespan: now,
    workerSeconds: spent,
    losses,
    queueRate: (taken * queue.operations) / now + workers * queue.beatsPerSecond,
    storeBytes,
    peakStoreBytes: Math.max(peakStoreBytes, storeBytes),
    writeRate: written.total / now,
    peakWriteRate: written.peak,
    requestRate: requests.total / now,
    peakRequestRate: requests.peak,
  };
}

/** Adds up amounts by the second that they fall into. */
function perSecond() {
  const amounts = new Map<number, number>();
  const sums = { total: 0, peak: 0 };
  return {
    get total() {
      return sums.total;
    },
    get peak() {
      return sums.peak;
    },
    add(time: number, amount: number) {
      const second = Math.floor(time);
      const sum = (amounts.get(second) ?? 0) + amount;
      amounts.set(second, sum);
      sums.total += amount;
      sums.peak = Math.max(sums.peak, sum);
    },
  };
}
