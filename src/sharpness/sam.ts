import type { Compute } from '../compute/compute';
import type { Dataset } from '../data/dataset';
import type { Architecture } from '../model/architecture';
import { fromVector, toVector } from '../model/vector';
import type { Weights } from '../model/weights';
import type { EvaluationOptions } from '../training/evaluate';
import { meanOf } from './estimate';

/** How far the loss rises along one step of ascent. */
export interface AscentSharpness {
  /** Mean cross entropy behind the step less that before it, in nats. */
  readonly rise: number;
  /**
   * Of the rise, if the images are seen as a sample of many more, by the differences image by image. It takes the step as
   * given, though the same images decide its direction.
   */
  readonly standardError: number;
}

export interface AscentOptions extends EvaluationOptions {
  /** Steps by each weight's own size. */
  readonly adaptive: boolean;
  /** The step's length; where left out, what the papers train CIFAR-10 with: 0.05, adaptive 0.5. */
  readonly rho?: number;
  /** Images a pass of the gradient. */
  readonly batchSize: number;
}

/** ρ of Foret et al. 2021, and of Kwon et al. 2021 for the adaptive step. */
const RHO = { plain: 0.05, adaptive: 0.5 } as const;

/**
 * The sharpness that SAM minimizes: L(w + δ) − L(w) with the step δ of {@link ascentStep}, over a data set in evaluation
 * mode. It goes over the images once for the gradient and twice for the losses.
 */
export async function ascentSharpness(
  compute: Compute,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  { adaptive, rho = adaptive ? RHO.adaptive : RHO.plain, batchSize, ...options }: AscentOptions,
): Promise<AscentSharpness> {
  const { gradient } = await compute.lossGradient(architecture, weights, dataset, {
    ...options,
    statistics: 'fixed',
    batchSize,
  });
  const at = toVector(architecture, weights);
  const step = ascentStep(at, toVector(architecture, gradient), rho, adaptive);
  const there = fromVector(
    architecture,
    weights,
    at.map((value, i) => value + step[i]),
  );
  const before = await compute.evaluateImages(architecture, weights, dataset, options);
  const behind = await compute.evaluateImages(architecture, there, dataset, options);
  const { value, standardError } = meanOf(
    Float64Array.from(behind.losses, (loss, i) => loss - before.losses[i]),
  );
  return { rise: value, standardError };
}

/**
 * The step to where the linearized loss is highest: ρ g/‖g‖ in the ball of radius ρ (SAM, Foret et al. 2021, eq. 2), or
 * ρ T²g/‖Tg‖ with T = diag |w| where each weight's distance is measured by its own size (adaptive SAM, Kwon et al. 2021),
 * which scaling a layer up and the next one down does not change. 0 where the gradient is 0.
 */
export function ascentStep(
  weights: Float64Array,
  gradient: Float64Array,
  rho: number,
  adaptive: boolean,
): Float64Array {
  const scale = (i: number) => (adaptive ? Math.abs(weights[i]) : 1);
  const scaled = gradient.map((g, i) => scale(i) * g);
  const norm = Math.sqrt(scaled.reduce((sum, value) => sum + value * value, 0));
  return scaled.map((value, i) => (norm === 0 ? 0 : (rho * scale(i) * value) / norm));
}
