import { expect, test } from '@jest/globals';
import { seldom } from '../../src/sweep/seldom';

test('what is to be said seldom is said every five minutes, as it is then, and not before', () => {
  const said: number[] = [];
  let minute = 0;
  const say = seldom(
    (at: number) => said.push(at),
    () => minute * 60_000,
  );
  for (; minute < 12; minute += 0.5) say(minute);
  expect(said).toEqual([5, 10]);
  minute = 60;
  say(minute);
  say(minute);
  expect(said).toEqual([5, 10, 60]);
});
