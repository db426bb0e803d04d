import type { Compute } from '../compute/compute';
import { firstImages, type Dataset } from '../data/dataset';
import { directionSeedOf } from '../experiment/settings';
import { computeSharpnessCurve, rise } from '../landscape/curve';
import { normalizeDirection, randomDirection } from '../landscape/directions';
import { parameterCount, type Architecture } from '../model/architecture';
import type { Weights } from '../model/weights';
import { randomStream } from '../support/random';
import { meanOf } from '../sharpness/estimate';
import { measureGradientNoise } from '../sharpness/gradient-noise';
import { hessianOperator, hessianTrace, topEigenvalue } from '../sharpness/hessian';
import { keskarSharpness } from '../sharpness/keskar';
import { lossObjective } from '../sharpness/objective';
import { ascentSharpness } from '../sharpness/sam';
import { fullSpace, randomSubspace } from '../sharpness/subspace';
import { summarize, type EvaluationOptions } from '../training/evaluate';
import { STATISTICS_BATCH } from '../training/statistics';
import type { Measure } from './measure';
import type { MeasureFigures } from './results';

/** A minimizer to be measured. */
export interface Minimizer {
  readonly architecture: Architecture;
  readonly weights: Weights;
  /** The training images. */
  readonly train: Dataset;
  /** Of its training: all minimizers of a seed and network are measured along the same random draws. */
  readonly seed: number;
}

/** Images a pass of gradients in evaluation mode; it changes no more than the rounding. */
const IMAGES_A_PASS = 250;

/** Measures a minimizer. The figures depend on nothing but the arguments and the engine. */
export async function measureMinimizer(
  compute: Compute,
  { architecture, weights, train, seed }: Minimizer,
  measure: Measure,
  options: EvaluationOptions,
): Promise<MeasureFigures> {
  const random = (...purpose: (string | number)[]) => randomStream(seed, ...purpose);
  if (measure.kind === 'noise') {
    const { batchSize, batches } = measure;
    const noise = await measureGradientNoise(compute, architecture, weights, train, random('noise'), {
      statistics: 'batch',
      batchSize,
      batches,
      ...options,
    });
    const { signalToNoise, covarianceTrace, squaredNorm } = noise;
    return {
      ...signalToNoise,
      details: { covarianceTrace: covarianceTrace.value, squaredNorm: squaredNorm.value },
    };
  }

  const images = firstImages(train, measure.images);
  switch (measure.kind) {
    case 'rise': {
      const { alphas, directions, normalization } = measure;
      const known = summarize(await compute.evaluateImages(architecture, weights, images, options));
      const rises: number[] = [];
      for (let k = 0; k < directions; k++) {
        const noise = randomDirection(architecture, directionSeedOf(seed, k));
        const direction = normalizeDirection(architecture, noise, weights, normalization);
        const curve = await computeSharpnessCurve(compute, architecture, images, weights, direction, alphas, {
          ...options,
          known,
        });
        const losses = curve.points.map(({ loss }) => loss);
        rises.push(rise(alphas, losses));
      }
      return { ...meanOf(rises), details: { rises } };
    }
    case 'keskar': {
      const { space, epsilon, dimension } = measure;
      const size = parameterCount(architecture);
      const subspace =
        dimension === undefined
          ? fullSpace(size)
          : randomSubspace(size, dimension, random('subspace', architecture.name));
      const objective = lossObjective(compute, architecture, weights, images, {
        statistics: 'batch',
        batchSize: Math.min(images.count, STATISTICS_BATCH),
        ...options,
      });
      const box = random('box', architecture.name, space, epsilon);
      const found = await keskarSharpness(objective, subspace, epsilon, box);
      const { sharpness, standardError, loss, maximum, fromCentre, fromRandom } = found;
      return { value: sharpness, standardError, details: { loss, maximum, fromCentre, fromRandom } };
    }
    case 'sam': {
      const { adaptive, rho } = measure;
      const found = await ascentSharpness(compute, architecture, weights, images, {
        adaptive,
        rho,
        batchSize: IMAGES_A_PASS,
        ...options,
      });
      return { value: found.rise, standardError: found.standardError, details: {} };
    }
    case 'eigenvalue': {
      const { largest, smallest } = await topEigenvalue(
        hessian(images),
        random('lanczos', architecture.name),
      );
      return {
        value: largest.value,
        standardError: NaN,
        details: { residual: largest.residual, smallest: smallest.value },
      };
    }
    case 'trace': {
      const { samples } = measure;
      const found = await hessianTrace(hessian(images), random('trace', architecture.name), samples);
      return { value: found.trace, standardError: found.standardError, details: {} };
    }
  }

  function hessian(images: Dataset) {
    return hessianOperator(compute, architecture, weights, images, {
      batchSize: IMAGES_A_PASS,
      ...options,
    });
  }
}
