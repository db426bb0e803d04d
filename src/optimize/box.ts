/** Where a point may lie. */
export interface Box {
  /** Bounds, [n] each; may be ±Infinity. */
  readonly lower: Float64Array;
  readonly upper: Float64Array;
}

/**
 * Which bounds there are at all: those of the first step's length, and whether bounds need a thought.
 *
 * @throws where a lower bound lies above its upper one, or no finite number between them.
 */
export function kindOfBox({ lower, upper }: Box): { bounded: boolean; closed: boolean } {
  let bounded = false;
  let closed = true;
  for (let i = 0; i < lower.length; i++) {
    if (!(lower[i] <= upper[i]) || lower[i] === Infinity || upper[i] === -Infinity) {
      throw new Error(`Variable ${i} has no room between its bounds ${lower[i]} and ${upper[i]}.`);
    }
    const below = lower[i] > -Infinity;
    const above = upper[i] < Infinity;
    if (below || above) bounded = true;
    if (!below || !above) closed = false;
  }
  return { bounded, closed };
}

/** The nearest number to `value` from `low` to `high`. */
export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

/** Largest entry of x − P(x − g), where P is the nearest point of the box: 0 where no step downhill is allowed. */
export function projectedGradientNorm(
  { lower, upper }: Box,
  x: Float64Array,
  gradient: Float64Array,
): number {
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const g = gradient[i];
    // Most need no look at their bounds. A number that is none goes on.
    if (Math.abs(g) <= largest) continue;
    const room = g < 0 ? upper[i] - x[i] : x[i] - lower[i];
    largest = Math.max(largest, Math.min(room, Math.abs(g)));
  }
  return largest;
}

/**
 * How many times a direction can be gone from x before a bound is met, `most` at the utmost.
 *
 * @param x in the box.
 */
export function roomAlong(
  { lower, upper }: Box,
  x: Float64Array,
  direction: Float64Array,
  most: number,
): number {
  let room = most;
  for (let i = 0; i < x.length; i++) {
    const d = direction[i];
    // Most stay in the box, whichever way they go.
    const end = x[i] + room * d;
    if (end >= lower[i] && end <= upper[i]) continue;
    const distance = (d < 0 ? lower[i] : upper[i]) - x[i];
    if (Math.abs(d) * room > Math.abs(distance)) room = distance / d;
  }
  return room;
}
