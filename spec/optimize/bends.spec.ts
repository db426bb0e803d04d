import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bendsOf, takeBend } from '../../src/optimize/bends';

describe('the bends of a path', () => {
  test('are given each once, in the order of time, and none later than is asked', () => {
    // Few different times, so that some are the same.
    const times = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(Infinity, NaN)));
    const steps = fc.oneof(fc.nat(2), fc.double({ min: 0, max: 4, noNaN: true }), fc.constant(Infinity));
    fc.assert(
      fc.property(times, fc.array(steps), (all, later) => {
        const bends = bendsOf(Float64Array.from(all), new Int32Array(all.length));
        const taken: number[] = [];
        let until = 0;
        for (const step of later) {
          until += step;
          for (let i = takeBend(bends, until); i >= 0; i = takeBend(bends, until)) taken.push(i);
          const due = all.filter((time) => time <= until && time < Infinity);
          expect(taken.map((i) => all[i])).toEqual(due.sort((a, b) => a - b));
        }
        expect(new Set(taken).size).toBe(taken.length);
      }),
      { numRuns: 500 },
    );
  });

  test('that come before what has been asked for already are not lost when less is asked', () => {
    const bends = bendsOf(Float64Array.of(3, 1, 2), new Int32Array(3));
    expect([2.5, 0.5, 1.5, NaN, 2.5, -1, 9, 9].map((until) => takeBend(bends, until))).toEqual([
      1, -1, -1, -1, 2, -1, 0, -1,
    ]);
  });
});
