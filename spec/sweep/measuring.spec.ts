import { expect, test } from '@jest/globals';
import { inThisThread } from '../../src/compute/compute';
import { firstImages } from '../../src/data/dataset';
import { directionSeedOf } from '../../src/experiment/settings';
import { displaced, normalizeDirection, randomDirection } from '../../src/landscape/directions';
import { initialWeights } from '../../src/model/architecture';
import { randomStream } from '../../src/support/random';
import { ascentSharpness } from '../../src/sharpness/sam';
import { evaluate } from '../../src/training/evaluate';
import { imagesOfMeasure, measureOf, measureSchema, plannedMeasureSchema } from '../../src/sweep/measure';
import { measureMinimizer } from '../../src/sweep/measuring';
import type { MeasureFigures } from '../../src/sweep/results';
import { TINY_VGG_WITHOUT_DROPOUT as TINY } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { sampleImages } from '../helpers/fixtures';

const KINDS = [
  { kind: 'rise', directions: 2, alphas: [-0.5, 0, 1], images: 20 },
  { kind: 'keskar', images: 24 },
  { kind: 'keskar', space: 'subspace', dimension: 3, epsilon: 5e-4, images: 24 },
  { kind: 'sam' },
  { kind: 'sam', adaptive: true, rho: 0.1 },
  { kind: 'eigenvalue', images: 16 },
  { kind: 'trace', samples: 3, images: 16 },
  { kind: 'noise', batches: 3, batchSize: 16 },
];
const measures = KINDS.map((kind) => measureOf(plannedMeasureSchema.parse(kind), 64));

async function figuresOf(seed: number, chosen = measures) {
  const compute = inThisThread(await specEngine());
  const weights = initialWeights(TINY, randomStream(seed, 'weights'));
  const minimizer = { architecture: TINY, weights, train: sampleImages(), seed };
  const all: MeasureFigures[] = [];
  const images: number[] = [];
  for (const measure of chosen) {
    let passed = 0;
    all.push(await measureMinimizer(compute, minimizer, measure, { onImages: (more) => (passed += more) }));
    images.push(passed);
  }
  return { all, images, minimizer, compute };
}

test('every kind of measure gives numbers, the same to the last bit whatever was measured before it', async () => {
  const { all } = await figuresOf(5);
  for (const [at, { value }] of all.entries())
    expect([measures[at], value]).toEqual([measures[at], expect.any(Number)]);
  expect(all.map(({ value }) => value)).not.toContain(NaN);
  const { all: reversed } = await figuresOf(5, [...measures].reverse());
  expect(reversed.reverse()).toEqual(all);
});

test('a plan leaves out what is usual: all training images, the papers’ steps, a subspace of 100', () => {
  const usual = (planned: object) => measureOf(plannedMeasureSchema.parse(planned), 500);
  expect(usual({ kind: 'sam' })).toEqual({ kind: 'sam', adaptive: false, rho: 0.05, images: 500 });
  expect(usual({ kind: 'sam', adaptive: true })).toMatchObject({ rho: 0.5 });
  expect(usual({ kind: 'keskar', space: 'subspace' })).toMatchObject({ dimension: 100, epsilon: 1e-3 });
  for (const measure of measures) expect(measureSchema.parse(measure)).toEqual(measure);
});

test('a rise is the mean over its directions of the mean rise over its alphas', async () => {
  const { all, minimizer } = await figuresOf(6, measures.slice(0, 1));
  const engine = await specEngine();
  const images = firstImages(sampleImages(), 20);
  const lossAt = async (direction: number, alpha: number) => {
    const noise = randomDirection(TINY, directionSeedOf(6, direction));
    const along = normalizeDirection(TINY, noise, minimizer.weights, 'filter');
    return (await evaluate(engine, TINY, displaced(minimizer.weights, along, alpha), images)).loss;
  };
  const rises: number[] = [];
  for (const direction of [0, 1]) {
    const [left, middle, right] = [
      await lossAt(direction, -0.5),
      await lossAt(direction, 0),
      await lossAt(direction, 1),
    ];
    rises.push((left - middle + (right - middle)) / 3);
  }
  expect(all[0].value).toBeCloseTo((rises[0] + rises[1]) / 2, 12);
  expect(all[0].standardError).toBeCloseTo(Math.abs(rises[0] - rises[1]) / 2, 12);
});

test('SAM with no length given takes the length of its paper', async () => {
  const { all, compute, minimizer } = await figuresOf(7, measures.slice(3, 4));
  const { rise, standardError } = await ascentSharpness(compute, TINY, minimizer.weights, sampleImages(), {
    adaptive: false,
    batchSize: 250,
  });
  expect(all[0]).toEqual({ value: rise, standardError, details: {} });
});

test('no measure takes many more images than it is said to; a rise as many', async () => {
  const { images } = await figuresOf(8);
  expect(images[0]).toBe(imagesOfMeasure(measures[0]));
  // A line search may take a few evaluations more.
  for (const [at, passed] of images.entries())
    expect(passed).toBeLessThan(1.5 * imagesOfMeasure(measures[at]));
});
