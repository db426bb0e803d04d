import { randomStream } from '../src/support/random';
import { simulate, type ScaleOutcome, type ScaleSetting } from './scale-simulation';
import { table } from './statistics';
import type { SweepCosts } from './sweep-costs';

// 10,000 runs on 500 GPUs, with what `bench sweep` measured and the assumptions below.

const RUNS = 10_000;
const WORKERS = 500;
/** Of a run on a GPU; each takes from half of it to half as much again. */
const MINUTES = [2, 5, 10, 30, 60];
const EPOCHS = 60;
/**
 * How often a worker is lost, in hours of its work (never, or as often as on machines that may be taken away), and whether
 * the longest runs are taken first.
 */
const CASES = [
  { hoursBetweenLosses: Infinity, longestFirst: false },
  { hoursBetweenLosses: 24, longestFirst: false },
  { hoursBetweenLosses: 24, longestFirst: true },
] as const;
/** In seconds: an answer of S3, and how many a job waits for. */
const ANSWER = 0.1;
const REQUESTS = 12;
/** Of Redis: a job is given out, taken and completed; each worker renews its lock and looks for jobs left. */
const OPERATIONS = 3;
const BEATS = 0.4;
/** A lock runs out in 10 s, and is looked for every 5. */
const TAKEOVER = 15;

type Case = (typeof CASES)[number];

export type ScaleRow = Case & {
  readonly minutes: number;
  readonly outcome: ScaleOutcome;
};

/** Each length of a run in each case. */
export function scaleRows(costs: SweepCosts): ScaleRow[] {
  return CASES.flatMap((one) =>
    MINUTES.map((minutes) => ({ ...one, minutes, outcome: simulate(settingOf(costs, minutes, one), 0) })),
  );
}

function settingOf(
  costs: SweepCosts,
  minutes: number,
  { hoursBetweenLosses, longestFirst }: Case,
): ScaleSetting {
  if (costs.queueSeconds === null) throw new Error(`The queue was not measured: ${costs.queueMissing}`);
  const lengths = randomStream(0, 'lengths of runs');
  const jobs = Array.from({ length: RUNS }, () => 60 * minutes * (0.5 + lengths.uniform()));
  return {
    jobs: longestFirst ? jobs.sort((one, other) => other - one) : jobs,
    workers: WORKERS,
    startUpSeconds: costs.startUpSeconds,
    aroundSeconds: costs.handOverSeconds + costs.resultSeconds + REQUESTS * ANSWER,
    epochSeconds: (60 * minutes) / EPOCHS,
    checkpointSeconds: costs.checkpointSeconds,
    queue: {
      operations: OPERATIONS,
      operationSeconds: costs.queueSeconds / OPERATIONS,
      beatsPerSecond: BEATS,
    },
    store: { checkpointBytes: costs.checkpointBytes, resultBytes: costs.resultBytes, requests: REQUESTS },
    hoursBetweenLosses,
    takeoverSeconds: TAKEOVER,
  };
}

/** Worker time beside work as a share of work, the wait for the last jobs left out. */
export function outsideShare({ workerSeconds }: ScaleOutcome): number {
  const { start, queue, around, checkpoints, lost, work } = workerSeconds;
  return (start + queue + around + checkpoints + lost) / work;
}

export function scaleTable(rows: readonly ScaleRow[]): string {
  return table(
    [
      'minutes a run',
      'lost every',
      'longest first',
      'hours in all',
      'outside training',
      'idle at the end',
      'queue, operations/s',
      'store, requests/s',
      'at most, requests/s',
      'written, MB/s',
      'store, GB',
    ],
    rows.map(({ minutes, hoursBetweenLosses, longestFirst, outcome }) => {
      const all = Object.values(outcome.workerSeconds).reduce((sum, seconds) => sum + seconds, 0);
      return [
        String(minutes),
        hoursBetweenLosses === Infinity ? 'never' : `${hoursBetweenLosses} h`,
        longestFirst ? 'yes' : 'no',
        (outcome.makespan / 3600).toFixed(2),
        `${(100 * outsideShare(outcome)).toFixed(2)}%`,
        `${((100 * outcome.workerSeconds.idle) / all).toFixed(1)}%`,
        outcome.queueRate.toFixed(0),
        outcome.requestRate.toFixed(0),
        outcome.peakRequestRate.toFixed(0),
        (outcome.writeRate / 1e6).toFixed(1),
        (outcome.storeBytes / 1e9).toFixed(1),
      ];
    }),
  );
}
