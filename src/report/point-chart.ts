import type { Bitmap } from 'pureimage';
import { DEFAULT_SIZE, frameOfOne, type Box, type Frame, type Panel } from './chart-layout';
import { BAND_OPACITY, blankSheet, drawAxes, drawLegend, drawTitles, encode, isPlaced } from './chart-parts';
import { dashes, disc, fill, rectangle, stroke } from './chart-paint';
import { COLOURS, panelWithin, type Hue, type LineChart, type Scale } from './line-chart';

// Points of many runs over a common x, a panel for each quantity: what a picture and a page draw alike.

/** A quantity of many runs. */
export interface PointPanel {
  /** What y is, with its unit. */
  readonly heading: string;
  readonly hue: Hue;
  readonly scale: Scale;
  /** A run each; one that does not count is hollow. */
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly counts: boolean;
    readonly name: string;
  }[];
  /** Of the runs that count, the smallest x first. */
  readonly means: readonly PointMean[];
  /** A model of the means; drawn dashed. */
  readonly fit?: { readonly xs: readonly number[]; readonly ys: readonly number[] };
  /** From where to where in x the fit may bend. */
  readonly bend?: readonly [number, number];
}

export interface PointMean {
  readonly x: number;
  readonly mean: number;
  readonly interval: readonly [number, number] | null;
}

/** Panels beside and below one another, with x on a logarithmic axis. */
export interface PointChart {
  readonly title: string;
  readonly subtitle: string;
  /** What the signs stand for. */
  readonly note: string;
  readonly xLabel: string;
  readonly panels: readonly PointPanel[];
}

const COLUMNS = 3;
/** Of a panel with its labels, in pixels. */
const CELL_HEIGHT = 450;
const MARGIN = { left: 96, right: 26, top: 40, bottom: 112 };
const GREY = '#555555';
const HALF_CAP = 7;

/** Draws a chart of points as a PNG, 1600 pixels wide. The same input gives the same bytes. */
export async function drawPoints(chart: PointChart): Promise<Buffer> {
  return encode(paintPoints(chart));
}

/** The pixels of the picture that `drawPoints` gives as a PNG. */
export function paintPoints(chart: PointChart): Bitmap {
  const { frame, panels } = layoutPoints(chart);
  const sheet = blankSheet(frame);
  drawTitles(sheet, chart);
  drawLegend(sheet, [], chart.note, { bands: false });
  panels.forEach((panel, index) => {
    const { hue, bend } = chart.panels[index];
    if (bend) drawBend(sheet.bitmap, panel, bend);
    drawAxes(sheet, panel, { xLabel: chart.xLabel, yLabel: '' });
    drawRuns(sheet.bitmap, panel, chart.panels[index], COLOURS[hue]);
  });
  return sheet.bitmap;
}

/** Where everything of a chart of points lies. */
export function layoutPoints({ panels }: PointChart): { frame: Frame; panels: readonly Panel[] } {
  const columns = Math.min(COLUMNS, panels.length);
  const { frame, box } = frameOfOne(DEFAULT_SIZE);
  const top = box.y - MARGIN.top;
  const rows = Math.ceil(panels.length / columns);
  const width = Math.floor(DEFAULT_SIZE.width / columns);
  const boxAt = (index: number): Box => ({
    x: (index % columns) * width + MARGIN.left,
    y: top + Math.floor(index / columns) * CELL_HEIGHT + MARGIN.top,
    width: width - MARGIN.left - MARGIN.right,
    height: CELL_HEIGHT - MARGIN.top - MARGIN.bottom,
  });
  return {
    frame: { ...frame, height: top + rows * CELL_HEIGHT },
    panels: panels.map((panel, index) => ({
      ...panelWithin(boxAt(index), frame.unit, asLines(panel)),
      heading: panel.heading,
      marked: [],
    })),
  };
}

/** All that must have a place on the axes, as lines have it. */
function asLines({
  hue,
  scale,
  points,
  means,
  fit,
}: PointPanel): Pick<LineChart, 'lines' | 'marks' | 'left' | 'xScale'> {
  const line = (xs: readonly number[], ys: readonly number[]) =>
    ({ label: '', hue, dashed: false, side: 'left', xs, ys }) as const;
  return {
    marks: [],
    xScale: 'log',
    left: { label: '', scale, holds: means.flatMap(({ interval }) => interval ?? []) },
    lines: [
      line(
        points.map(({ x }) => x),
        points.map(({ y }) => y),
      ),
      ...(fit ? [line([], fit.ys)] : []),
    ],
  };
}

function drawBend(bitmap: Bitmap, { box, place }: Panel, [low, high]: readonly [number, number]): void {
  const [from, to] = [place(low, 1).x, place(high, 1).x];
  fill(bitmap, [rectangle(from, box.y, to - from, box.height)], { colour: GREY, opacity: BAND_OPACITY });
}

/** The fit behind the means, and the single runs behind both. */
function drawRuns(bitmap: Bitmap, panel: Panel, { points, means, fit }: PointPanel, colour: string): void {
  for (const { x, y, counts } of points) {
    const at = panel.place(x, y);
    if (!isPlaced(at)) continue;
    if (counts) fill(bitmap, [disc(at, 5.5)], { colour, opacity: 0.45 });
    else fill(bitmap, [disc(at, 7), disc(at, 4.5).slice().reverse()], { colour: GREY });
  }
  if (fit) {
    const line = fit.xs.map((x, i) => panel.place(x, fit.ys[i])).filter(isPlaced);
    for (const dash of dashes(line, 12, 11)) stroke(bitmap, dash, 4, { colour: GREY });
  }
  const placed = means.map(({ x, mean }) => panel.place(x, mean)).filter(isPlaced);
  stroke(bitmap, placed, 3.5, { colour });
  for (const { x, mean, interval } of means) {
    const at = panel.place(x, mean);
    if (!isPlaced(at)) continue;
    const ends = interval?.map((end) => panel.place(x, end)).filter(isPlaced) ?? [];
    if (ends.length === 2) stroke(bitmap, ends, 3, { colour });
    for (const end of ends) {
      stroke(
        bitmap,
        [
          { ...end, x: end.x - HALF_CAP },
          { ...end, x: end.x + HALF_CAP },
        ],
        3,
        { colour },
      );
    }
    fill(bitmap, [disc(at, 9)], { colour });
  }
}
