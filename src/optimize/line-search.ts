// The line search of Moré & Thuente (1994), as MINPACK-2's dcsrch and dcstep do it: a step that satisfies
// φ(t) ≤ φ(0) + μ t φ′(0) and |φ′(t)| ≤ η |φ′(0)|.

/** μ, η, and how narrow a bracket may get relative to its far end: those of L-BFGS-B. */
const SUFFICIENT_DECREASE = 1e-3;
const CURVATURE = 0.9;
const NARROWEST = 0.1;

/** How far beyond the last step the next one may lie, in lengths of what was gained by it. */
const LEAST_EXTRAPOLATION = 1.1;
const MOST_EXTRAPOLATION = 4;

/** A bracket that two steps have not shrunk to this part is halved. */
const SHRINKAGE = 0.66;

/** How much of a step is left when the function cannot be computed at its end. */
const BACKING_OFF = 0.1;

/** A step that was tried. */
export interface Trial {
  readonly step: number;
  readonly value: number;
  readonly slope: number;
}

/** A search under way. `step` is what has to be tried next. */
export interface LineSearch {
  step: number;
  readonly start: Trial;
  longest: number;
  /** Best step so far, and the other end of the bracket, or the start as long as there is none. */
  best: Trial;
  other: Trial;
  bracketed: boolean;
  /** Whether the step to be tried is the best one again, and the last. */
  isSettled: boolean;
  /** Where the next step may lie. */
  low: number;
  high: number;
  width: number;
  widthBefore: number;
}

/**
 * Begins at step 0.
 *
 * @param slope below 0.
 * @param step the first to try, above 0 and at most `longest`.
 */
export function beginSearch(value: number, slope: number, step: number, longest: number): LineSearch {
  const start = { step: 0, value, slope };
  return {
    step,
    start,
    longest,
    best: start,
    other: start,
    bracketed: false,
    isSettled: false,
    low: 0,
    high: step + MOST_EXTRAPOLATION * step,
    width: longest,
    widthBefore: 2 * longest,
  };
}

/**
 * Takes in what the function is at `search.step`.
 *
 * @returns whether that step is the one, because it satisfies both conditions or is the best that there is. If
 *   not, `search.step` is the next to try. A value or slope that is not finite is never the one: the search
 *   backs off.
 */
export function advance(search: LineSearch, value: number, slope: number): boolean {
  const { start, step, longest } = search;
  if (!Number.isFinite(value) || !Number.isFinite(slope)) {
    backOff(search);
    return false;
  }
  const least = SUFFICIENT_DECREASE * start.slope;
  const enough = value <= start.value + step * least;

  if (enough && Math.abs(slope) <= -CURVATURE * start.slope) return true;
  if (search.isSettled || (search.bracketed && (outOfBracket(search) || tooNarrow(search)))) return true;
  if (step === longest && enough && slope <= least) return true;

  // Where a step is lower but not by enough, φ(t) − μ t φ′(0) is what gets minimized.
  const tilt = value <= search.best.value && !enough ? least : 0;
  interpolate(search, { step, value, slope }, tilt);

  const { best, other } = search;
  if (search.bracketed) {
    const width = Math.abs(other.step - best.step);
    if (width >= SHRINKAGE * search.widthBefore) search.step = best.step + 0.5 * (other.step - best.step);
    search.widthBefore = search.width;
    search.width = width;
    search.low = Math.min(best.step, other.step);
    search.high = Math.max(best.step, other.step);
  } else {
    search.low = search.step + LEAST_EXTRAPOLATION * (search.step - best.step);
    search.high = search.step + MOST_EXTRAPOLATION * (search.step - best.step);
  }
  search.step = Math.min(Math.max(search.step, 0), longest);
  if (search.bracketed && (outOfBracket(search) || tooNarrow(search))) search.step = best.step;
  return false;
}

function outOfBracket({ step, low, high }: LineSearch): boolean {
  return step <= low || step >= high;
}

function tooNarrow({ low, high }: LineSearch): boolean {
  return high - low <= NARROWEST * high;
}

/** Goes back to the best step, or to a part of this one where none was any good yet. */
function backOff(search: LineSearch): void {
  const { step, best } = search;
  if (best.step > 0) {
    search.step = best.step;
    search.isSettled = true;
    return;
  }
  search.step = BACKING_OFF * step;
  if (search.bracketed) return;
  // The step that failed is not tried again.
  search.longest = 0.5 * step;
  search.low = search.step;
  search.high = search.longest;
}

/** A trial of φ(t) − tilt · t. */
function tilted({ step, value, slope }: Trial, tilt: number): Trial {
  return { step, value: value - tilt * step, slope: slope - tilt };
}

/** Chooses the next step by cubics and secants through what was tried, and moves the bracket (dcstep). */
function interpolate(search: LineSearch, trial: Trial, tilt: number): void {
  const [best, other, last] = [search.best, search.other, trial].map((one) => tilted(one, tilt));
  const next = nextStep(search, best, other, last);
  const rises = last.value > best.value;
  const turns = isUphill(last, best);
  // Numbers so large that their differences overflow say nothing of where the minimum is.
  search.step = Number.isNaN(next) ? (best.step + last.step) / 2 : next;
  if (rises || turns) search.bracketed = true;
  if (rises) {
    search.other = trial;
  } else {
    if (turns) search.other = search.best;
    search.best = trial;
  }
}

/** Whether the slope has another sign than at the best step. */
function isUphill(trial: Trial, best: Trial): boolean {
  return trial.slope * Math.sign(best.slope) < 0;
}

function nextStep({ bracketed, low, high }: LineSearch, best: Trial, other: Trial, trial: Trial): number {
  const gained = trial.step - best.step;
  if (trial.value > best.value) {
    // Higher: a minimum lies between.
    const cubic = best.step + cubicMinimum(best, trial) * gained;
    const quadratic =
      best.step + (best.slope / ((best.value - trial.value) / gained + best.slope) / 2) * gained;
    return Math.abs(cubic - best.step) < Math.abs(quadratic - best.step)
      ? cubic
      : cubic + (quadratic - cubic) / 2;
  }
  const secant = trial.step - (trial.slope / (trial.slope - best.slope)) * gained;
  const ratio = cubicMinimum(trial, best);
  if (isUphill(trial, best)) {
    // Lower, and uphill again: a minimum lies between.
    const cubic = trial.step - ratio * gained;
    return Math.abs(cubic - trial.step) > Math.abs(secant - trial.step) ? cubic : secant;
  }
  if (Math.abs(trial.slope) < Math.abs(best.slope)) {
    // Lower, and the slope flattens: a minimum lies ahead, where the cubic has one there.
    const cubic = ratio < 0 ? trial.step - ratio * gained : gained > 0 ? high : low;
    const ahead = Math.abs(cubic - trial.step) - Math.abs(secant - trial.step);
    if (!bracketed) return Math.max(low, Math.min(high, ahead > 0 ? cubic : secant));
    const nearer = ahead < 0 ? cubic : secant;
    const limit = trial.step + SHRINKAGE * (other.step - trial.step);
    return gained > 0 ? Math.min(limit, nearer) : Math.max(limit, nearer);
  }
  // Lower, and no flatter.
  if (bracketed) return trial.step + cubicMinimum(trial, other) * (other.step - trial.step);
  return gained > 0 ? high : low;
}

/** Where the cubic through two trials has its minimum: that part of the way from `a` to `b`, NaN if it has none. */
function cubicMinimum(a: Trial, b: Trial): number {
  const theta = (3 * (a.value - b.value)) / (b.step - a.step) + a.slope + b.slope;
  // Scaled, so that squares neither overflow nor vanish.
  const scale = Math.max(Math.abs(theta), Math.abs(a.slope), Math.abs(b.slope));
  const radicand = (theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale);
  if (!(radicand > 0)) return NaN;
  const gamma = scale * Math.sqrt(radicand) * (b.step < a.step ? -1 : 1);
  return (gamma - a.slope + theta) / (gamma - a.slope + gamma + b.slope);
}
