import type { Bitmap } from 'pureimage';
import { LARGE_BATCH_COLOUR, SMALL_BATCH_COLOUR } from './chart';
import {
  DEFAULT_SIZE,
  frameOfOne,
  INSET,
  isDrawable,
  isPositive,
  isWide,
  linearScale,
  logScale,
  minorValues,
  type Box,
  type Frame,
  type Panel,
  type Size,
} from './chart-layout';
import { blankSheet, drawAxes, drawLegend, drawLine, drawTitles, encode } from './chart-parts';
import { linearAxis, logAxis, type Axis } from './ticks';

// Lines over a common x, on one axis of y or on two: what a picture and a page draw alike.

/** What a line's colour stands for. */
export type Hue = 'sb' | 'lb' | 'loss' | 'accuracy' | 'sharpness';

export type Scale = 'linear' | 'log';

export interface ChartLine {
  readonly label: string;
  readonly hue: Hue;
  readonly dashed: boolean;
  readonly side: 'left' | 'right';
  readonly xs: readonly number[];
  /** One an x; one that is not finite, or not positive on a logarithmic axis, leaves a gap. */
  readonly ys: readonly number[];
}

/** An axis of y. */
export interface ChartSide {
  readonly label: string;
  /** Of its words, where all of its lines have one. */
  readonly hue?: Hue;
  /** Linear unless told. */
  readonly scale?: Scale;
  /** Values that are on the axis, whatever is drawn. */
  readonly holds: readonly number[];
}

export interface LineChart {
  readonly title: string;
  readonly subtitle: string;
  readonly xLabel: string;
  /** Linear unless told. */
  readonly xScale?: Scale;
  readonly left: ChartSide;
  readonly right?: ChartSide;
  /** What some values of x are called: they have a stronger line. */
  readonly marks: readonly { readonly x: number; readonly name: string }[];
  /** In the order of the legend. */
  readonly lines: readonly ChartLine[];
}

/** Of lines and points, told apart by every common form of colour vision. */
export const COLOURS: Readonly<Record<Hue, string>> = {
  sb: SMALL_BATCH_COLOUR,
  lb: LARGE_BATCH_COLOUR,
  loss: '#542788',
  accuracy: '#b35806',
  sharpness: '#1b7837',
};

/** Discs and hollow squares, so that lines are told apart without colour. */
const MARKERS: Readonly<Record<Hue, number>> = {
  sb: 0,
  lb: 1,
  loss: 0,
  accuracy: 1,
  sharpness: 2,
};

const MOST_INTERVALS = { x: 6, y: 7 };

/** Whole values nearer to another than this share of a logarithmic axis are not marked. */
const TOO_NEAR = 0.05;

/** Units from marker to marker at least. */
const APART = 40;

/** Draws a chart of lines as a PNG. The same input gives the same bytes. */
export async function drawLines(chart: LineChart, size: Size = DEFAULT_SIZE): Promise<Buffer> {
  return encode(paintLines(chart, size));
}

/** The pixels of the picture that `drawLines` gives as a PNG. */
export function paintLines(chart: LineChart, size: Size = DEFAULT_SIZE): Bitmap {
  const { frame, panel } = layoutLines(chart, size);
  const sheet = blankSheet(frame);
  const lines = chart.lines.map((line) => ({
    ...line,
    colour: COLOURS[line.hue],
    marker: MARKERS[line.hue],
  }));
  const { left, right } = chart;
  drawTitles(sheet, chart);
  drawLegend(sheet, lines, noteOn(chart), { bands: false });
  drawAxes(sheet, panel, {
    xLabel: chart.xLabel,
    yLabel: left.label,
    yColour: left.hue && COLOURS[left.hue],
    rightLabel: right?.label,
    rightColour: right?.hue && COLOURS[right.hue],
  });
  // The first comes last, above the others.
  for (const { xs, ys, side, colour, marker, dashed } of [...lines].reverse()) {
    const points = xs.map((x, i) => {
      const onLeft = panel.place(x, ys[i]);
      return side === 'right' && panel.right ? { ...onLeft, y: panel.right.place(ys[i]) } : onLeft;
    });
    drawLine(sheet, points, colour, marker, { dashed, apart: APART });
  }
  return sheet.bitmap;
}

/** Where everything of a chart of lines lies. */
export function layoutLines(chart: LineChart, size: Size = DEFAULT_SIZE): { frame: Frame; panel: Panel } {
  const { frame, box } = frameOfOne(size, chart.right ? undefined : 2 * INSET);
  return { frame, panel: panelWithin(box, frame.unit, chart) };
}

/**
 * The axes of lines within a box.
 *
 * @param unit pixels to one unit of design.
 */
export function panelWithin(
  box: Box,
  unit: number,
  { lines, marks, left, right, xScale = 'linear' }: Omit<LineChart, 'title' | 'subtitle' | 'xLabel'>,
): Panel {
  const inset = INSET * unit;
  const upwards = [box.y + box.height - inset, box.y + inset] as const;
  const marked = marks.map((mark) => mark.x);
  const x = axisOfX([...marked, ...lines.flatMap(({ xs }) => xs)], xScale);
  const across = scaleOf(xScale)(x, [box.x + inset, box.x + box.width - inset]);
  const sideOf = (side: ChartLine['side'], { holds, scale = 'linear' }: ChartSide) => {
    const values = lines.filter((line) => line.side === side).flatMap(({ ys }) => ys);
    const axis = axisOver([...holds, ...values], MOST_INTERVALS.y, scale);
    const place = scaleOf(scale)(axis, upwards);
    return { axis, scale, place: (value: number | null) => (hasPlace(value, scale) ? place(value) : NaN) };
  };
  const first = sideOf('left', left);
  const second = right && sideOf('right', right);
  return {
    heading: '',
    box,
    xTicks: x.ticks.map(({ value, label }) => {
      const mark = marks.find((one) => one.x === value);
      return { value, label: mark ? `${label} = ${mark.name}` : label };
    }),
    yTicks: first.axis.ticks,
    minor: first.scale === 'log' ? minorValues(first.axis) : [],
    marked,
    ...(second && { right: { ticks: second.axis.ticks, place: second.place } }),
    place: (at, value) => ({ x: across(at), y: first.place(value) }),
  };
}

function scaleOf(scale: Scale): typeof linearScale {
  return scale === 'log' ? logScale : linearScale;
}

function hasPlace(value: number | null, scale: Scale): value is number {
  return scale === 'log' ? isPositive(value) : isDrawable(value);
}

/**
 * Values that are all whole, such as epochs, are marked at whole ones, and on a logarithmic axis where they are.
 *
 * @param values those whose marks must not be left out first.
 */
function axisOfX(values: readonly number[], scale: Scale): Axis {
  const whole = values.length > 0 && values.every(Number.isInteger);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (scale === 'log' && whole && low > 0 && high > low) {
    const kept: number[] = [];
    const isNear = (one: number, other: number) =>
      Math.abs(Math.log(one / other)) < TOO_NEAR * Math.log(high / low);
    for (const value of values) if (!kept.some((one) => isNear(value, one))) kept.push(value);
    const ticks = kept.sort((one, other) => one - other);
    return { low, high, ticks: ticks.map((value) => ({ value, label: String(value) })) };
  }
  const intervals = whole ? Math.max(1, Math.min(MOST_INTERVALS.x, high - low)) : MOST_INTERVALS.x;
  return axisOver(values, intervals, scale);
}

/** An axis over all values that have a place on one. */
function axisOver(values: readonly number[], intervals: number, scale: Scale): Axis {
  const drawable = values.filter((value) => hasPlace(value, scale));
  const lowest = scale === 'log' ? 0.1 : 0;
  const low = drawable.length > 0 ? drawable.reduce((a, b) => Math.min(a, b)) : lowest;
  const high = drawable.reduce((a, b) => Math.max(a, b), low);
  return scale === 'log'
    ? logAxis(low, high)
    : linearAxis(low, isWide(low, high) ? high : low + 1, intervals);
}

function noteOn({ lines, left, right }: LineChart): string {
  const scaleAt = { left: left.scale, right: right?.scale };
  const gaps = lines.flatMap(({ ys, side }) => ys.filter((y) => !hasPlace(y, scaleAt[side] ?? 'linear')));
  if (gaps.length === 0) return '';
  return gaps.some(isDrawable) ? 'gap: 0 or not finite' : 'gap: not finite';
}
