import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { outsideShare, scaleRows, scaleTable } from '../../bench/scale';
import { sweepCostsSchema, type SweepCosts } from '../../bench/sweep-costs';
import { overheadSeconds, sweepTable } from '../../bench/sweep-table';

const seconds = fc.double({ min: 0, max: 10, noNaN: true });
const anyCosts: fc.Arbitrary<SweepCosts> = fc.record({
  engine: fc.constant('wasm'),
  trainingSeconds: fc.double({ min: 1, max: 1000, noNaN: true }),
  epochs: fc.integer({ min: 1, max: 100 }),
  startUpSeconds: seconds,
  handOverSeconds: seconds,
  checkpointSeconds: seconds,
  checkpointBytes: fc.nat(),
  resultSeconds: seconds,
  resultBytes: fc.nat(),
  queueSeconds: fc.option(seconds),
  queueBytes: fc.constant(1024),
});

describe('what a sweep costs around a job', () => {
  test('is the hand-over, the queue and the results once, and a checkpoint an epoch; a start is no part of it', () => {
    fc.assert(
      fc.property(anyCosts, seconds, (costs, startUpSeconds) => {
        const all = overheadSeconds(costs);
        const once = costs.handOverSeconds + costs.resultSeconds + (costs.queueSeconds ?? 0);
        expect(all - once).toBeCloseTo(costs.epochs * costs.checkpointSeconds, 6);
        expect(overheadSeconds({ ...costs, startUpSeconds })).toBe(all);
        const share = ((100 * all) / costs.trainingSeconds).toFixed(3);
        expect(sweepTable(costs)).toMatch(new RegExp(`all of it .* ${share.replace('.', '\\.')}%\n`));
      }),
    );
  });

  test('says why the queue is left out, where there is no Redis', () => {
    const [costs] = fc.sample(anyCosts, 1);
    const missing = { ...costs, queueSeconds: null, queueBytes: null, queueMissing: 'it is not there' };
    expect(sweepTable(missing)).toContain('The queue: n/a, it is not there.');
    expect(() => scaleRows(missing)).toThrow('The queue was not measured: it is not there');
  });
});

describe('10,000 runs on 500 GPUs, with the costs that are kept', () => {
  const file = join(__dirname, '../../bench/results/sweep-cpu-2-cores.json');
  const costs = sweepCostsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const rows = scaleRows(costs);

  test('train for as long as they are long, whatever is lost, and each is stored once', () => {
    for (const { minutes, outcome } of rows) {
      // Uniform lengths around so many minutes: four standard errors of their sum.
      expect(Math.abs(outcome.workerSeconds.work / (60 * minutes * 10_000) - 1)).toBeLessThan(0.012);
      expect(outcome.storeBytes).toBe(10_000 * costs.resultBytes);
    }
  });

  test('have less time outside training the longer they are, and more where workers are lost', () => {
    const shares = (hours: number, first: boolean) =>
      rows
        .filter(
          ({ hoursBetweenLosses, longestFirst }) => hoursBetweenLosses === hours && longestFirst === first,
        )
        .map(({ outcome }) => outsideShare(outcome));
    const [never, daily] = [shares(Infinity, false), shares(24, false)];
    never.slice(1).forEach((share, at) => expect(share).toBeLessThan(never[at]));
    never.forEach((share, at) => expect(share).toBeLessThan(daily[at]));
    expect(scaleTable(rows).trimEnd().split('\n')).toHaveLength(rows.length + 1);
  });

  test('leave fewer workers idle at the end where the longest come first', () => {
    const idle = (first: boolean) =>
      rows
        .filter(({ hoursBetweenLosses, longestFirst }) => hoursBetweenLosses === 24 && longestFirst === first)
        .map(({ outcome }) => outcome.workerSeconds.idle);
    idle(true).forEach((seconds, at) => expect(seconds).toBeLessThan(idle(false)[at] / 2));
  });
});
