import type { Compute } from '../compute/compute';
import type { Dataset, Split } from '../data/dataset';
import { isTrainable, tensorSpecs, type Architecture } from '../model/architecture';
import { tensorNamed, type HostTensor, type Weights } from '../model/weights';
import { summarize, type Evaluation, type EvaluationOptions } from '../training/evaluate';

/** The ways from SB to LB: Keskar et al. 2017, Figure 3 and Figure 7. */
export const PATHS = ['straight', 'curved'] as const;
export type Path = (typeof PATHS)[number];

/**
 * What batch norm of a network on the way normalizes by: statistics taken anew over the training images at each α, or
 * SB's running ones throughout.
 */
export const PLOT_STATISTICS = ['recomputed', 'fixed'] as const;
export type PlotStatistics = (typeof PLOT_STATISTICS)[number];

/** The paper's 25 points, evenly over [−1, 2]; 0 is SB and 1 is LB. */
export const PLOT_ALPHAS: readonly number[] = Array.from({ length: 25 }, (_, i) => -1 + i / 8);

/**
 * A network on the way from SB to LB and beyond: α LB + (1 − α) SB on the straight path, sin(απ/2) LB + cos(απ/2) SB
 * on the curved one. α = 0 gives SB itself, bit for bit, and on the straight path α = 1 gives LB's trainable tensors.
 *
 * @returns every trainable tensor interpolated; running statistics are SB's.
 */
export function interpolated(
  architecture: Architecture,
  smallBatch: Weights,
  largeBatch: Weights,
  alpha: number,
  path: Path,
): Weights {
  const [ofSmall, ofLarge] = factors(alpha, path);
  if (ofLarge === 0 && ofSmall === 1) return smallBatch;
  const there = new Map<string, HostTensor>(smallBatch);
  for (const { name } of tensorSpecs(architecture).filter(isTrainable)) {
    const [small, large] = [tensorNamed(smallBatch, name), tensorNamed(largeBatch, name)];
    // Without arithmetic, which would turn −0 into 0.
    if (ofSmall === 0 && ofLarge === 1) there.set(name, large);
    else {
      const data = small.data.map((value, i) => ofSmall * value + ofLarge * large.data[i]);
      there.set(name, { shape: small.shape, data });
    }
  }
  return there;
}

function factors(alpha: number, path: Path): readonly [number, number] {
  if (path === 'straight') return [1 - alpha, alpha];
  const angle = (alpha * Math.PI) / 2;
  return [Math.cos(angle), Math.sin(angle)];
}

/**
 * Loss and accuracy at one point of the path between two networks, over whole data sets, in evaluation mode.
 *
 * @param weights at α = 0 and at α = 1.
 */
export async function pathPoint(
  compute: Compute,
  architecture: Architecture,
  data: Readonly<Record<Split, Dataset>>,
  [first, second]: readonly [Weights, Weights],
  alpha: number,
  { path, statistics, batchSize, ...options }: PathOptions,
): Promise<PathPoint> {
  const between = interpolated(architecture, first, second, alpha, path);
  const network =
    statistics === 'fixed'
      ? between
      : await compute.batchStatistics(architecture, between, data.train, { batchSize, ...options });
  const train = summarize(await compute.evaluateImages(architecture, network, data.train, options));
  const test = summarize(await compute.evaluateImages(architecture, network, data.test, options));
  return { train, test };
}

/** How the network at a point of a path does. */
export interface PathPoint {
  readonly train: Evaluation;
  readonly test: Evaluation;
}

export interface PathOptions extends EvaluationOptions {
  readonly path: Path;
  readonly statistics: PlotStatistics;
  /** Images a pass for statistics that are recomputed, at least 2; see batchStatistics. */
  readonly batchSize: number;
}
