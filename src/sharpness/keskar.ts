import { minimizeInBox } from '../optimize/lbfgsb';
import type { RandomStream } from '../support/random';
import { meanOf } from './estimate';
import type { BatchedLoss, Objective } from './objective';
import type { Subspace } from './subspace';

/** Iterations of the maximization (Keskar et al. 2017, section 2.2.2). */
const ITERATIONS = 10;

/** How sharp a minimizer is by Metric 2.1. */
export interface KeskarSharpness {
  /** φ = (max f − f(x)) / (1 + f(x)) · 100, 0 or more. */
  readonly sharpness: number;
  /**
   * Standard error of φ for the images being a sample: of the mean over batches of what the maximizer adds to a batch's
   * loss. NaN for fewer than two batches. The maximizer being found on the same images, φ over more of them is lower.
   */
  readonly standardError: number;
  /** f(x) in nats. */
  readonly loss: number;
  /** The highest f that was found in the box, f(x) included. */
  readonly maximum: number;
  /** φ by the maximization from the box's centre alone, and by that from a random point of it alone. */
  readonly fromCentre: number;
  readonly fromRandom: number;
  /** Evaluations of f and its gradient. */
  readonly evaluations: number;
}

/**
 * The sharpness of Keskar et al. 2017 (Metric 2.1): how far f can rise within the box |z_i| ≤ ε(|(A⁺x)_i| + 1) around a
 * minimizer x, looked for by a few iterations of L-BFGS-B. It is a lower bound of the true maximum: 10 iterations come
 * within a few percent of it on small networks. It is not invariant under reparametrizations that leave the network's
 * function as it is (Dinh et al. 2017).
 *
 * @param subspace A.
 * @param epsilon ε, above 0; the paper has 1e-3 and 5e-4.
 * @param random where a second maximization starts, uniformly in the box; the first starts at 0.
 * @param start further points z to start from, such as the maximizer in a smaller box.
 * @returns and `maximizer`, the best z found, [p].
 */
export async function keskarSharpness(
  objective: Objective,
  subspace: Subspace,
  epsilon: number,
  random: RandomStream,
  start: readonly Float64Array[] = [],
): Promise<KeskarSharpness & { readonly maximizer: Float64Array }> {
  const { size, minimizer } = objective;
  const upper = subspace.coordinates(minimizer).map((value) => epsilon * (Math.abs(value) + 1));
  const lower = upper.map((bound) => -bound);
  const x = new Float64Array(size);
  const slope = new Float64Array(size);
  let evaluations = 0;

  /** f(x + Az), with the gradient of −f by z. */
  const evaluate = async (z: Float64Array, gradient: Float64Array) => {
    subspace.apply(z, x);
    for (let i = 0; i < size; i++) x[i] += minimizer[i];
    const there = await objective.evaluate(x, slope);
    evaluations++;
    subspace.transpose(slope, gradient);
    for (let i = 0; i < gradient.length; i++) gradient[i] = -gradient[i];
    return there;
  };
  /** Exactly so many iterations: at a good minimizer the gradient is as small as a tolerance for it. */
  const options = { iterations: ITERATIONS, functionTolerance: 0, gradientTolerance: 0 };
  /** With f at the start, which lies in the box, and at the maximizer. */
  const maximize = async (z: Float64Array) => {
    const tried: BatchedLoss[] = [];
    const negative = async (at: Float64Array, gradient: Float64Array) => {
      tried.push(await evaluate(at, gradient));
      return -tried[tried.length - 1].loss;
    };
    const { value, x: maximizer } = await minimizeInBox({ lower, upper, evaluate: negative }, z, options);
    const { batchLosses } = tried.find(({ loss }) => Object.is(-loss, value))!;
    return { maximum: -value, batchLosses, maximizer, atStart: tried[0] };
  };

  const centre = new Float64Array(subspace.dimension);
  const fromCentre = await maximize(centre);
  const { loss, batchLosses } = fromCentre.atStart;
  const fromRandom = await maximize(upper.map((bound) => bound * (2 * random.uniform() - 1)));
  const all = [{ maximum: loss, batchLosses, maximizer: centre }, fromCentre, fromRandom];
  for (const z of start) all.push(await maximize(z));
  const best = all.reduce((one, other) => (other.maximum > one.maximum ? other : one));
  const rise = meanOf(best.batchLosses.map((value, batch) => value - batchLosses[batch]));
  const sharpnessOf = (maximum: number) => (100 * Math.max(0, maximum - loss)) / (1 + loss);
  return {
    sharpness: sharpnessOf(best.maximum),
    standardError: (100 * rise.standardError) / (1 + loss),
    loss,
    maximum: best.maximum,
    fromCentre: sharpnessOf(fromCentre.maximum),
    fromRandom: sharpnessOf(fromRandom.maximum),
    evaluations,
    maximizer: best.maximizer,
  };
}
