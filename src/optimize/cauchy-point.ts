import { clamp, type Box } from './box';
import { dot, project, rowOf, timesMiddle, type LimitedMemory } from './limited-memory';

/** What the search for the Cauchy point writes to. */
export interface CauchyBuffers {
  /** [n]: the point. */
  readonly point: Float64Array;
  /** [n] of 0 and 1: which variables lie at a bound there and are to stay. */
  readonly bound: Uint8Array;
  /** [2 m]: Wᵀ(point − x), of which 2 · `memory.size` are used. */
  readonly displacement: Float64Array;
  /** [n] each, for use in between. */
  readonly direction: Float64Array;
  readonly times: Float64Array;
  readonly order: Int32Array;
}

/**
 * The generalized Cauchy point: the first local minimum of the model gᵀs + ½ sᵀBs along the path
 * P(x − t g), t ≥ 0, where P is the nearest point of the box. The path bends where a variable meets its bound
 * (Byrd, Lu, Nocedal & Zhu 1995, algorithm CP).
 *
 * @param x in the box.
 */
export function findCauchyPoint(
  box: Box,
  x: Float64Array,
  gradient: Float64Array,
  memory: LimitedMemory,
  { point, bound, displacement, direction, times, order }: CauchyBuffers,
): void {
  const { lower, upper } = box;
  const { size, theta } = memory;
  let waiting = 0;
  let first = Infinity;
  let slope = 0;
  for (let i = 0; i < x.length; i++) {
    const d = -gradient[i];
    const room = d < 0 ? x[i] - lower[i] : upper[i] - x[i];
    // At a bound, and pushed against it; a slope of 0 pushes too.
    const stays = (d <= 0 && x[i] <= lower[i]) || (d >= 0 && x[i] >= upper[i]);
    bound[i] = stays ? 1 : 0;
    point[i] = x[i];
    if (stays || d === 0) {
      direction[i] = 0;
      continue;
    }
    direction[i] = d;
    slope -= d * d;
    times[i] = room / Math.abs(d);
    if (times[i] < Infinity) {
      order[waiting++] = i;
      if (times[i] < first) first = times[i];
    }
  }

  displacement.fill(0);
  const modelCurvature = -theta * slope;
  let curvature = modelCurvature;
  // p = Wᵀd; the others are one row of W, and a product with M.
  const p = new Float64Array(2 * size);
  const row = new Float64Array(2 * size);
  const product = new Float64Array(2 * size);
  if (size > 0) {
    project(memory, direction, p);
    timesMiddle(memory, p, product);
    curvature -= dot(product, p);
  }

  let toMinimum = -slope / curvature;
  let time = 0;
  // Where the minimum comes before the first bound, nothing needs sorting.
  if (toMinimum >= first) buildHeap(order, waiting, times);
  while (waiting > 0 && toMinimum >= times[order[0]] - time) {
    const i = order[0];
    const span = times[i] - time;
    time = times[i];
    order[0] = order[--waiting];
    siftDown(order, waiting, times, 0);

    const d = direction[i];
    direction[i] = 0;
    bound[i] = 1;
    point[i] = d > 0 ? upper[i] : lower[i];
    const gone = point[i] - x[i];
    slope += span * curvature + d * d - theta * d * gone;
    curvature -= theta * d * d;
    if (size > 0) {
      for (let k = 0; k < 2 * size; k++) displacement[k] += span * p[k];
      rowOf(memory, i, row);
      timesMiddle(memory, row, product);
      slope += d * dot(product, displacement);
      curvature += 2 * d * dot(product, p) - d * d * dot(product, row);
      for (let k = 0; k < 2 * size; k++) p[k] -= d * row[k];
    }
    // Rounding must not make the model unbounded.
    curvature = Math.max(Number.EPSILON * modelCurvature, curvature);
    toMinimum = -slope / curvature;
  }

  const rest = toMinimum > 0 ? toMinimum : 0;
  for (let k = 0; k < 2 * size; k++) displacement[k] += rest * p[k];
  for (let i = 0; i < x.length; i++) {
    if (direction[i] !== 0) point[i] = clamp(x[i] + (time + rest) * direction[i], lower[i], upper[i]);
  }
}

/** Orders indices so that none has a greater key than its two children have, and the least comes first. */
function buildHeap(order: Int32Array, count: number, keys: Float64Array): void {
  for (let i = (count >> 1) - 1; i >= 0; i--) siftDown(order, count, keys, i);
}

function siftDown(order: Int32Array, count: number, keys: Float64Array, from: number): void {
  const index = order[from];
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && keys[order[child + 1]] < keys[order[child]]) child++;
    if (keys[order[child]] >= keys[index]) break;
    order[at] = order[child];
    at = child;
  }
  order[at] = index;
}
