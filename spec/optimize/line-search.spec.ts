import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { advance, beginSearch } from '../../src/optimize/line-search';
import { evenly } from '../helpers/arbitraries';
import { CURVES } from './functions';
import { lbfgsbReference } from './reference';

type Curve = (t: number) => [number, number];

/** The steps that are tried, 20 at most, and whether the last one was taken. */
function stepsAlong(curve: Curve, first: number, longest: number): { steps: number[]; ended: boolean } {
  const search = beginSearch(...curve(0), first, longest);
  const steps: number[] = [];
  let ended = false;
  while (!ended && steps.length < 20) {
    steps.push(search.step);
    ended = advance(search, ...curve(search.step));
  }
  return { steps, ended };
}

describe('the line search', () => {
  test.each(lbfgsbReference().searches.map((search) => ({ ...search, first: search.steps[0] })))(
    'tries the steps of SciPy on $function from $first, at most $longest',
    ({ function: name, first, longest, steps, ended }) => {
      const ours = stepsAlong(CURVES[name], first, longest);
      expect(ours.ended).toBe(ended);
      expect(ours.steps).toHaveLength(steps.length);
      ours.steps.forEach((step, i) => expect(step / steps[i]).toBeCloseTo(1, 12));
    },
  );

  // The slope at 0 is −1; there is a minimum between 0 and 1 / a, and a ripple on the way.
  const curves = fc.tuple(evenly(0.05, 20), evenly(0, 0.4), evenly(1, 30)).map(([a, ripple, pace]): Curve => {
    return (t) => [
      a * t * t - t + (ripple / pace) * (1 - Math.cos(pace * t)),
      2 * a * t - 1 + ripple * Math.sin(pace * t),
    ];
  });

  test('ends at a step with enough decrease, that is flat or the longest', () => {
    fc.assert(
      fc.property(curves, evenly(0.001, 5), (curve, first) => {
        const longest = 5;
        const { steps, ended } = stepsAlong(curve, first, longest);
        const last = steps[steps.length - 1];
        const [value, slope] = curve(last);
        expect(ended).toBe(true);
        expect(value).toBeLessThanOrEqual(curve(0)[0] - 1e-3 * last);
        expect(Math.abs(slope) <= 0.9 || last === longest).toBe(true);
        expect(steps.every((step) => step > 0 && step <= longest)).toBe(true);
      }),
    );
  });

  test('backs off from where the function cannot be computed, and never takes such a step', () => {
    fc.assert(
      fc.property(
        curves,
        evenly(0.01, 5),
        evenly(0.001, 1),
        fc.constantFrom(NaN, Infinity, -Infinity),
        (curve, first, edge, broken) => {
          const { steps, ended } = stepsAlong((t) => (t > edge ? [broken, broken] : curve(t)), first, 10);
          const last = steps[steps.length - 1];
          expect(ended).toBe(true);
          expect(last).toBeLessThanOrEqual(edge);
          expect(curve(last)[0]).toBeLessThan(curve(0)[0]);
          // No step is tried that is as long as one that has failed.
          steps.forEach((step, i) => {
            for (const earlier of steps.slice(0, i)) expect(earlier > edge && step >= earlier).toBe(false);
          });
        },
      ),
    );
  });

  test('backs off within its bracket, and goes on there', () => {
    // A plateau above the start, but for the very beginning; in the middle there is nothing.
    const { steps, ended } = stepsAlong(
      (t) => (t < 0.005 ? [-t, -1] : t > 0.05 && t < 0.5 ? [NaN, NaN] : [1, 0]),
      1,
      1,
    );
    expect(steps.some((step) => step > 0.05 && step < 0.5)).toBe(true);
    expect(ended).toBe(true);
    expect(steps[steps.length - 1]).toBeLessThan(0.005);
  });

  test('takes numbers that overflow for no more than a step too far', () => {
    const { steps, ended } = stepsAlong((t) => [t > 1e-3 ? 1.7e308 : -t, t > 1e-3 ? 1.7e308 : -1], 1, 10);
    expect(ended).toBe(true);
    expect(steps[steps.length - 1]).toBeLessThanOrEqual(1e-3);
  });
});
