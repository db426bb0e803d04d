import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { propertiesMarkdown } from './support/list-properties';

test('properties.md lists every property', () => {
  expect(readFileSync(join(__dirname, 'properties.md'), 'utf8')).toBe(propertiesMarkdown());
});
