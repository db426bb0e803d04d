import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { throttled } from '../../src/support/throttle';

test('a throttled function is called every five minutes, with what it is given then, and not before', () => {
  const said: number[] = [];
  let minute = 0;
  const say = throttled(
    (at: number) => said.push(at),
    undefined,
    () => minute * 60_000,
  );
  for (; minute < 12; minute += 0.5) say(minute);
  expect(said).toEqual([5, 10]);
  minute = 60;
  say(minute);
  say(minute);
  expect(said).toEqual([5, 10, 60]);
});

test('no two calls are closer than the interval, and none later than the first call behind it', () => {
  const pauses = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 30 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), pauses, (interval, all) => {
      let time = 0;
      let last = 0;
      const act = throttled(
        () => {
          expect(time - last).toBeGreaterThanOrEqual(interval);
          last = time;
        },
        interval,
        () => time,
      );
      for (const pause of all) {
        time += pause;
        act();
        expect(time - last).toBeLessThan(interval);
      }
    }),
  );
});
