import type { Compute } from '../compute/compute';
import type { Dataset } from '../data/dataset';
import type { Architecture } from '../model/architecture';
import type { Weights } from '../model/weights';
import { summarize, type Evaluation, type EvaluationOptions } from '../training/evaluate';
import { perturbed } from './directions';

/** A one-dimensional loss curve: at each α, how the network θ + αd does. */
export interface Curve {
  readonly alphas: readonly number[];
  readonly points: readonly Evaluation[];
}

/**
 * The loss curve L(θ + αd) in evaluation mode over a whole data set.
 *
 * The weights are never written to: each α is evaluated on a perturbed copy, so there is nothing to restore,
 * whatever happens on the way.
 *
 * @param direction already normalized; see normalizeDirection.
 * @param known the evaluation of θ itself, where it has been made already, used at α = 0.
 */
export async function computeSharpnessCurve(
  compute: Compute,
  architecture: Architecture,
  data: Dataset,
  weights: Weights,
  direction: Weights,
  alphas: readonly number[],
  { known, ...options }: EvaluationOptions & { readonly known?: Evaluation } = {},
): Promise<Curve> {
  const points: Evaluation[] = [];
  for (const alpha of alphas) {
    if (alpha === 0 && known) {
      points.push(known);
      continue;
    }
    const there = perturbed(weights, direction, alpha);
    points.push(summarize(await compute.evaluateImages(architecture, there, data, options)));
  }
  return { alphas, points };
}

/** `count` alphas evenly over [−1, 1]; an odd count has 0 among them. */
export function evenAlphas(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (2 * i - (count - 1)) / (count - 1));
}

/**
 * How far a curve rises: the mean over its alphas of the value at α less the value at 0.
 *
 * @param values one an alpha, such as losses in nats or error rates.
 * @returns NaN where the alphas lack 0.
 */
export function rise(alphas: readonly number[], values: readonly number[]): number {
  const atMinimizer = values[alphas.indexOf(0)] ?? NaN;
  return values.reduce((sum, value) => sum + (value - atMinimizer), 0) / values.length;
}
