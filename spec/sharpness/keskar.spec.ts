import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { inThisThread } from '../../src/compute/compute';
import { firstImages } from '../../src/data/dataset';
import { parameterCount, type Architecture } from '../../src/model/architecture';
import { formulaWeights, hashed } from '../../src/model/formula';
import { simpleVgg } from '../../src/model/networks';
import { tensorNamed, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { keskarSharpness } from '../../src/sharpness/keskar';
import { lossObjective, type Objective } from '../../src/sharpness/objective';
import { fullSpace, randomSubspace, subspaceOf } from '../../src/sharpness/subspace';
import { BATCH_STATISTICS } from '../../src/training/gradient';
import { seeds } from '../helpers/arbitraries';
import { describeEngines } from '../helpers/describe-engines';
import { keskarReference, sampleImages } from '../helpers/fixtures';

jest.setTimeout(300_000);

/** loss + ½ Σ h_i (x_i − m_i)², around its minimizer m. */
function bowl(minimizer: Float64Array, curvatures: Float64Array, loss: number): Objective {
  return {
    size: minimizer.length,
    minimizer,
    async evaluate(x, gradient) {
      let value = loss;
      x.forEach((at, i) => {
        const away = at - minimizer[i];
        value += 0.5 * curvatures[i] * away * away;
        gradient[i] = curvatures[i] * away;
      });
      return { loss: value, batchLosses: [value] };
    },
  };
}

const bowls = fc.record({ size: fc.integer({ min: 1, max: 30 }), seed: seeds }).map(({ size, seed }) => {
  const random = randomStream(seed, 'bowl');
  const minimizer = Float64Array.from({ length: size }, () => random.normal());
  const curvatures = Float64Array.from({ length: size }, () => 100 * random.uniform());
  return { size, seed, minimizer, curvatures, loss: random.uniform() };
});

describe('the sharpness of Metric 2.1', () => {
  test('of a bowl with a diagonal Hessian is what the corners of the box give', async () => {
    await fc.assert(
      fc.asyncProperty(
        bowls,
        fc.constantFrom(1e-3, 5e-4, 0.1),
        async ({ size, seed, minimizer, curvatures, loss }, epsilon) => {
          const objective = bowl(minimizer, curvatures, loss);
          const { sharpness } = await keskarSharpness(
            objective,
            fullSpace(size),
            epsilon,
            randomStream(seed),
          );
          const rise = curvatures.reduce(
            (sum, h, i) => sum + 0.5 * h * (epsilon * (Math.abs(minimizer[i]) + 1)) ** 2,
            0,
          );
          const exact = (100 * rise) / (1 + loss);
          expect(sharpness).toBeLessThanOrEqual(exact * (1 + 1e-9));
          // Ten iterations; bowls of thirty curvatures between 0 and 100 take about as many.
          expect(sharpness).toBeGreaterThanOrEqual(0.99 * exact);
        },
      ),
    );
  });

  test('is never negative, also where all is downhill, and its maximizer lies in the box', async () => {
    await fc.assert(
      fc.asyncProperty(bowls, async ({ size, seed, minimizer, curvatures, loss }) => {
        // A hill: the minimizer is its top.
        const objective = bowl(
          minimizer,
          curvatures.map((h) => -h),
          loss,
        );
        const { sharpness, maximizer, maximum } = await keskarSharpness(
          objective,
          fullSpace(size),
          1e-2,
          randomStream(seed),
        );
        expect(sharpness).toBe(0);
        expect(maximum).toBe(loss);
        expect([...maximizer]).toEqual(Array.from({ length: size }, () => 0));
        const up = await keskarSharpness(
          bowl(minimizer, curvatures, loss),
          fullSpace(size),
          1e-2,
          randomStream(seed),
        );
        up.maximizer.forEach((z, i) =>
          expect(Math.abs(z)).toBeLessThanOrEqual(1e-2 * (Math.abs(minimizer[i]) + 1) * (1 + 1e-12)),
        );
      }),
    );
  });

  test('does not fall as the box grows, where the larger box starts from the maximizer in the smaller', async () => {
    await fc.assert(
      fc.asyncProperty(bowls, async ({ size, seed, minimizer, curvatures, loss }) => {
        const objective = bowl(minimizer, curvatures, loss);
        const space = fullSpace(size);
        const small = await keskarSharpness(objective, space, 5e-4, randomStream(seed));
        const large = await keskarSharpness(objective, space, 1e-3, randomStream(seed), [small.maximizer]);
        expect(large.sharpness).toBeGreaterThanOrEqual(small.sharpness);
      }),
    );
  });

  test('in the full space is at least that in an orthonormal subspace, starting from its maximizer', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const random = randomStream(seed);
        const size = 400;
        const minimizer = Float64Array.from({ length: size }, () => random.normal());
        const curvatures = Float64Array.from({ length: size }, () => 10 * random.uniform());
        const objective = bowl(minimizer, curvatures, 0.1);
        const subspace = randomSubspace(size, 3, random, { orthonormal: true });
        const inside = await keskarSharpness(objective, subspace, 1e-3, randomStream(seed));
        const y = new Float64Array(size);
        subspace.apply(inside.maximizer, y);
        const full = await keskarSharpness(objective, fullSpace(size), 1e-3, randomStream(seed), [y]);
        expect(full.sharpness).toBeGreaterThanOrEqual(inside.sharpness);
        expect(inside.sharpness).toBeGreaterThan(0);
      }),
      { numRuns: 20 },
    );
  });

  test('has the standard error of what its maximizer adds to each batch’s loss', async () => {
    await fc.assert(
      fc.asyncProperty(bowls, fc.boolean(), async ({ size, seed, minimizer, curvatures, loss }, isHill) => {
        // Two batches that rise unequally.
        const [one, other] = [1, 3].map((share) =>
          bowl(
            minimizer,
            curvatures.map((h) => (isHill ? -share : share) * h),
            loss * share,
          ),
        );
        const both = bowl(
          minimizer,
          curvatures.map((h) => (isHill ? -2 : 2) * h),
          loss * 2,
        );
        const unused = new Float64Array(size);
        const batchLossesAt = (x: Float64Array) =>
          Promise.all([one, other].map(async (batch) => (await batch.evaluate(x, unused)).loss));
        const objective: Objective = {
          ...both,
          evaluate: async (x, gradient) => ({
            loss: (await both.evaluate(x, gradient)).loss,
            batchLosses: await batchLossesAt(x),
          }),
        };
        const result = await keskarSharpness(objective, fullSpace(size), 1e-2, randomStream(seed));
        const highest = await batchLossesAt(minimizer.map((value, i) => value + result.maximizer[i]));
        const [first, second] = highest.map((value, batch) => value - [loss, 3 * loss][batch]);
        const expected = (100 * Math.abs(second - first)) / 2 / (1 + result.loss);
        expect(Math.abs(result.standardError - expected)).toBeLessThanOrEqual(1e-9 * (1 + expected));
      }),
    );
  });

  test('evaluates the centre once', async () => {
    await fc.assert(
      fc.asyncProperty(bowls, async ({ size, seed, minimizer, curvatures, loss }) => {
        const inner = bowl(minimizer, curvatures, loss);
        const tried: string[] = [];
        const objective: Objective = {
          ...inner,
          evaluate(x, gradient) {
            tried.push(x.join());
            return inner.evaluate(x, gradient);
          },
        };
        await keskarSharpness(objective, fullSpace(size), 1e-2, randomStream(seed));
        expect(tried.filter((x) => x === minimizer.join())).toHaveLength(1);
      }),
    );
  });

  test('is the same under one seed, and counts its evaluations', async () => {
    let calls = 0;
    const inner = bowl(Float64Array.from([1, -2, 3]), Float64Array.from([5, 1, 3]), 0.2);
    const objective: Objective = {
      ...inner,
      evaluate(x, gradient) {
        calls++;
        return inner.evaluate(x, gradient);
      },
    };
    const first = await keskarSharpness(objective, fullSpace(3), 1e-3, randomStream(5));
    expect(first.evaluations).toBe(calls);
    expect(await keskarSharpness(objective, fullSpace(3), 1e-3, randomStream(5))).toEqual(first);
  });
});

describeEngines('the sharpness of a network', (opened, engineName) => {
  const reference = keskarReference();
  const [first, second, third] = reference.network.widths;
  const architecture = simpleVgg('tiny', [first, second, third], reference.network.hidden);
  const weights = formulaWeights(architecture);
  const images = firstImages(sampleImages(), reference.images);
  const size = parameterCount(architecture);
  // Where webgpu is tried on a CPU a pass takes a second.
  const there = engineName === 'webgpu' ? test.skip : test;
  let objectiveOf: (of: Architecture, at: Weights, statistics: 'batch' | 'fixed') => Objective;
  beforeAll(() => {
    const compute = inThisThread(opened());
    objectiveOf = (of, at, statistics) =>
      lossObjective(compute, of, at, images, { statistics, batchSize: reference.images });
  });

  there.each(BATCH_STATISTICS)(
    'in the full space is what SciPy and PyTorch find (%s)',
    async (statistics) => {
      const objective = objectiveOf(architecture, weights, statistics);
      for (const { epsilon, phi } of reference[statistics].keskar.full) {
        const { loss, fromCentre, sharpness } = await keskarSharpness(
          objective,
          fullSpace(size),
          epsilon,
          randomStream(1),
        );
        expect(Math.abs(loss / reference[statistics].loss - 1)).toBeLessThan(1e-5);
        expect(Math.abs(fromCentre / phi - 1)).toBeLessThan(1e-3);
        expect(sharpness).toBeGreaterThanOrEqual(fromCentre);
      }
    },
  );

  there.each(BATCH_STATISTICS)('in a subspace is what SciPy and PyTorch find (%s)', async (statistics) => {
    const { subspace: dimension, salt } = reference.keskar;
    const entries = Float32Array.from({ length: size * dimension }, (_, i) => 2 * hashed(i, 0, salt) - 1);
    const subspace = subspaceOf(entries, dimension);
    const objective = objectiveOf(architecture, weights, statistics);
    const { centre, boxes } = reference[statistics].keskar.subspace;
    subspace
      .coordinates(objective.minimizer)
      .forEach((value, j) => expect(Math.abs(value - centre[j])).toBeLessThan(1e-6));
    for (const { epsilon, phi } of boxes) {
      const { fromCentre } = await keskarSharpness(objective, subspace, epsilon, randomStream(1));
      expect(Math.abs(fromCentre / phi - 1)).toBeLessThan(1e-3);
    }
  });

  there(
    'changes where a reparametrization leaves the network’s function as it is (Dinh et al. 2017)',
    async () => {
      // A linear layer with ReLU times c, the next one divided by c.
      const scale = (at: Weights, name: string, factor: number): Weights => {
        const { shape, data } = tensorNamed(at, name);
        return new Map(at).set(name, { shape, data: data.map((value) => factor * value) });
      };
      let other = weights;
      for (const [name, factor] of [
        ['classifier.0.weight', 8],
        ['classifier.0.bias', 8],
        ['classifier.3.weight', 1 / 8],
      ] as const) {
        other = scale(other, name, factor);
      }
      const [one, two] = await Promise.all(
        [weights, other].map(async (at) =>
          keskarSharpness(objectiveOf(architecture, at, 'fixed'), fullSpace(size), 1e-3, randomStream(1)),
        ),
      );
      expect(two.loss).toBeCloseTo(one.loss, 5);
      expect(Math.abs(two.sharpness / one.sharpness - 1)).toBeGreaterThan(0.2);
    },
  );
});
