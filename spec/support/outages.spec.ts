import { expect, test } from '@jest/globals';
import { onceAnOutage } from '../../src/support/outages';

test('each thing that is wrong with a connection is said once an outage, however often it is tried again', () => {
  const said: string[] = [];
  let time = 0;
  const onError = onceAnOutage(
    (line) => said.push(line),
    () => time,
  );
  for (let attempt = 0; attempt < 100; attempt++) {
    time += 12_000;
    onError(new Error('refused'));
    onError(new Error('closed'));
  }
  expect(said).toEqual(['refused', 'closed']);
  time += 61_000;
  onError(new Error('closed'));
  expect(said).toEqual(['refused', 'closed', 'closed']);
});
