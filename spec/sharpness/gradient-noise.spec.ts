import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { firstImages, imagesBetween } from '../../src/data/dataset';
import { UserError } from '../../src/support/errors';
import { formulaWeights } from '../../src/model/formula';
import { simpleVgg } from '../../src/model/networks';
import { toVector } from '../../src/model/vector';
import { randomStream } from '../../src/support/random';
import { jackknifeError, meanOf } from '../../src/sharpness/estimate';
import { gradientNoise, measureGradientNoise, type GradientNoise } from '../../src/sharpness/gradient-noise';
import { evenly, seeds } from '../helpers/arbitraries';
import { describeEngines } from '../helpers/describe-engines';
import { sampleImages, sharpnessReference } from '../helpers/fixtures';

jest.setTimeout(300_000);

/** Normal gradients with independent components. */
function normalGradients(
  seed: number,
  batches: number,
  mean: readonly number[],
  deviation: readonly number[],
): Float32Array[] {
  const random = randomStream(seed, 'gradients');
  return Array.from({ length: batches }, () =>
    Float32Array.from(mean, (value, i) => value + deviation[i] * random.normal()),
  );
}

describe('the noise of gradients', () => {
  const sets = fc
    .record({
      seed: seeds,
      batches: fc.integer({ min: 3, max: 10 }),
      size: fc.integer({ min: 1, max: 8 }),
      shift: evenly(-3, 3),
    })
    .map(({ seed, batches, size, shift }) =>
      normalGradients(
        seed,
        batches,
        Array.from({ length: size }, () => shift),
        Array.from({ length: size }, () => 1),
      ),
    );

  test('is the sum of the variances, and the squared norm of the mean less its share of them', () => {
    fc.assert(
      fc.property(sets, (gradients) => {
        const k = gradients.length;
        let [trace, square] = [0, 0];
        gradients[0].forEach((_, i) => {
          const values = gradients.map((gradient) => gradient[i]);
          const mean = values.reduce((sum, value) => sum + value, 0) / k;
          trace += values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (k - 1);
          square += mean * mean;
        });
        const noise = gradientNoise(gradients);
        expect(noise.covarianceTrace.value).toBeCloseTo(trace, 10);
        expect(noise.squaredNorm.value).toBeCloseTo(square - trace / k, 10);
        expect(noise.signalToNoise.value).toBeCloseTo((square - trace / k) / trace, 8);
        expect(noise.batches).toBe(k);
      }),
    );
  });

  test('has the jackknife errors of its own figures without each of the gradients', () => {
    fc.assert(
      fc.property(
        sets.filter(({ length }) => length > 3),
        (gradients) => {
          const noise = gradientNoise(gradients);
          const without = gradients.map((_, k) => gradientNoise(gradients.filter((__, l) => l !== k)));
          const errorOf = (figure: (of: GradientNoise) => number) => jackknifeError(without.map(figure));
          for (const figure of ['covarianceTrace', 'squaredNorm', 'signalToNoise'] as const) {
            const expected = errorOf((of) => of[figure].value);
            expect(Math.abs(noise[figure].standardError - expected)).toBeLessThan(1e-9 * (1 + expected));
          }
          const hidden = [noise, ...without].some(({ noiseToSignal }) => noiseToSignal === Infinity);
          const expected = hidden ? Infinity : errorOf((of) => Math.log(of.noiseToSignal));
          if (hidden) expect(noise.logStandardError).toBe(Infinity);
          else expect(noise.logStandardError / expected).toBeCloseTo(1, 6);
        },
      ),
    );
  });

  test('of normal gradients is without bias, and its errors are what repetitions spread by', () => {
    const mean = Array.from({ length: 20 }, (_, i) => 0.1 * i);
    const deviation = Array.from({ length: 20 }, (_, i) => 3 - 0.1 * i);
    const trace = deviation.reduce((sum, value) => sum + value * value, 0);
    const square = mean.reduce((sum, value) => sum + value * value, 0);
    const repetitions = Array.from({ length: 1500 }, (_, seed) =>
      gradientNoise(normalGradients(seed, 16, mean, deviation)),
    );
    for (const [figure, exact] of [
      ['covarianceTrace', trace],
      ['squaredNorm', square],
    ] as const) {
      const values = repetitions.map((noise) => noise[figure].value);
      const { value, standardError } = meanOf(values);
      expect(Math.abs(value - exact)).toBeLessThan(3.5 * standardError);
      const spread = standardError * Math.sqrt(values.length);
      const claimed = Math.sqrt(meanOf(repetitions.map((noise) => noise[figure].standardError ** 2)).value);
      // The jackknife errs on the side of caution.
      expect(claimed / spread).toBeGreaterThan(0.93);
      expect(claimed / spread).toBeLessThan(1.25);
    }
    const inverted = repetitions.map((noise) => noise.signalToNoise.value);
    const spread = meanOf(inverted).standardError * Math.sqrt(inverted.length);
    const claimed = Math.sqrt(
      meanOf(repetitions.map((noise) => noise.signalToNoise.standardError ** 2)).value,
    );
    expect(claimed / spread).toBeGreaterThan(0.93);
    expect(claimed / spread).toBeLessThan(1.25);
  });

  test('over the signal covers the truth on the log scale, about 95 of 100 times within two errors', () => {
    const mean = Array.from({ length: 20 }, () => 1);
    const deviation = Array.from({ length: 20 }, () => 2);
    let covered = 0;
    const count = 500;
    for (let seed = 0; seed < count; seed++) {
      const noise = gradientNoise(normalGradients(seed, 16, mean, deviation));
      if (Math.abs(Math.log(noise.noiseToSignal / 4)) <= 2 * noise.logStandardError) covered++;
    }
    expect(Math.abs(covered / count - 0.95)).toBeLessThan(0.04);
  });

  test('over the signal does not change with the unit of the gradients', () => {
    fc.assert(
      fc.property(sets, (gradients) => {
        const noise = gradientNoise(gradients);
        const other = gradientNoise(gradients.map((gradient) => gradient.map((value) => 8 * value)));
        expect(other.signalToNoise).toEqual(noise.signalToNoise);
        expect(other.noiseToSignal).toBe(noise.noiseToSignal);
      }),
    );
  });

  test('is infinite over a signal that it hides, and none where all gradients are alike', () => {
    const opposed = gradientNoise([Float32Array.of(1), Float32Array.of(-1), Float32Array.of(0)]);
    expect(opposed.squaredNorm.value).toBeLessThan(0);
    expect(opposed.noiseToSignal).toBe(Infinity);
    expect(opposed.logStandardError).toBe(Infinity);
    const alike = gradientNoise([1, 2, 3].map(() => Float32Array.of(2, 1)));
    expect(alike.covarianceTrace).toEqual({ value: 0, standardError: 0 });
    expect(alike.noiseToSignal).toBe(0);
  });

  test('cannot be told from two gradients', () => {
    expect(() => gradientNoise([Float32Array.of(1), Float32Array.of(2)])).toThrow(UserError);
  });
});

describeEngines("the noise of a network's gradients", (opened, engineName) => {
  const reference = sharpnessReference();
  const { batches, batch, covarianceTrace, meanSquaredNorm, squaredNormOfMean } = reference.gradientNoise;
  const architecture = simpleVgg('tiny', reference.network.widths, reference.network.hidden);
  const weights = formulaWeights(architecture);
  const images = sampleImages();
  // Where webgpu is tried on a CPU a pass takes a second.
  const there = engineName === 'webgpu' ? test.skip : test;
  let compute: Compute;
  beforeAll(() => {
    compute = inThisThread(opened());
  });

  there("is PyTorch's for the same minibatches", async () => {
    const gradients: Float32Array[] = [];
    for (let k = 0; k < batches; k++) {
      const { gradient } = await compute.lossGradient(
        architecture,
        weights,
        imagesBetween(images, k * batch, (k + 1) * batch),
        { statistics: 'batch', batchSize: batch },
      );
      gradients.push(Float32Array.from(toVector(architecture, gradient)));
    }
    const noise = gradientNoise(gradients);
    expect(Math.abs(noise.covarianceTrace.value / covarianceTrace - 1)).toBeLessThan(1e-4);
    const square = noise.squaredNorm.value + noise.covarianceTrace.value / batches;
    expect(Math.abs(square / squaredNormOfMean - 1)).toBeLessThan(1e-4);
    const own = noise.squaredNorm.value + noise.covarianceTrace.value;
    expect(Math.abs(own / meanSquaredNorm - 1)).toBeLessThan(1e-4);
  });

  there('is measured on minibatches that share no image, the same under one seed', async () => {
    // With fixed statistics the mean over minibatches that hold all images is the whole gradient.
    const options = { statistics: 'fixed', batchSize: 16, batches: 4 } as const;
    const measure = (seed: number) =>
      measureGradientNoise(compute, architecture, weights, images, randomStream(seed), options);
    const noise = await measure(1);
    const { gradient } = await compute.lossGradient(architecture, weights, images, options);
    const square = toVector(architecture, gradient).reduce((sum, g) => sum + g * g, 0);
    expect(Math.abs((noise.squaredNorm.value + noise.covarianceTrace.value / 4) / square - 1)).toBeLessThan(
      1e-5,
    );
    expect(await measure(1)).toEqual(noise);
    expect((await measure(2)).covarianceTrace.value).not.toBe(noise.covarianceTrace.value);
  });

  there('asks for no more images than there are', async () => {
    const options = { statistics: 'batch', batchSize: 16, batches: 3 } as const;
    const few = firstImages(images, 47);
    await expect(
      measureGradientNoise(compute, architecture, weights, few, randomStream(1), options),
    ).rejects.toThrow('there are 47 images');
  });
});
