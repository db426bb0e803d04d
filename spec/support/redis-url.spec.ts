import { expect, test } from '@jest/globals';
import { placeOf } from '../../src/support/redis-url';

test('of the URL of a Redis only host and port are shown', () => {
  expect(placeOf('rediss://me:secret@host:7000/3')).toBe('host:7000');
  expect(placeOf('redis://host')).toBe('host:6379');
});

test('what is no such URL is refused without showing it', () => {
  for (const url of ['host:6379', 'http://host', 'redis://', 'nonsense:secret']) {
    expect(() => placeOf(url)).toThrow(/^(?!.*secret)--queue must be like redis:/);
  }
});

test('a sign that ends the password is refused, and taken where it is percent-encoded', () => {
  for (const sign of ['/', '?', '#', '7/', '/7#?']) {
    for (const user of ['', 'me']) {
      const withSign = `redis://${user}:${sign}secret@host:7000`;
      expect(() => placeOf(withSign)).toThrow(/^(?!.*secret)--queue has .*: percent-encode/);
      const encoded = `redis://${user}:${encodeURIComponent(sign)}secret@host:7000/1?family=6`;
      expect(placeOf(encoded)).toBe('host:7000');
    }
  }
});
