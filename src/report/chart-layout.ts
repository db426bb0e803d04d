import type { Point } from './chart-paint';
import { linearAxis, logAxis, type Axis, type Tick } from './ticks';

/** The loss curves of one minimizer. */
export interface ChartSeries {
  readonly label: string;
  /** `#rrggbb` */
  readonly colour: string;
  readonly alphas: readonly number[];
  /** One array a direction, each as long as `alphas`; losses in nats, null where not finite. */
  readonly losses: readonly (readonly (number | null)[])[];
}

/** Width and height of a picture, or of a part of it, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** An upright rectangle of the picture, in pixels. */
export interface Box extends Point, Size {}

/** One pair of axes. */
export interface Panel {
  readonly heading: string;
  readonly box: Box;
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  /** Values of y with a small mark beside the axis and no label. */
  readonly minor: readonly number[];
  /** Values of x with a stronger line; 0 unless told. */
  readonly marked?: readonly number[];
  /** A second axis of y, on the right; the grid is that of the left one. */
  readonly right?: { readonly ticks: readonly Tick[]; readonly place: (y: number) => number };
  /** Where (x, y) is drawn; y is NaN for one that has no place on the axis: null, or 0 on a logarithmic axis. */
  readonly place: (x: number, y: number | null) => Point;
}

/** Where the parts of a chart that every chart has lie. */
export interface Frame extends Size {
  /** Pixels to one unit of design; text, lines and markers grow by it. */
  readonly unit: number;
  readonly title: Point;
  readonly subtitle: Point;
  readonly legend: Box;
}

/** Where everything of a chart of loss curves lies. */
export interface ChartLayout extends Frame {
  /** The same curves on a linear and on a logarithmic axis. */
  readonly panels: readonly [Panel, Panel];
}

/** The size in pixels that the design below is written in. */
export const DEFAULT_SIZE: Size = { width: 1600, height: 800 };

const MARGIN = { left: 140, right: 30, between: 164, top: 206, bottom: 104 };

const MOST_INTERVALS = { x: 5, y: 7 };

/** Room between the outermost points and the frame, so that no marker is cut. */
export const INSET = 18;

/** Losses nearer to 0 or to infinity than this have no place on an axis. */
const EXTREME = 1e300;

/** A frame with two boxes of one size beside each other, for a panel each. */
export function frameOfTwo(size: Size): { frame: Frame; boxes: readonly [Box, Box] } {
  const { frame, box } = frameOfOne(size, MARGIN.right);
  const between = Math.round(MARGIN.between * frame.unit);
  const width = Math.floor((box.width - between) / 2);
  const first = { ...box, width };
  return { frame, boxes: [first, { ...first, x: box.x + width + between }] };
}

/**
 * A frame with one box.
 *
 * @param right units of room to the right of it; as much as on the left unless told, for an axis there.
 */
export function frameOfOne(size: Size, right = MARGIN.left): { frame: Frame; box: Box } {
  const unit = Math.min(size.width / DEFAULT_SIZE.width, size.height / DEFAULT_SIZE.height);
  const at = (x: number, y: number): Point => ({ x: Math.round(x * unit), y: Math.round(y * unit) });
  const corner = at(MARGIN.left, MARGIN.top);
  return {
    frame: {
      ...size,
      unit,
      title: at(24, 48),
      subtitle: at(24, 90),
      legend: { ...at(24, 110), width: size.width - 2 * at(24, 0).x, height: at(0, 44).y },
    },
    box: {
      ...corner,
      width: size.width - corner.x - Math.round(right * unit),
      height: size.height - corner.y - Math.round(MARGIN.bottom * unit),
    },
  };
}

/**
 * Computes where the parts of a chart lie. Both panels share the range of α; the linear axis starts at 0.
 *
 * @param series at least one.
 */
export function layoutChart(series: readonly ChartSeries[], size: Size = DEFAULT_SIZE): ChartLayout {
  const { frame, boxes } = frameOfTwo(size);
  const alphas = series.flatMap((s) => s.alphas);
  const losses = series.flatMap((s) => s.losses.flat()).filter(isDrawable);
  return {
    ...frame,
    panels: [
      linearPanel(boxes[0], frame.unit, alphas, losses),
      logPanel(boxes[1], frame.unit, alphas, losses),
    ],
  };
}

function linearPanel(box: Box, unit: number, alphas: readonly number[], losses: readonly number[]): Panel {
  const low = least(0, losses);
  const high = most(low, losses);
  const { ticks, ...axis } = linearAxis(low, isWide(low, high) ? high : low + 1, MOST_INTERVALS.y);
  const y = linearScale(axis, [box.y + box.height - INSET * unit, box.y]);
  return {
    ...horizontal(box, unit, alphas, y, isDrawable),
    heading: 'Linear axis',
    yTicks: ticks,
    minor: [],
  };
}

function logPanel(box: Box, unit: number, alphas: readonly number[], losses: readonly number[]): Panel {
  const positive = losses.filter(isPositive);
  const axis = positive.length > 0 ? logAxis(least(Infinity, positive), most(0, positive)) : logAxis(0.1, 1);
  const y = logScale(axis, [box.y + box.height - INSET * unit, box.y + INSET * unit]);
  return {
    ...horizontal(box, unit, alphas, y, isPositive),
    heading: 'Logarithmic axis',
    yTicks: axis.ticks,
    minor: minorValues(axis),
  };
}

/** What the two panels have in common: the axis of α, and how a point gets its place. */
function horizontal(
  box: Box,
  unit: number,
  alphas: readonly number[],
  y: (loss: number) => number,
  has: (loss: number | null) => loss is number,
): Pick<Panel, 'box' | 'xTicks' | 'place'> {
  const [low, high] = [least(Infinity, alphas), most(-Infinity, alphas)];
  const reach = high > low ? 0 : 1;
  const { ticks, ...axis } = linearAxis(low - reach, high + reach, MOST_INTERVALS.x);
  const x = linearScale(axis, [box.x + INSET * unit, box.x + box.width - INSET * unit]);
  return { box, xTicks: ticks, place: (alpha, loss) => ({ x: x(alpha), y: has(loss) ? y(loss) : NaN }) };
}

/** 2, 3, … 9 times each power of ten, which show at a glance that the axis is logarithmic. */
export function minorValues({ low, high, ticks }: Axis): number[] {
  const decades = ticks.every(({ value }, i) => i === 0 || Math.abs(value / ticks[i - 1].value - 10) < 1e-6);
  if (!decades) return [];
  const powers = [ticks[0].value / 10, ...ticks.map(({ value }) => value)];
  return powers
    .flatMap((power) => [2, 3, 4, 5, 6, 7, 8, 9].map((digit) => digit * power))
    .filter((value) => value >= low && value <= high);
}

/** Where a value lies between two places. */
export function linearScale(
  { low, high }: Pick<Axis, 'low' | 'high'>,
  [from, to]: readonly [number, number],
): (value: number) => number {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

/** Where a value lies between two places, in proportion to its logarithm. */
export function logScale(
  { low, high }: Pick<Axis, 'low' | 'high'>,
  ends: readonly [number, number],
): (value: number) => number {
  const scale = linearScale({ low: Math.log10(low), high: Math.log10(high) }, ends);
  return (value) => scale(Math.log10(value));
}

function least(start: number, values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), start);
}

function most(start: number, values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), start);
}

/** Values that differ by a smaller share than this cannot be told apart by ticks, whose sums round off. */
const RESOLUTION = 1e-9;

/** Whether a linear axis can tell its ends apart. */
export function isWide(low: number, high: number): boolean {
  return high - low > Math.max(1 / EXTREME, RESOLUTION * Math.max(Math.abs(low), Math.abs(high)));
}

/** Whether a value has a place on a linear axis. */
export function isDrawable(loss: number | null): loss is number {
  return loss !== null && Math.abs(loss) < EXTREME;
}

/** Whether a value has a place on a logarithmic axis. */
export function isPositive(loss: number | null): loss is number {
  return isDrawable(loss) && loss > 1 / EXTREME;
}
