import type { Bitmap } from 'pureimage';
import { LARGE_BATCH_COLOUR, SMALL_BATCH_COLOUR } from './chart';
import {
  DEFAULT_SIZE,
  frameOfOne,
  INSET,
  isDrawable,
  linearScale,
  type Box,
  type Frame,
  type Panel,
  type Size,
} from './chart-layout';
import { blankSheet, drawAxes, drawLegend, drawLine, drawTitles, encode } from './chart-parts';
import { linearAxis, type Axis } from './ticks';

// Lines over a common x, on one axis of y or on two: what a picture and a page draw alike.

/** What a line's colour stands for. */
export type Hue = 'sb' | 'lb' | 'loss' | 'accuracy';

export interface ChartLine {
  readonly label: string;
  readonly hue: Hue;
  readonly dashed: boolean;
  readonly side: 'left' | 'right';
  readonly xs: readonly number[];
  /** One an x; one that is not finite leaves a gap. */
  readonly ys: readonly number[];
}

/** An axis of y. */
export interface ChartSide {
  readonly label: string;
  /** Of its words, where all of its lines have one. */
  readonly hue?: Hue;
  /** Values that are on the axis, whatever is drawn. */
  readonly holds: readonly number[];
}

export interface LineChart {
  readonly title: string;
  readonly subtitle: string;
  readonly xLabel: string;
  readonly left: ChartSide;
  readonly right: ChartSide;
  /** What some values of x are called: they have a stronger line. */
  readonly marks: readonly { readonly x: number; readonly name: string }[];
  /** In the order of the legend. */
  readonly lines: readonly ChartLine[];
}

const COLOURS: Readonly<Record<Hue, string>> = {
  sb: SMALL_BATCH_COLOUR,
  lb: LARGE_BATCH_COLOUR,
  loss: '#542788',
  accuracy: '#b35806',
};

/** Discs and hollow squares, so that lines are told apart without colour. */
const MARKERS: Readonly<Record<Hue, number>> = { sb: 0, lb: 1, loss: 0, accuracy: 1 };

const MOST_INTERVALS = { x: 6, y: 7 };

/** Units from marker to marker at least. */
const APART = 40;

/** Draws a chart of lines as a PNG. Both axes of y are linear. The same input gives the same bytes. */
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
  drawTitles(sheet, chart);
  drawLegend(sheet, lines, hasGap(chart) ? 'gap: not finite' : '', { bands: false });
  drawAxes(sheet, panel, {
    xLabel: chart.xLabel,
    yLabel: chart.left.label,
    yColour: chart.left.hue && COLOURS[chart.left.hue],
    rightLabel: chart.right.label,
    rightColour: chart.right.hue && COLOURS[chart.right.hue],
  });
  // The first comes last, above the others.
  for (const { xs, ys, side, colour, marker, dashed } of [...lines].reverse()) {
    const points = xs.map((x, i) => {
      if (side === 'left' || !isDrawable(ys[i])) return panel.place(x, ys[i]);
      return { x: panel.place(x, null).x, y: panel.right.place(ys[i]) };
    });
    drawLine(sheet, points, colour, marker, { dashed, apart: APART });
  }
  return sheet.bitmap;
}

/** Where everything of a chart of lines lies. */
export function layoutLines(
  { lines, marks, left, right }: LineChart,
  size: Size = DEFAULT_SIZE,
): { frame: Frame; panel: Panel & Required<Pick<Panel, 'right'>> } {
  const { frame, box } = frameOfOne(size);
  const x = axisOfX([...lines.flatMap(({ xs }) => xs), ...marks.map((mark) => mark.x)]);
  const valuesOn = (side: ChartLine['side']) =>
    lines.filter((line) => line.side === side).flatMap(({ ys }) => ys);
  const y = axisOver([...left.holds, ...valuesOn('left')], MOST_INTERVALS.y);
  const second = axisOver([...right.holds, ...valuesOn('right')], MOST_INTERVALS.y);
  const inset = INSET * frame.unit;
  const across = linearScale(x, [box.x + inset, box.x + box.width - inset]);
  const up = linearScale(y, heightOf(box, inset));
  return {
    frame,
    panel: {
      heading: '',
      box,
      xTicks: x.ticks.map(({ value, label }) => {
        const mark = marks.find((one) => one.x === value);
        return { value, label: mark ? `${label} = ${mark.name}` : label };
      }),
      yTicks: y.ticks,
      minor: [],
      marked: marks.map((mark) => mark.x),
      right: { ticks: second.ticks, place: linearScale(second, heightOf(box, inset)) },
      place: (at, value) => ({ x: across(at), y: isDrawable(value) ? up(value) : NaN }),
    },
  };
}

function heightOf(box: Box, inset: number): readonly [number, number] {
  return [box.y + box.height - inset, box.y + inset];
}

/** Values that are all whole, such as epochs, are marked at whole ones. */
function axisOfX(values: readonly number[]): Axis {
  const whole = values.every(Number.isInteger);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return axisOver(values, whole ? Math.max(1, Math.min(MOST_INTERVALS.x, high - low)) : MOST_INTERVALS.x);
}

/** A linear axis over all values that have a place on one. */
function axisOver(values: readonly number[], intervals: number): Axis {
  const drawable = values.filter(isDrawable);
  const low = drawable.length > 0 ? drawable.reduce((a, b) => Math.min(a, b)) : 0;
  const high = drawable.reduce((a, b) => Math.max(a, b), low);
  return linearAxis(low, high > low ? high : low + 1, intervals);
}

function hasGap({ lines }: LineChart): boolean {
  return lines.some(({ ys }) => !ys.every(isDrawable));
}
