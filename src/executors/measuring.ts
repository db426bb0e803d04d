import type { Compute } from '../compute/compute';
import { gatherImages, imagesBetween, type Dataset, type Split } from '../data/dataset';
import { normalizeDirection, perturbed, randomDirection } from '../landscape/directions';
import { pathPoint } from '../landscape/parametric';
import { MEASURE_DEFAULTS, type Images, type Measure } from '../jobs/measure';
import type { MeasureResult, Value } from '../jobs/result';
import { parameterCount, type Architecture } from '../model/architecture';
import type { Weights } from '../model/weights';
import { measureGradientNoise } from '../sharpness/gradient-noise';
import { hessianOperator, hessianTrace, topEigenvalue } from '../sharpness/hessian';
import { keskarSharpness } from '../sharpness/keskar';
import { lossObjective } from '../sharpness/objective';
import { ascentSharpness } from '../sharpness/sam';
import { fullSpace, randomSubspace } from '../sharpness/subspace';
import { UserError } from '../support/errors';
import { permutation, randomStream } from '../support/random';
import {
  joinedImageResults,
  summarize,
  type EvaluationOptions,
  type ImageResults,
} from '../training/evaluate';
import { STATISTICS_BATCH } from '../training/statistics';

/** What a measure is computed on. */
export interface Subject {
  readonly architecture: Architecture;
  /** One entry for each minimizer that is measured. */
  readonly weights: readonly Weights[];
  /** The training images of the first minimizer's training, and the whole test set. */
  readonly data: Readonly<Record<Split, Dataset>>;
}

/** Figures, and where the measure has them, the loss of every image. */
export interface Measured {
  readonly figures: MeasureResult['figures'];
  readonly perImage?: ImageResults;
}

/** Images in a pass of gradients in evaluation mode; it changes no more than the rounding. */
const GRADIENT_BATCH = 250;

/** Computes a measure. The figures depend on nothing but the arguments and the engine. */
export async function computeMeasure(
  compute: Compute,
  { architecture, weights: all, data }: Subject,
  measure: Measure,
  options: EvaluationOptions,
): Promise<Measured> {
  const [weights] = all;
  const { seed } = measure.of[0].training;
  const images = imagesOf(data[measure.split ?? 'train'], measure.images);
  // All minimizers of a seed are measured along the same random draws.
  const random = (...purpose: (string | number)[]) => randomStream(seed, ...purpose);
  const gradientOptions = { batchSize: GRADIENT_BATCH, ...options };
  const value = (figures: Omit<Value, 'details'>, details: Value['details'] = {}) => ({
    figures: { ...figures, details },
  });
  switch (measure.kind) {
    case 'evaluation': {
      const perImage = await compute.evaluateImages(architecture, weights, images, options);
      return { figures: summarize(perImage), perImage };
    }
    case 'curve': {
      const { directionSeed, normalization = MEASURE_DEFAULTS.curve.normalization, alphas } = measure;
      const noise = randomDirection(architecture, directionSeed);
      const direction = normalizeDirection(architecture, noise, weights, normalization);
      const points: ImageResults[] = [];
      for (const alpha of alphas) {
        const there = perturbed(weights, direction, alpha);
        points.push(await compute.evaluateImages(architecture, there, images, options));
      }
      return { figures: { points: points.map(summarize) }, perImage: joinedImageResults(points) };
    }
    case 'phi': {
      const { space = 'full', epsilon, dimension, orthonormal, batchNorm = 'batch' } = measure;
      const size = parameterCount(architecture);
      const subspace =
        dimension === undefined
          ? fullSpace(size)
          : randomSubspace(size, dimension, random('subspace'), { orthonormal });
      const objective = lossObjective(compute, architecture, weights, images, {
        statistics: batchNorm,
        batchSize: Math.min(images.count, STATISTICS_BATCH),
        ...options,
      });
      const found = await keskarSharpness(objective, subspace, epsilon, random('box', space, epsilon));
      const { sharpness, standardError, loss, maximum, fromCentre, fromRandom, evaluations } = found;
      return value(
        { value: sharpness, standardError },
        { loss, maximum, fromCentre, fromRandom, evaluations },
      );
    }
    case 'sam': {
      const { adaptive = false, rho } = measure;
      const { rise, standardError } = await ascentSharpness(compute, architecture, weights, images, {
        adaptive,
        rho,
        ...gradientOptions,
      });
      return value({ value: rise, standardError });
    }
    case 'eigenvalue': {
      const hessian = hessianOperator(compute, architecture, weights, images, gradientOptions);
      const { largest, smallest } = await topEigenvalue(hessian, random('lanczos'));
      return value(
        { value: largest.value, standardError: NaN },
        { residual: largest.residual, smallest: smallest.value },
      );
    }
    case 'trace': {
      const hessian = hessianOperator(compute, architecture, weights, images, gradientOptions);
      const { trace, standardError } = await hessianTrace(hessian, random('trace'), measure.samples);
      return value({ value: trace, standardError });
    }
    case 'noise': {
      const { batchSize, batches } = measure;
      const noise = await measureGradientNoise(compute, architecture, weights, images, random('noise'), {
        statistics: 'batch',
        batchSize,
        batches,
        ...options,
      });
      const { signalToNoise, covarianceTrace, squaredNorm } = noise;
      return value(signalToNoise, {
        covarianceTrace: covarianceTrace.value,
        squaredNorm: squaredNorm.value,
      });
    }
    case 'path': {
      const { alpha, path = 'straight', pathStatistics = 'recomputed', testImages } = measure;
      const splits = { train: images, test: imagesOf(data.test, testImages) };
      const point = await pathPoint(compute, architecture, splits, [all[0], all[1]], alpha, {
        path,
        statistics: pathStatistics,
        batchSize: Math.min(images.count, STATISTICS_BATCH),
        ...options,
      });
      return { figures: point };
    }
  }
}

/**
 * A block of images of a data set, in its own order or in the order that a seed draws.
 *
 * @throws UserError if there are fewer images.
 */
export function imagesOf(dataset: Dataset, { orderSeed, from = 0, to }: Images): Dataset {
  if (to > dataset.count) {
    throw new UserError(`The measure takes ${to} images, and there are ${dataset.count}.`);
  }
  if (orderSeed === undefined) return imagesBetween(dataset, from, to);
  const order = permutation(dataset.count, randomStream(orderSeed, 'image order'));
  return gatherImages(dataset, order.subarray(from, to));
}
