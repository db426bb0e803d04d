import type { Compute } from '../compute/compute';
import { settled } from '../support/settled';
import { gatherBatch } from '../data/batches';
import type { Dataset } from '../data/dataset';
import { UserError } from '../support/errors';
import type { Architecture } from '../model/architecture';
import { toVector } from '../model/vector';
import type { Weights } from '../model/weights';
import { permutation, type RandomStream } from '../support/random';
import type { GradientOptions } from '../training/gradient';
import { jackknifeError, type Estimate } from './estimate';

/**
 * The noise of minibatch gradients at one point: they have the mean g and the covariance Σ. All standard errors are by
 * the jackknife over the minibatches.
 */
export interface GradientNoise {
  /** tr Σ, with Bessel's correction. */
  readonly covarianceTrace: Estimate;
  /** ‖g‖² without bias (the mean's own noise taken off), so that it may fall below 0. */
  readonly squaredNorm: Estimate;
  /** ‖g‖² / tr Σ: well-behaved also where the gradient is hidden by its noise. */
  readonly signalToNoise: Estimate;
  /** tr Σ / ‖g‖²; Infinity where the estimate of ‖g‖² is not above 0. */
  readonly noiseToSignal: number;
  /** Of the natural logarithm of it; Infinity where ‖g‖² is not above 0, or is not without one of the minibatches. */
  readonly logStandardError: number;
  /** How many minibatches there were. */
  readonly batches: number;
}

/** Leaving one out must leave two. */
const FEWEST = 3;

/**
 * What gradients of minibatches, drawn alike, say of their noise. Everything follows from their K² products with each
 * other: the mean of g_k·g_l over k ≠ l is ‖g‖² without bias, and that of ‖g_k‖² is ‖g‖² + tr Σ.
 *
 * @param gradients at least 3, all of one length.
 */
export function gradientNoise(gradients: readonly Float32Array[]): GradientNoise {
  const batches = gradients.length;
  if (batches < FEWEST) throw new UserError(`Gradient noise takes at least ${FEWEST} minibatches.`);
  const gram = gradients.map((a, k) => gradients.map((b, l) => (l < k ? 0 : dot(a, b))));
  for (let k = 0; k < batches; k++) for (let l = 0; l < k; l++) gram[k][l] = gram[l][k];

  const all = estimate(gram);
  const without = gram.map((_, k) => estimate(gram, k));
  const estimated = (of: (e: typeof all) => number): Estimate => ({
    value: of(all),
    standardError: jackknifeError(without.map(of)),
  });
  const signalToNoise = estimated(({ norm, trace }) => norm / trace);
  const hidden = [all, ...without].some(({ norm }) => norm <= 0);
  return {
    covarianceTrace: estimated(({ trace }) => trace),
    squaredNorm: estimated(({ norm }) => norm),
    signalToNoise,
    noiseToSignal: all.norm > 0 ? all.trace / all.norm : Infinity,
    logStandardError: hidden
      ? Infinity
      : jackknifeError(without.map(({ norm, trace }) => Math.log(trace / norm))),
    batches,
  };
}

/** ‖g‖² and tr Σ without bias. @param left the minibatch that is left out, if one is. */
function estimate(gram: readonly (readonly number[])[], left?: number): { norm: number; trace: number } {
  const count = left === undefined ? gram.length : gram.length - 1;
  let own = 0;
  let mutual = 0;
  gram.forEach((row, k) =>
    row.forEach((product, l) => {
      if (k === left || l === left) return;
      if (k === l) own += product;
      else mutual += product;
    }),
  );
  const norm = mutual / (count * (count - 1));
  return { norm, trace: own / count - norm };
}

export interface NoiseOptions extends GradientOptions {
  /** How many minibatches of `batchSize` images, at least 3. */
  readonly batches: number;
}

/**
 * The noise of a network's minibatch gradients, without dropout. The minibatches are drawn without replacement, and all
 * estimates see the images as a sample of many more. Keeps 4 bytes for each parameter and minibatch.
 *
 * @param random where the order of the images comes from.
 * @throws UserError if the data set holds fewer images than the minibatches take.
 */
export async function measureGradientNoise(
  compute: Compute,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  random: RandomStream,
  { batches, ...options }: NoiseOptions,
): Promise<GradientNoise> {
  const { batchSize } = options;
  if (batches * batchSize > dataset.count) {
    throw new UserError(
      `${batches} minibatches of ${batchSize} images were asked for, and there are ${dataset.count} images.`,
    );
  }
  const order = permutation(dataset.count, random);
  const gradients: Float32Array[] = [];
  // As many side by side as there are workers; one minibatch keeps one of them busy.
  for (let from = 0; from < batches; from += compute.info.workers) {
    const side = Math.min(compute.info.workers, batches - from);
    gradients.push(...(await settled(Array.from({ length: side }, (_, i) => gradientOf(from + i)))));
  }
  return gradientNoise(gradients);

  async function gradientOf(batch: number): Promise<Float32Array> {
    const { size, ...images } = gatherBatch(
      dataset,
      order.subarray(batch * batchSize, (batch + 1) * batchSize),
    );
    const minibatch = { ...images, count: size };
    const { gradient } = await compute.lossGradient(architecture, weights, minibatch, options);
    return new Float32Array(toVector(architecture, gradient));
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
