import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, contentId, withoutDefaults } from '../../src/jobs/canonical';
import { rekeyed } from '../helpers/jobs';

test('the canonical text is JSON of the same value, and does not depend on the order of keys', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value as never);
      const plain: unknown = JSON.parse(JSON.stringify(value));
      expect(JSON.parse(text)).toEqual(plain);
      expect(canonicalJson(rekeyed(plain) as never)).toBe(text);
    }),
  );
});

test('the id is the SHA-256 of the text, without members that are undefined', () => {
  const text = '{"a":[1,{"b":null,"c":"ä\\n"}],"z":true}';
  expect(canonicalJson({ z: true, skipped: undefined, a: [1, { c: 'ä\n', b: null }] })).toBe(text);
  expect(contentId({ z: true, a: [1, { c: 'ä\n', b: null }] })).toBe(
    createHash('sha256').update(text).digest('hex'),
  );
});

test('two values have one text only if they are equal', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (one, other) => {
      const isEqual = canonicalJson(one as never) === canonicalJson(other as never);
      const [a, b] = [one, other].map((value): unknown => JSON.parse(JSON.stringify(value)));
      if (isEqual) expect(a).toEqual(b);
      else expect(a).not.toEqual(b);
    }),
  );
});

test('only members that are at their default are left out', () => {
  const defaults: Partial<{ a: number; b: object; c?: boolean }> = { a: 0, b: { x: 1, y: 2 } };
  expect(withoutDefaults({ a: 0, b: { y: 2, x: 1 }, c: false }, defaults)).toEqual({ c: false });
  expect(withoutDefaults({ a: 1, b: { x: 1 }, c: undefined }, defaults)).toEqual({ a: 1, b: { x: 1 } });
});
