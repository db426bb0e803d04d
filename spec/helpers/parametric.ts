import type { Compute } from '../../src/compute/compute';
import type { Dataset, Split } from '../../src/data/dataset';
import { pathPoint, type PathOptions, type PathPoint } from '../../src/landscape/parametric';
import type { Architecture } from '../../src/model/architecture';
import type { Weights } from '../../src/model/weights';
import type { Regime } from '../../src/training/regime';

/** The points of a path from SB to LB at some alphas, in their order; `onPoint` receives each as it is done. */
export async function parametricPlot(
  compute: Compute,
  architecture: Architecture,
  data: Readonly<Record<Split, Dataset>>,
  { SB, LB }: Readonly<Record<Regime, Weights>>,
  alphas: readonly number[],
  { onPoint, ...options }: PathOptions & { readonly onPoint?: (point: { readonly alpha: number }) => void },
): Promise<(PathPoint & { readonly alpha: number })[]> {
  const points: (PathPoint & { readonly alpha: number })[] = [];
  for (const alpha of alphas) {
    const point = { alpha, ...(await pathPoint(compute, architecture, data, [SB, LB], alpha, options)) };
    points.push(point);
    onPoint?.(point);
  }
  return points;
}
