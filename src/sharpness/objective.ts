import type { Compute } from '../compute/compute';
import type { Dataset } from '../data/dataset';
import { parameterCount, type Architecture } from '../model/architecture';
import { fromVector, toVector } from '../model/vector';
import type { Weights } from '../model/weights';
import type { GradientOptions } from '../training/gradient';

/** A loss, and what it is the mean of. */
export interface BatchedLoss {
  /** Mean loss in nats. */
  readonly loss: number;
  /** Of each batch of images; all but the last are of one size. */
  readonly batchLosses: readonly number[];
}

/** A network's loss as a function of all its trainable parameters in one vector (see vector.ts). */
export interface Objective {
  /** How many parameters there are. */
  readonly size: number;
  /** Where the network stands. */
  readonly minimizer: Float64Array;
  /** The loss at x, with its gradient written into `gradient`; both [size]. */
  evaluate(x: Float64Array, gradient: Float64Array): Promise<BatchedLoss>;
}

/** The loss of a network over a data set, without dropout. */
export function lossObjective(
  compute: Compute,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  options: GradientOptions,
): Objective {
  return {
    size: parameterCount(architecture),
    minimizer: toVector(architecture, weights),
    async evaluate(x, gradient) {
      const there = fromVector(architecture, weights, x);
      const result = await compute.lossGradient(architecture, there, dataset, options);
      toVector(architecture, result.gradient, gradient);
      return result;
    },
  };
}
