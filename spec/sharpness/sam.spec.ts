import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { firstImages } from '../../src/data/dataset';
import { formulaWeights } from '../../src/model/formula';
import { simpleVgg } from '../../src/model/networks';
import { tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { ascentSharpness, ascentStep } from '../../src/sharpness/sam';
import { evenly } from '../helpers/arbitraries';
import { describeEngines } from '../helpers/describe-engines';
import { sampleImages, sharpnessReference } from '../helpers/fixtures';

jest.setTimeout(300_000);

/** Neither 0 nor close to it. */
const numbers = fc.tuple(evenly(0.1, 10), fc.boolean()).map(([size, negative]) => (negative ? -size : size));
/** Weights, a gradient there, and another direction. */
const points = fc.array(fc.tuple(numbers, numbers, numbers), { minLength: 1, maxLength: 20 }).map((rows) => {
  const [weights, gradient, other] = [0, 1, 2].map((column) => Float64Array.from(rows, (row) => row[column]));
  return { weights, gradient, other };
});
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);

describe('a step of ascent', () => {
  test('is ρ long along the gradient', () => {
    fc.assert(
      fc.property(points, ({ weights, gradient }) => {
        const step = ascentStep(weights, gradient, 0.3, false);
        expect(Math.sqrt(dot(step, step))).toBeCloseTo(0.3, 10);
        expect(dot(step, gradient)).toBeCloseTo(0.3 * Math.sqrt(dot(gradient, gradient)), 8);
      }),
    );
  });

  test('where it is adaptive is ρ long as the weights measure it, and no other such step climbs as far', () => {
    fc.assert(
      fc.property(points, ({ weights, gradient, other }) => {
        const step = ascentStep(weights, gradient, 0.5, true);
        const measured = step.map((value, i) => value / Math.abs(weights[i]));
        expect(Math.sqrt(dot(measured, measured))).toBeCloseTo(0.5, 10);
        const length = Math.sqrt(dot(other, other));
        const rival = weights.map((value, i) => (0.5 * Math.abs(value) * other[i]) / length);
        expect(dot(rival, gradient)).toBeLessThanOrEqual(dot(step, gradient) * (1 + 1e-9));
      }),
    );
  });

  test('is 0 where the gradient is', () => {
    for (const adaptive of [false, true]) {
      expect([...ascentStep(Float64Array.of(1, -2), Float64Array.of(0, 0), 0.05, adaptive)]).toEqual([0, 0]);
    }
  });
});

describeEngines('the sharpness along a step of ascent', (opened, engineName) => {
  const reference = sharpnessReference();
  const architecture = simpleVgg('tiny', reference.network.widths, reference.network.hidden);
  const weights = formulaWeights(architecture);
  const images = firstImages(sampleImages(), reference.images);
  const there = engineName === 'webgpu' ? test.skip : test;
  let compute: Compute;
  beforeAll(() => {
    compute = inThisThread(opened());
  });
  const sharpness = (at: Weights, adaptive: boolean, rho?: number) =>
    ascentSharpness(compute, architecture, at, images, { adaptive, rho, batchSize: images.count });

  there.each([
    { adaptive: false, theirs: reference.fixed.sam, rho: reference.samRho },
    { adaptive: true, theirs: reference.fixed.adaptiveSam, rho: reference.adaptiveSamRho },
  ])("is PyTorch's, with its error (adaptive: $adaptive)", async ({ adaptive, theirs, rho }) => {
    const { rise, standardError } = await sharpness(weights, adaptive);
    expect(Math.abs(rise / theirs.rise - 1)).toBeLessThan(1e-4);
    const n = theirs.risePerImage.length;
    const variance = theirs.risePerImage.reduce((sum, of) => sum + (of - theirs.rise) ** 2, 0) / (n - 1);
    expect(Math.abs(standardError / Math.sqrt(variance / n) - 1)).toBeLessThan(1e-4);
    // The papers' step is what is taken where none is named.
    expect(await sharpness(weights, adaptive, rho)).toEqual({ rise, standardError });
  });

  there('is 0 for a step of no length', async () => {
    for (const adaptive of [false, true]) {
      expect(await sharpness(weights, adaptive, 0)).toEqual({ rise: 0, standardError: 0 });
    }
  });

  there(
    'is the same under a rescaling of layers where it is adaptive, and another where it is not',
    async () => {
      // A linear layer with ReLU times c and the next one by c compute the same function (Dinh et al. 2017). Powers of 2
      // leave no rounding.
      const scaled = (at: Weights, name: string, factor: number): Weights => {
        const { shape, data } = tensorNamed(at, name);
        return new Map<string, HostTensor>(at).set(name, {
          shape,
          data: data.map((value) => factor * value),
        });
      };
      let other = scaled(weights, 'classifier.0.weight', 8);
      other = scaled(other, 'classifier.0.bias', 8);
      other = scaled(other, 'classifier.3.weight', 1 / 8);
      const [before, after] = [await sharpness(weights, true), await sharpness(other, true)];
      expect(Math.abs(after.rise / before.rise - 1)).toBeLessThan(1e-4);
      const [plain, plainAfter] = [await sharpness(weights, false), await sharpness(other, false)];
      expect(Math.abs(plainAfter.rise / plain.rise - 1)).toBeGreaterThan(0.5);
    },
  );
});
