import { beforeAll, describe, expect, test } from '@jest/globals';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { imageBytes, imagesBetween, type Dataset } from '../../src/data/dataset';
import { computeMeasure, imagesOf, type Measured, type Subject } from '../../src/executors/measuring';
import { costOf } from '../../src/jobs/job';
import type { Measure } from '../../src/jobs/measure';
import type { Value } from '../../src/jobs/result';
import type { Minimizer, Training } from '../../src/jobs/training';
import { normalizeDirection, perturbed, randomDirection } from '../../src/landscape/directions';
import { pathPoint } from '../../src/landscape/parametric';
import { initialWeights, parameterCount } from '../../src/model/architecture';
import { measureGradientNoise } from '../../src/sharpness/gradient-noise';
import { hessianOperator, hessianTrace, topEigenvalue } from '../../src/sharpness/hessian';
import { keskarSharpness } from '../../src/sharpness/keskar';
import { lossObjective } from '../../src/sharpness/objective';
import { ascentSharpness } from '../../src/sharpness/sam';
import { fullSpace, randomSubspace } from '../../src/sharpness/subspace';
import { UserError } from '../../src/support/errors';
import { randomStream } from '../../src/support/random';
import { evaluateImages, summarize } from '../../src/training/evaluate';
import { TINY_VGG_WITHOUT_DROPOUT as TINY } from '../helpers/arbitraries';
import { specEngine } from '../helpers/engine';
import { tinyData, tinyTraining } from '../helpers/kernel';

const SEED = 5;

type Kind<K extends Measure['kind']> = Omit<Extract<Measure, { kind: K }>, 'of'>;

const EVALUATION: Kind<'evaluation'> = { kind: 'evaluation', images: { to: 20 } };
const CURVE: Kind<'curve'> = { kind: 'curve', directionSeed: 7, alphas: [-0.5, 1], images: { to: 20 } };
const PHI: Kind<'phi'> = { kind: 'phi', epsilon: 1e-3, images: { to: 24 } };
const SUBSPACE: Kind<'phi'> = { ...PHI, space: 'subspace', dimension: 3, orthonormal: true };
const SAM: Kind<'sam'> = { kind: 'sam', rho: 0.05, images: { to: 24 } };
const ADAPTIVE_SAM: Kind<'sam'> = { ...SAM, adaptive: true, rho: 0.5 };
const EIGENVALUE: Kind<'eigenvalue'> = { kind: 'eigenvalue', images: { to: 16 } };
const TRACE: Kind<'trace'> = { kind: 'trace', samples: 3, images: { to: 16 } };
const NOISE: Kind<'noise'> = { kind: 'noise', batchSize: 8, batches: 3, images: { from: 8, to: 48 } };
const PATH: Kind<'path'> = {
  kind: 'path',
  alpha: 0.25,
  path: 'curved',
  images: { to: 32 },
  testImages: { to: 12 },
};
const ALL = [EVALUATION, CURVE, PHI, SUBSPACE, SAM, ADAPTIVE_SAM, EIGENVALUE, TRACE, NOISE, PATH];

describe('a measure', () => {
  let compute: Compute;
  let subject: Subject;
  let training: Training;
  let images: (count: number) => Dataset;
  beforeAll(async () => {
    compute = inThisThread(await specEngine());
    training = await tinyTraining({ seed: SEED });
    const weights = [SEED, SEED + 1].map((seed) => initialWeights(TINY, randomStream(seed, 'weights')));
    subject = { architecture: TINY, weights, data: tinyData() };
    images = (count) => imagesBetween(subject.data.train, 0, count);
  });

  const measureOf = (own: (typeof ALL)[number]): Measure => {
    const of: Minimizer[] = own.kind === 'path' ? [{ training }, { training }] : [{ training }];
    return { ...own, of } as Measure;
  };
  const measured = (own: (typeof ALL)[number], onImages: (count: number) => void = () => {}) =>
    computeMeasure(compute, subject, measureOf(own), { onImages });
  const valueOf = async (own: (typeof ALL)[number]) => (await measured(own)).figures as Value;

  test('gives the same bits whatever was measured before it', async () => {
    const results: Measured[] = [];
    for (const own of ALL) results.push(await measured(own));
    const again: Measured[] = [];
    for (const own of [...ALL].reverse()) again.unshift(await measured(own));
    expect(again).toEqual(results);
  });

  test('of kind evaluation is that of the images, in either split', async () => {
    const engine = await specEngine();
    for (const split of ['train', 'test'] as const) {
      const { figures, perImage } = await measured({ ...EVALUATION, split, images: { from: 2, to: 16 } });
      const block = imagesBetween(subject.data[split], 2, 16);
      const direct = await evaluateImages(engine, TINY, subject.weights[0], block);
      expect(perImage).toEqual(direct);
      expect(figures).toEqual(summarize(direct));
    }
  });

  test('of kind curve is an evaluation at each α along the normalized direction', async () => {
    const { figures, perImage } = await measured(CURVE);
    const noise = randomDirection(TINY, CURVE.directionSeed);
    const direction = normalizeDirection(TINY, noise, subject.weights[0], 'filter');
    const direct = [];
    for (const alpha of CURVE.alphas) {
      const there = perturbed(subject.weights[0], direction, alpha);
      direct.push(await compute.evaluateImages(TINY, there, images(20)));
    }
    expect(figures).toEqual({ points: direct.map(summarize) });
    expect([...perImage!.losses]).toEqual(direct.flatMap(({ losses }) => [...losses]));
    expect([...perImage!.correct]).toEqual(direct.flatMap(({ correct }) => [...correct]));
    const layer = await measured({ ...CURVE, normalization: 'layer' });
    expect(layer.figures).not.toEqual(figures);
  });

  test('of kind phi is Metric 2.1 with batch statistics, in the full space or a subspace', async () => {
    const size = parameterCount(TINY);
    const phi = async (own: Kind<'phi'>, statistics: 'batch' | 'fixed' = 'batch') => {
      const { dimension, orthonormal, space = 'full', epsilon } = own;
      const options = { statistics, batchSize: 24 };
      const objective = lossObjective(compute, TINY, subject.weights[0], images(24), options);
      const where =
        dimension === undefined
          ? fullSpace(size)
          : randomSubspace(size, dimension, randomStream(SEED, 'subspace'), { orthonormal });
      return keskarSharpness(objective, where, epsilon, randomStream(SEED, 'box', space, epsilon));
    };
    for (const own of [PHI, SUBSPACE]) {
      const { sharpness, maximum, loss } = await phi(own);
      expect(sharpness).toBeGreaterThan(0);
      expect(await valueOf(own)).toMatchObject({ value: sharpness, details: { loss, maximum } });
    }
    const fixed = await phi(PHI, 'fixed');
    expect((await valueOf({ ...PHI, batchNorm: 'fixed' })).value).toBe(fixed.sharpness);
    expect(fixed.sharpness).not.toBe((await phi(PHI)).sharpness);
  });

  test('of kind sam is the rise by a step of its length, plain or adaptive', async () => {
    for (const own of [SAM, ADAPTIVE_SAM]) {
      const { adaptive = false, rho } = own;
      const options = { adaptive, rho, batchSize: 250 };
      const direct = await ascentSharpness(compute, TINY, subject.weights[0], images(24), options);
      const { rise: value, standardError } = direct;
      expect(await valueOf(own)).toEqual({ value, standardError, details: {} });
    }
  });

  test('of kind eigenvalue or trace is that of the Hessian', async () => {
    const hessian = hessianOperator(compute, TINY, subject.weights[0], images(16), { batchSize: 250 });
    const { largest, smallest } = await topEigenvalue(hessian, randomStream(SEED, 'lanczos'));
    expect(await valueOf(EIGENVALUE)).toEqual({
      value: largest.value,
      standardError: NaN,
      details: { residual: largest.residual, smallest: smallest.value },
    });
    const { trace, standardError } = await hessianTrace(hessian, randomStream(SEED, 'trace'), 3);
    expect(await valueOf(TRACE)).toEqual({ value: trace, standardError, details: {} });
  });

  test('of kind noise is that of minibatches drawn from the block', async () => {
    const { signalToNoise } = await measureGradientNoise(
      compute,
      TINY,
      subject.weights[0],
      imagesBetween(subject.data.train, 8, 48),
      randomStream(SEED, 'noise'),
      { statistics: 'batch', batchSize: 8, batches: 3 },
    );
    expect(await valueOf(NOISE)).toMatchObject(signalToNoise);
  });

  test('of kind path is the point between the two minimizers, on images of both splits', async () => {
    const splits = { train: images(32), test: imagesBetween(subject.data.test, 0, 12) };
    const [first, second] = subject.weights;
    for (const statistics of ['recomputed', 'fixed'] as const) {
      const direct = await pathPoint(compute, TINY, splits, [first, second], 0.25, {
        path: 'curved',
        statistics,
        batchSize: 32,
      });
      const { figures } = await measured({ ...PATH, pathStatistics: statistics });
      expect(figures).toEqual(direct);
    }
  });

  test('takes about as many images as its cost says, and never many more', async () => {
    for (const own of ALL) {
      let passed = 0;
      await measured(own, (count) => (passed += count));
      const { training: withGradient, evaluation } = costOf({ measure: measureOf(own) });
      const said = withGradient + evaluation;
      const isExact = ['evaluation', 'curve', 'sam', 'trace', 'noise', 'path'].includes(own.kind);
      if (isExact) expect([own.kind, passed]).toEqual([own.kind, said]);
      // A line search may take a few evaluations more.
      else expect(passed).toBeLessThan(1.5 * said);
    }
  });
});

describe('a block of images', () => {
  const { train } = tinyData();
  const size = imageBytes(train.kind);
  /** Each image with its label, as text. */
  const pixels = ({ images, labels }: Dataset) =>
    Array.from(labels, (label, index) => {
      const bytes = images.subarray(index * size, (index + 1) * size);
      return `${label} ${Buffer.from(bytes).toString('base64')}`;
    });

  test('in the order of a seed is the same set of images in another order, for each seed its own', () => {
    const own = pixels(imagesOf(train, { to: train.count }));
    const [one, other] = [1, 2].map((orderSeed) => pixels(imagesOf(train, { orderSeed, to: train.count })));
    expect(own).toEqual(pixels(train));
    expect([...one].sort()).toEqual([...own].sort());
    expect(one).not.toEqual(own);
    expect(one).not.toEqual(other);
  });

  test('and the block behind it together are the whole, in any order', () => {
    for (const orderSeed of [undefined, 3]) {
      const whole = pixels(imagesOf(train, { orderSeed, to: 40 }));
      for (const middle of [1, 17, 39]) {
        const blocks = [
          imagesOf(train, { orderSeed, to: middle }),
          imagesOf(train, { orderSeed, from: middle, to: 40 }),
        ];
        expect(blocks.flatMap(pixels)).toEqual(whole);
        expect(blocks.map(({ count }) => count)).toEqual([middle, 40 - middle]);
      }
    }
  });

  test('beyond the images that there are is refused', () => {
    for (const orderSeed of [undefined, 3]) {
      expect(() => imagesOf(train, { orderSeed, from: 40, to: train.count + 1 })).toThrow(UserError);
    }
  });
});
