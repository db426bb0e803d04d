/** Where an axis is marked: at `value`, in the axis's own unit, with the words beside it. */
export interface Tick {
  readonly value: number;
  readonly label: string;
}

/** Floating-point noise, in steps, that must not push an axis one tick further out. */
const SLACK = 1e-9;

const MANTISSAS = [1, 2, 5];

/** More decades than this are marked every second or third one only. */
const MOST_DECADES = 7;

/** An axis from `low` to `high`, in its own unit. */
export interface Axis {
  readonly low: number;
  readonly high: number;
  /** Round values in increasing order, all on the axis. */
  readonly ticks: readonly Tick[];
}

/**
 * A linear axis that holds `low` and `high`, marked at consecutive multiples of 1, 2 or 5 times a power of ten.
 * It begins and ends on a tick.
 *
 * @param low finite, less than `high`.
 * @param atMost about how many intervals are wanted; two more may be needed to cover the ends.
 */
export function linearAxis(low: number, high: number, atMost: number): Axis {
  const { mantissa, exponent } = roundStep((high - low) / atMost);
  // Multiplying or dividing by a whole power of ten rounds once, so that 3 · 0.1 is 0.3 and not 0.30000000000000004.
  const multiple = (i: number): number =>
    exponent < 0 ? (i * mantissa) / 10 ** -exponent : i * mantissa * 10 ** exponent;
  const first = Math.floor(low / multiple(1) + SLACK);
  const last = Math.ceil(high / multiple(1) - SLACK);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const value = multiple(first + i) + 0; // no negative zero
    return { value, label: linearLabel(value, exponent) };
  });
  return { low: ticks[0].value, high: ticks[ticks.length - 1].value, ticks };
}

/**
 * A logarithmic axis that holds `low` and `high` and begins and ends at 1, 2 or 5 times a power of ten. It is
 * marked at every power of ten, or at every such value where there are fewer than three powers.
 *
 * @param low positive, at most `high`; both within 1e±300.
 */
export function logAxis(low: number, high: number): Axis {
  const all = roundLogValues(low, high);
  const powers = all.filter(isPowerOfTen);
  const stride = Math.ceil(powers.length / MOST_DECADES);
  const values = powers.length < 3 ? all : powers.filter((_, i) => i % stride === 0);
  const label = logLabeller(values);
  return {
    low: all[0],
    high: all[all.length - 1],
    ticks: values.map((value) => ({ value, label: label(value) })),
  };
}

function roundStep(rough: number): { mantissa: number; exponent: number } {
  const exponent = Math.floor(Math.log10(rough));
  const mantissa = MANTISSAS.find((m) => m * 10 ** exponent >= rough * (1 - SLACK));
  return mantissa ? { mantissa, exponent } : { mantissa: 1, exponent: exponent + 1 };
}

/** 1, 2 and 5 times powers of ten, two at least, the first at or below `low` and the last at or above `high`. */
function roundLogValues(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low)) - 1;
  const last = Math.ceil(Math.log10(high)) + 1;
  const all: number[] = [];
  for (let exponent = first; exponent <= last; exponent++) {
    for (const mantissa of MANTISSAS) all.push(Number(`${mantissa}e${exponent}`));
  }
  const from = all.filter((value) => value <= low * (1 + SLACK)).length - 1;
  const to = all.findIndex((value) => value >= high * (1 - SLACK));
  return all.slice(from, Math.max(to, from + 1) + 1);
}

function isPowerOfTen(value: number): boolean {
  return /^1e/.test(value.toExponential());
}

function linearLabel(value: number, stepExponent: number): string {
  const plain = Math.abs(value) < 1e6 && stepExponent >= -5;
  return plain ? withMinus(value.toFixed(Math.max(0, -stepExponent))) : scientific(value);
}

/** One way of writing for all ticks of an axis: 0.001 0.01 0.1, or 10⁻⁴ 10⁻³ 10⁻² where zeros would need counting. */
function logLabeller(values: readonly number[]): (value: number) => string {
  const readable = values[0] >= 1e-3 && values[values.length - 1] <= 1e5;
  return readable ? (value) => String(value) : scientific;
}

function scientific(value: number): string {
  const [mantissa, exponent] = value.toExponential().split('e');
  if (value === 0) return '0';
  const powerOfTen = `10${superscript(Number(exponent))}`;
  return mantissa === '1' ? powerOfTen : `${withMinus(mantissa)}×${powerOfTen}`;
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)])).join('');
}

function withMinus(digits: string): string {
  return digits.replace('-', '−');
}
