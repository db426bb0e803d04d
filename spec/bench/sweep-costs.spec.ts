import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SweepCosts } from '../../bench/sweep-costs';
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
  });
});
