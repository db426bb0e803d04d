import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { firstImages, imagesBetween } from '../../src/data/dataset';
import { Interrupted } from '../../src/support/errors';
import {
  interpolated,
  PATHS,
  PLOT_ALPHAS,
  PLOT_STATISTICS,
  type Path,
  type PlotStatistics,
} from '../../src/landscape/parametric';
import { initialWeights, isTrainable, tensorSpecs } from '../../src/model/architecture';
import { toVector } from '../../src/model/vector';
import { tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { summarize } from '../../src/training/evaluate';
import { evenly, seeds, TINY_VGG } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { sampleImages } from '../helpers/fixtures';
import { parametricPlot } from '../helpers/parametric';

const alphas = evenly(-1, 2);
const paths = fc.constantFrom(...PATHS);
const RUNNING = tensorSpecs(TINY_VGG).filter((spec) => !isTrainable(spec));

/** Weights whose running statistics are their own too. */
function weightsOf(seed: number): Weights {
  const weights = new Map<string, HostTensor>(initialWeights(TINY_VGG, randomStream(seed, 'weights')));
  RUNNING.forEach(({ name, shape }, i) => {
    const { data } = tensorNamed(weights, name);
    // Means near 0, lest no image pass a ReLU.
    const centre = name.endsWith('running_var') ? 1 : 0;
    weights.set(name, { shape, data: data.map((_, j) => centre + ((seed + i + j) % 7) / 20) });
  });
  return weights;
}

/** Two networks of one seed; the second has other running statistics as well. */
const pairs = seeds.map((seed) => ({ small: weightsOf(seed), large: weightsOf(seed + 1) }));
const RUNS = { numRuns: 10 };

const vector = (weights: Weights) => toVector(TINY_VGG, weights);
const on = (small: Weights, large: Weights, alpha: number, path: Path) =>
  vector(interpolated(TINY_VGG, small, large, alpha, path));

function expectClose(ours: Float64Array, theirs: Float64Array, tolerance: number): void {
  const worst = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0);
  expect(worst).toBeLessThan(tolerance);
}

describe('a network on the way from SB to LB', () => {
  test('is SB at 0 and on the straight path has the trainable tensors of LB at 1, bit for bit', () => {
    fc.assert(
      fc.property(pairs, ({ small, large }) => {
        // The sign of 0 is a bit too, and a sum would lose it.
        small.get('classifier.3.bias')!.data.fill(1);
        large.get('classifier.3.bias')!.data.fill(-0);
        for (const path of PATHS) expect(interpolated(TINY_VGG, small, large, 0, path)).toBe(small);
        const there = interpolated(TINY_VGG, small, large, 1, 'straight');
        for (const { name } of tensorSpecs(TINY_VGG).filter(isTrainable)) {
          expect(tensorNamed(there, name)).toEqual(tensorNamed(large, name));
        }
        expect(there.get('classifier.3.bias')!.data[0]).toBe(-0);
      }),
      RUNS,
    );
  });

  test("has SB's running statistics everywhere", () => {
    fc.assert(
      fc.property(pairs, alphas, paths, ({ small, large }, alpha, path) => {
        const there = interpolated(TINY_VGG, small, large, alpha, path);
        expect([...there.keys()]).toEqual([...small.keys()]);
        for (const { name } of RUNNING) expect(tensorNamed(there, name)).toBe(tensorNamed(small, name));
      }),
      RUNS,
    );
  });

  test('moves on a line: by α of the way in every parameter', () => {
    fc.assert(
      fc.property(pairs, alphas, ({ small, large }, alpha) => {
        const [from, to] = [vector(small), vector(large)];
        const expected = from.map((value, i) => value + alpha * (to[i] - value));
        expectClose(on(small, large, alpha, 'straight'), expected, 1e-6);
      }),
      RUNS,
    );
  });

  test('is the same from the other end, with 1 − α for α', () => {
    fc.assert(
      fc.property(pairs, alphas, paths, ({ small, large }, alpha, path) => {
        expectClose(on(small, large, alpha, path), on(large, small, 1 - alpha, path), 1e-6);
      }),
      RUNS,
    );
  });

  test('on the curved path ends at LB, and keeps its norm where SB and LB are orthogonal and of one norm', () => {
    fc.assert(
      fc.property(pairs, alphas, ({ small, large }, alpha) => {
        expectClose(on(small, large, 1, 'curved'), vector(large), 1e-7);
        const turned = orthogonalTo(small);
        const norm = Math.hypot(...vector(small));
        expect(Math.hypot(...on(small, turned, alpha, 'curved')) / norm).toBeCloseTo(1, 6);
        // The straight path cuts the corner.
        const middle = Math.hypot(...on(small, turned, 0.5, 'straight'));
        expect(middle / norm).toBeCloseTo(Math.SQRT1_2, 6);
      }),
      RUNS,
    );
  });

  test('leaves both ends alone', () => {
    const [small, large] = [weightsOf(1), weightsOf(2)];
    const before = structuredClone([small, large]);
    for (const path of PATHS) interpolated(TINY_VGG, small, large, 0.3, path);
    expect([small, large]).toEqual(before);
  });
});

test("the paper's alphas are 25 evenly from −1 to 2, with SB and LB among them", () => {
  expect(PLOT_ALPHAS).toHaveLength(25);
  expect([PLOT_ALPHAS[0], PLOT_ALPHAS[8], PLOT_ALPHAS[16], PLOT_ALPHAS[24]]).toEqual([-1, 0, 1, 2]);
  for (let i = 1; i < 25; i++) expect(PLOT_ALPHAS[i] - PLOT_ALPHAS[i - 1]).toBe(0.125);
});

describe('a parametric plot', () => {
  const images = sampleImages();
  const data = { train: firstImages(images, 40), test: imagesBetween(images, 40, 64) };
  const weights = { SB: weightsOf(5), LB: weightsOf(6) };
  let compute: Compute;
  beforeAll(async () => {
    compute = inThisThread(await specEngine());
  });

  const plot = (
    path: Path,
    statistics: PlotStatistics,
    at: readonly number[],
    ends = weights,
    more: object = {},
  ) => parametricPlot(compute, TINY_VGG, data, ends, at, { path, statistics, batchSize: 16, ...more });

  const evaluated = async (network: Weights) => {
    const of = async (split: 'train' | 'test') =>
      summarize(await compute.evaluateImages(TINY_VGG, network, data[split]));
    return { train: await of('train'), test: await of('test') };
  };

  test("with fixed statistics is SB's own evaluation at 0, and at 1 LB's with SB's statistics", async () => {
    const [first, last] = await plot('straight', 'fixed', [0, 1]);
    expect(first).toEqual({ alpha: 0, ...(await evaluated(weights.SB)) });
    const mixed = new Map([
      ...weights.LB,
      ...RUNNING.map(({ name }) => [name, weights.SB.get(name)!] as const),
    ]);
    expect(last).toEqual({ alpha: 1, ...(await evaluated(mixed)) });
  });

  test("with recomputed statistics takes those of the training images for each network's own", async () => {
    for (const path of PATHS) {
      const [point] = await plot(path, 'recomputed', [0.5]);
      const between = interpolated(TINY_VGG, weights.SB, weights.LB, 0.5, path);
      const own = await compute.batchStatistics(TINY_VGG, between, data.train, { batchSize: 16 });
      expect(point).toEqual({ alpha: 0.5, ...(await evaluated(own)) });
    }
  });

  test("depends on SB's running statistics where they are fixed, and only there", async () => {
    const doubled = RUNNING.map(({ name, shape }) => {
      const { data } = tensorNamed(weights.SB, name);
      return [name, { shape, data: data.map((value) => 2 * value) }] as const;
    });
    const other = { ...weights, SB: new Map([...weights.SB, ...doubled]) };
    for (const statistics of PLOT_STATISTICS) {
      const [ours, theirs] = [
        await plot('straight', statistics, [0, 0.5, 1]),
        await plot('straight', statistics, [0, 0.5, 1], other),
      ];
      if (statistics === 'recomputed') expect(ours).toEqual(theirs);
      else ours.forEach((point, i) => expect(point.train.loss).not.toBe(theirs[i].train.loss));
    }
  });

  test('tells each point as it is done, and counts the images of every pass', async () => {
    for (const statistics of PLOT_STATISTICS) {
      const told: number[] = [];
      let seen = 0;
      const points = await plot('curved', statistics, [-1, 2], weights, {
        onPoint: ({ alpha }: { alpha: number }) => void told.push(alpha),
        onImages: (count: number) => void (seen += count),
      });
      expect(told).toEqual([-1, 2]);
      expect(points.map(({ alpha }) => alpha)).toEqual([-1, 2]);
      const passes = statistics === 'fixed' ? 1 : 2;
      expect(seen).toBe(2 * (data.test.count + passes * data.train.count));
    }
  });

  test('ends where it is interrupted, with the points before told', async () => {
    const controller = new AbortController();
    const told: number[] = [];
    const interrupted = plot('straight', 'recomputed', [0, 1], weights, {
      onPoint({ alpha }: { alpha: number }) {
        told.push(alpha);
        controller.abort(new Interrupted('interrupted'));
      },
      signal: controller.signal,
    });
    await expect(interrupted).rejects.toThrow(Interrupted);
    expect(told).toEqual([0]);
  });
});

/** Each pair of neighbouring parameters turned by a quarter; every tensor has an even number of them. */
function orthogonalTo(weights: Weights): Weights {
  const turned = new Map<string, HostTensor>(weights);
  for (const { name } of tensorSpecs(TINY_VGG).filter(isTrainable)) {
    const { shape, data } = tensorNamed(weights, name);
    turned.set(name, { shape, data: data.map((_, i) => (i % 2 === 0 ? -data[i + 1] : data[i - 1])) });
  }
  return turned;
}
