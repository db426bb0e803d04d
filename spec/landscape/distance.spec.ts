import { expect, test } from '@jest/globals';
import { distanceBetween } from '../../src/landscape/distance';
import { initialWeights, isTrainable, tensorSpecs } from '../../src/model/architecture';
import { randomStream } from '../../src/support/random';
import { TINY_VGG } from '../helpers/arbitraries';

test('the distance of two networks counts every trainable parameter, and no running statistic', () => {
  const start = initialWeights(TINY_VGG, randomStream(1));
  const moved = new Map(
    [...start].map(([name, { shape, data }]) => [name, { shape, data: data.map((value) => value + 0.5) }]),
  );
  const parameters = tensorSpecs(TINY_VGG)
    .filter(isTrainable)
    .reduce((count, { name }) => count + start.get(name)!.data.length, 0);
  expect(distanceBetween(TINY_VGG, start, start)).toBe(0);
  expect(distanceBetween(TINY_VGG, start, moved)).toBeCloseTo(0.5 * Math.sqrt(parameters), 4);
});
