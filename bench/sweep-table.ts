import type { SweepCosts } from './sweep-costs';
import { table } from './statistics';

/** What training jobs cost beside training, as shares of the time of a `quick` training. */
export function sweepTable(costs: SweepCosts): string {
  const { trainingSeconds, epochs, queueSeconds, queueMissing } = costs;
  const rows: readonly (readonly [string, number, number])[] = [
    ['a job to a worker process and back', costs.handOverSeconds, 1],
    ['a checkpoint', costs.checkpointSeconds, epochs],
    ['weights and result', costs.resultSeconds, 1],
    ...(queueSeconds === null ? [] : [['through the queue', queueSeconds, 1] as const]),
  ];
  const share = (seconds: number) => `${((100 * seconds) / trainingSeconds).toFixed(3)}%`;
  const line = (what: string, seconds: number, times: number) => [
    what,
    (1000 * seconds).toFixed(2),
    String(times),
    share(seconds * times),
  ];
  return (
    table(
      ['what', 'ms', 'times a job', "share of a quick training's time"],
      [
        ...rows.map(([what, seconds, times]) => line(what, seconds, times)),
        line('all of it', overheadSeconds(costs), 1),
      ],
    ) +
    `A quick training takes ${trainingSeconds.toFixed(0)} s (SB's images over the rate of training). ` +
    `A worker process takes ${costs.startUpSeconds.toFixed(1)} s to start, once for all of its jobs.\n` +
    (queueSeconds === null
      ? `The queue: n/a, ${queueMissing}.\n`
      : `The queue processed ${(1 / queueSeconds).toFixed(0)} jobs/s (queued, taken and completed) and took ` +
        `${(costs.queueBytes! / 1024).toFixed(1)} KiB of Redis memory for each waiting job.\n`)
  );
}

/** Everything that a training job costs beside training, in seconds. */
export function overheadSeconds(costs: SweepCosts): number {
  const { handOverSeconds, checkpointSeconds, epochs, resultSeconds, queueSeconds } = costs;
  return handOverSeconds + checkpointSeconds * epochs + resultSeconds + (queueSeconds ?? 0);
}
