// L-BFGS-B: a function of many variables is minimized in a box, by gradients alone (Byrd, Lu, Nocedal & Zhu 1995;
// version 3.0, Morales & Nocedal 2011, with the line search of Moré & Thuente 1994). It is our own because npm
// has no package of it; it follows SciPy's `minimize(method='L-BFGS-B')` step by step, and is held against it.

import { clamp, kindOfBox, projectedGradientNorm, roomAlong, type Box } from './box';
import { findCauchyPoint, type CauchyBuffers } from './cauchy-point';
import { follow, noProducts, type FreeProducts } from './free-products';
import { dot, emptyMemory, forget, remember, type LimitedMemory } from './limited-memory';
import { advance, beginSearch } from './line-search';
import { goToSubspaceMinimum } from './subspace-minimum';

/** A function in a box. */
export interface BoxProblem extends Box {
  /**
   * The value at x, with the gradient written into `gradient`; x must be left alone, and neither may be kept. A
   * value or gradient that is not finite says that the function cannot be computed there.
   */
  evaluate(x: Float64Array, gradient: Float64Array): Promise<number>;
}

/** What is known after an iteration. */
export interface Iterate {
  /** A view, valid during the call. */
  readonly x: Float64Array;
  readonly value: number;
  /** From 1. */
  readonly iteration: number;
  readonly evaluations: number;
}

export interface LbfgsbOptions {
  /** Most iterations; 0 only evaluates the start. */
  readonly iterations: number;
  /** Most pairs of steps and gradient changes that are kept, at least 1; 10 if left out. */
  readonly memory?: number;
  /** The iteration that passes this number of evaluations is the last; no limit if left out. */
  readonly evaluations?: number;
  /** Stops where (f_k − f_{k+1}) / max(|f_k|, |f_{k+1}|, 1) is not above this; 2.22e-9 if left out. */
  readonly functionTolerance?: number;
  /** Stops where no entry of the projected gradient is above this; 1e-5 if left out. */
  readonly gradientTolerance?: number;
  onIterate?(iterate: Iterate): void;
}

/** Why it ended. `line search`: no better point was found downhill, or the start cannot be evaluated. */
export type StopReason =
  'iterations' | 'evaluations' | 'function tolerance' | 'gradient tolerance' | 'line search';

export interface BoxMinimum {
  /** The best point found, in the box, [n]. */
  readonly x: Float64Array;
  /** Value and gradient [n] there; the value is not above that of the start. */
  readonly value: number;
  readonly gradient: Float64Array;
  /** Largest entry of the projected gradient, see {@link projectedGradientNorm}. */
  readonly projectedGradient: number;
  readonly iterations: number;
  readonly evaluations: number;
  readonly stoppedBy: StopReason;
}

/** SciPy's: 1e7 times the machine precision, and its `gtol`. */
const FUNCTION_TOLERANCE = 1e7 * Number.EPSILON;
const GRADIENT_TOLERANCE = 1e-5;
const MEMORY = 10;
/** Most evaluations in one line search. */
const SEARCH_EVALUATIONS = 20;
/** How far a direction may be gone where no bound is in the way. */
const LONGEST_STEP = 1e10;

/**
 * Minimizes a function in a box. Takes (2 m + 6) · 8 + 6 bytes for each of the n variables, all of it before the
 * first iteration, and time O(m n) an iteration besides the evaluations, plus O(m²) for each variable that meets
 * or leaves a bound.
 *
 * @param start [n], finite; outside the box its nearest point in the box is taken.
 * @throws Error where lengths differ, a lower bound lies above its upper one, or an option is out of range.
 *   What `evaluate` throws is passed on.
 */
export async function minimizeInBox(
  problem: BoxProblem,
  start: Float64Array,
  options: LbfgsbOptions,
): Promise<BoxMinimum> {
  const {
    iterations: mostIterations,
    memory: mostPairs = MEMORY,
    evaluations: mostEvaluations = Infinity,
    functionTolerance = FUNCTION_TOLERANCE,
    gradientTolerance = GRADIENT_TOLERANCE,
  } = options;
  checkProblem(problem, start);
  if (!(Number.isInteger(mostIterations) && mostIterations >= 0)) {
    throw new Error(`The iterations have to be a whole number, not ${mostIterations}.`);
  }
  if (!(Number.isInteger(mostPairs) && mostPairs >= 1)) {
    throw new Error(`The memory has to be a whole number of at least 1, not ${mostPairs}.`);
  }
  const kind = kindOfBox(problem);
  // The pair of the last iteration is of no use any more.
  const work = workspace(start.length, Math.min(mostPairs, Math.max(1, mostIterations - 1)));
  const { x, gradient, oldX, oldGradient, direction, memory } = work;
  for (let i = 0; i < x.length; i++) x[i] = clamp(start[i], problem.lower[i], problem.upper[i]);

  let value = await problem.evaluate(x, gradient);
  let norm = projectedGradientNorm(problem, x, gradient);
  let iteration = 0;
  let evaluations = 1;
  const end = (stoppedBy: StopReason): BoxMinimum => {
    return { x, value, gradient, projectedGradient: norm, iterations: iteration, evaluations, stoppedBy };
  };
  if (!Number.isFinite(value) || !Number.isFinite(norm)) return end('line search');
  if (norm <= gradientTolerance) return end('gradient tolerance');

  while (iteration < mostIterations) {
    if (!findTarget(problem, work)) {
      forget(memory);
      continue;
    }
    let slope = 0;
    for (let i = 0; i < x.length; i++) {
      direction[i] = work.point[i] - x[i];
      slope += gradient[i] * direction[i];
    }
    const room =
      kind.bounded && iteration > 0 ? roomAlong(problem, x, direction, LONGEST_STEP) : LONGEST_STEP;
    const longest = kind.bounded && iteration === 0 ? 1 : room;
    // Without curvature there is no scale either, other than that of a box that is closed on all sides.
    const unit = iteration > 0 || kind.closed ? 1 : 1 / Math.sqrt(dot(direction, direction));
    oldX.set(x);
    oldGradient.set(gradient);
    const found = await searchLine(problem, value, slope, Math.min(unit, longest), longest, work);
    evaluations += found.evaluations;
    if (found.failed) {
      x.set(oldX);
      gradient.set(oldGradient);
      if (memory.size === 0) return end('line search');
      forget(memory);
      continue;
    }

    iteration++;
    const before = value;
    value = found.value;
    norm = projectedGradientNorm(problem, x, gradient);
    options.onIterate?.({ x, value, iteration, evaluations });
    if (norm <= gradientTolerance) return end('gradient tolerance');
    const scale = Math.max(Math.abs(before), Math.abs(value), 1);
    if (before - value <= functionTolerance * scale) return end('function tolerance');
    if (evaluations > mostEvaluations) return end('evaluations');
    if (iteration >= mostIterations) break;

    const curvature = (found.slope - slope) * found.step;
    // A step along which the gradient has hardly risen would leave B indefinite.
    if (curvature <= Number.EPSILON * -slope * found.step) continue;
    const step = { direction, length: found.step, before: oldGradient, after: gradient, curvature };
    if (!remember(memory, step)) forget(memory);
  }
  return end('iterations');
}

/** All that is as long as x, and what is known of the curvature. */
interface Workspace extends CauchyBuffers {
  readonly x: Float64Array;
  readonly gradient: Float64Array;
  /** Where the line search began. */
  readonly oldX: Float64Array;
  readonly oldGradient: Float64Array;
  readonly memory: LimitedMemory;
  readonly products: FreeProducts;
}

function workspace(n: number, capacity: number): Workspace {
  const oldX = new Float64Array(n);
  return {
    x: new Float64Array(n),
    gradient: new Float64Array(n),
    oldX,
    oldGradient: new Float64Array(n),
    direction: new Float64Array(n),
    point: new Float64Array(n),
    bound: new Uint8Array(n),
    displacement: new Float64Array(2 * capacity),
    onward: new Float64Array(2 * capacity),
    // Needed before the line search only.
    times: oldX,
    order: new Int32Array(n),
    memory: emptyMemory(n, capacity),
    products: noProducts(n, capacity),
  };
}

/** Writes to `point` where the model has its minimum in the box; false where rounding has spoilt the model. */
function findTarget(problem: BoxProblem, work: Workspace): boolean {
  const { x, gradient, memory, products, oldGradient } = work;
  const time = findCauchyPoint(problem, x, gradient, memory, work);
  if (memory.size === 0) return true;
  follow(products, memory, work.bound);
  const buffers = { ...work, backup: oldGradient };
  return goToSubspaceMinimum(problem, x, gradient, memory, products, time, buffers);
}

/** Where a line search has ended; x and gradient of the workspace are those of the step. */
type SearchResult =
  | { failed: true; evaluations: number }
  | { failed: false; evaluations: number; step: number; value: number; slope: number };

async function searchLine(
  problem: BoxProblem,
  startValue: number,
  startSlope: number,
  firstStep: number,
  longest: number,
  { x, gradient, oldX, direction, point }: Workspace,
): Promise<SearchResult> {
  if (!(startSlope < 0)) return { failed: true, evaluations: 0 };
  const search = beginSearch(startValue, startSlope, firstStep, longest);
  for (let evaluations = 1; evaluations <= SEARCH_EVALUATIONS; evaluations++) {
    const { step } = search;
    if (step === 1) {
      x.set(point);
    } else {
      const { lower, upper } = problem;
      for (let i = 0; i < x.length; i++) x[i] = clamp(step * direction[i] + oldX[i], lower[i], upper[i]);
    }
    const value = await problem.evaluate(x, gradient);
    const slope = dot(gradient, direction);
    if (!advance(search, value, slope)) continue;
    // A function that is not the same twice could make the search end above its start.
    return value <= startValue
      ? { failed: false, evaluations, step, value, slope }
      : { failed: true, evaluations };
  }
  return { failed: true, evaluations: SEARCH_EVALUATIONS };
}

function checkProblem({ lower, upper }: BoxProblem, start: Float64Array): void {
  if (lower.length !== start.length || upper.length !== start.length) {
    throw new Error(`${start.length} variables have ${lower.length} lower and ${upper.length} upper bounds.`);
  }
}
