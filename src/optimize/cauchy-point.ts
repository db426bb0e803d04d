import { bendsOf, takeBend } from './bends';
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
  /** [2 m]: −Wᵀg over the variables that do not lie at a bound there. */
  readonly onward: Float64Array;
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
 * @returns t; variables that do not lie at a bound there are at x − t g.
 */
export function findCauchyPoint(
  box: Box,
  x: Float64Array,
  gradient: Float64Array,
  memory: LimitedMemory,
  buffers: CauchyBuffers,
): number {
  if (memory.size === 0) {
    // A model without pairs has its minimum at one time in all variables, however the path bends.
    const time = 1 / memory.theta;
    stepBy(time, box, x, gradient, buffers);
    return time;
  }
  const slope = beginPath(box, x, gradient, buffers);
  const time = followPath(slope, box, x, gradient, memory, buffers);
  const { lower, upper } = box;
  const { point, bound } = buffers;
  for (let i = 0; i < x.length; i++) {
    const g = gradient[i];
    if (bound[i] === 0) point[i] = clamp(x[i] - time * g, lower[i], upper[i]);
    else point[i] = g > 0 ? lower[i] : g < 0 ? upper[i] : x[i];
  }
  return time;
}

/** Where the path is at a time. */
function stepBy(
  time: number,
  { lower, upper }: Box,
  x: Float64Array,
  gradient: Float64Array,
  { point, bound }: CauchyBuffers,
): void {
  for (let i = 0; i < x.length; i++) {
    const g = gradient[i];
    const target = x[i] - time * g;
    // A slope of 0 pushes against either bound.
    const meets = (g >= 0 && target <= lower[i]) || (g <= 0 && target >= upper[i]);
    bound[i] = meets ? 1 : 0;
    point[i] = clamp(target, lower[i], upper[i]);
  }
}

/** Writes which way each variable goes and for how long; gives the slope of the model there. */
function beginPath(
  { lower, upper }: Box,
  x: Float64Array,
  gradient: Float64Array,
  { bound, direction, times }: CauchyBuffers,
): number {
  const rooms = new Float64Array(2);
  let slope = 0;
  for (let i = 0; i < x.length; i++) {
    const d = -gradient[i];
    rooms[0] = upper[i] - x[i];
    rooms[1] = x[i] - lower[i];
    // Chosen by numbers, since which way a variable goes is what a processor guesses badly.
    const room = rooms[+(d < 0)];
    // A slope of 0 pushes against either bound.
    const stays = +(room <= 0) | (+(d === 0) & +(rooms[1] <= 0));
    const step = d * (1 - stays);
    bound[i] = stays;
    direction[i] = step;
    times[i] = room / Math.abs(step);
    slope -= step * step;
  }
  return slope;
}

/** Follows the path from bend to bend; gives the time of the first minimum. */
function followPath(
  slopeAtStart: number,
  { lower, upper }: Box,
  x: Float64Array,
  gradient: Float64Array,
  memory: LimitedMemory,
  { bound, displacement, onward, direction, times, order }: CauchyBuffers,
): number {
  const { size, theta } = memory;
  displacement.fill(0);
  const modelCurvature = -theta * slopeAtStart;
  // p = Wᵀd; the others are one row of W, and a product with M.
  const p = onward.subarray(0, 2 * size);
  const row = new Float64Array(2 * size);
  const product = new Float64Array(2 * size);
  project(memory, direction, p);
  timesMiddle(memory, p, product);
  let slope = slopeAtStart;
  let curvature = modelCurvature - dot(product, p);
  let toMinimum = -slope / curvature;
  let time = 0;
  const bends = bendsOf(times, order);
  for (;;) {
    const i = takeBend(bends, time + toMinimum);
    if (i < 0) break;
    const span = times[i] - time;
    time = times[i];
    bound[i] = 1;
    const d = -gradient[i];
    const gone = (d > 0 ? upper[i] : lower[i]) - x[i];
    rowOf(memory, i, row);
    timesMiddle(memory, row, product);
    for (let k = 0; k < 2 * size; k++) displacement[k] += span * p[k];
    slope += span * curvature + d * d - theta * d * gone + d * dot(product, displacement);
    curvature += 2 * d * dot(product, p) - d * d * dot(product, row) - theta * d * d;
    for (let k = 0; k < 2 * size; k++) p[k] -= d * row[k];
    // Rounding must not make the model unbounded.
    curvature = Math.max(Number.EPSILON * modelCurvature, curvature);
    toMinimum = -slope / curvature;
  }
  const rest = toMinimum > 0 ? toMinimum : 0;
  for (let k = 0; k < 2 * size; k++) displacement[k] += rest * p[k];
  return time + rest;
}
