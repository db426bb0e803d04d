import { PassThrough } from 'node:stream';
import { encodePNGToStream, make, type Bitmap } from 'pureimage';
import type { Frame, Panel } from './chart-layout';
import {
  dashes,
  disc,
  fill,
  loadFont,
  rectangle,
  stroke,
  widthOf,
  write,
  type Contour,
  type Font,
  type Paint,
  type Point,
  type TextStyle,
} from './chart-paint';

// What every chart is made of, whatever it shows: titles, legend, axes, and lines with markers.

const INK = '#1a1a1a';
const GREY = '#555555';
const AXIS = '#8c8c8c';
const GRID = '#dedede';
const WHITE = '#ffffff';

const LINE_WIDTH = 5;
/** A dash and the gap behind it; the round ends of the dashes take a line's width of it. */
const DASH = { on: 14, off: 14 };
/** How much a band between two lines covers. */
export const BAND_OPACITY = 0.13;
/** Of the legend's remark, as a share of its labels' size. */
const NOTE_SIZE = 0.93;

/** A picture being drawn: its pixels, fonts and measures. */
export interface Sheet {
  readonly bitmap: Bitmap;
  readonly frame: Frame;
  readonly regular: Font;
  readonly bold: Font;
}

/** How a line is told from the others, by its label in the legend. */
export interface LegendEntry {
  readonly label: string;
  /** `#rrggbb` */
  readonly colour: string;
  readonly dashed?: boolean;
  /** Which marker it has; that of its place in the legend unless told. */
  readonly marker?: number;
}

/** A white sheet. */
export function blankSheet(frame: Frame): Sheet {
  const bitmap = make(frame.width, frame.height);
  bitmap.data.fill(255);
  const regular = loadFont(
    require.resolve('@expo-google-fonts/source-sans-3/400Regular/SourceSans3_400Regular.ttf'),
  );
  const bold = loadFont(
    require.resolve('@expo-google-fonts/source-sans-3/600SemiBold/SourceSans3_600SemiBold.ttf'),
  );
  return { bitmap, frame, regular, bold };
}

/** Writes both titles, smaller where they would not fit. */
export function drawTitles(
  { bitmap, frame, regular, bold }: Sheet,
  text: { readonly title: string; readonly subtitle: string },
): void {
  const room = frame.width - 2 * frame.title.x;
  const title = { font: bold, size: 40 * frame.unit, colour: INK };
  const subtitle = { font: regular, size: 28 * frame.unit, colour: GREY };
  write(bitmap, text.title, frame.title, fitted(text.title, title, room));
  write(bitmap, text.subtitle, frame.subtitle, fitted(text.subtitle, subtitle, room));
}

/** The style, made smaller where the text would not fit. */
function fitted(text: string, style: TextStyle, room: number): TextStyle {
  const width = widthOf(text, style.font, style.size);
  return { ...style, size: style.size * Math.min(1, room / width) };
}

/**
 * Draws the legend in one line, smaller where it would not fit: entry by entry in the order of their markers, then
 * a remark.
 *
 * @param bands whether lines have bands around them.
 */
export function drawLegend(
  sheet: Sheet,
  entries: readonly LegendEntry[],
  note: string,
  { bands }: { readonly bands: boolean },
): void {
  const { bitmap, frame, regular, bold } = sheet;
  const measure = (size: number): number =>
    entries.reduce((sum, { label }) => sum + swatchWidth(size) + widthOf(label, bold, size) + 1.6 * size, 0) +
    widthOf(note, regular, NOTE_SIZE * size);
  const wanted = 27 * frame.unit;
  const size = wanted * Math.min(1, frame.legend.width / measure(wanted));
  const y = frame.legend.y + frame.legend.height / 2;
  let x = frame.legend.x;
  entries.forEach(({ label, colour, dashed = false, marker }, i) => {
    const width = swatchWidth(size) - 0.6 * size;
    if (bands) fill(bitmap, [rectangle(x, y - 0.5 * size, width, size)], { colour, opacity: BAND_OPACITY });
    const line = [
      { x, y },
      { x: x + width, y },
    ];
    drawStroke(sheet, line, colour, dashed);
    drawMarker(sheet, { x: x + width / 2, y }, colour, marker ?? i);
    x += swatchWidth(size);
    write(bitmap, label, { x, y: y + 0.35 * size }, { font: bold, size, colour });
    x += widthOf(label, bold, size) + 1.6 * size;
  });
  write(bitmap, note, { x, y: y + 0.35 * size }, { font: regular, size: NOTE_SIZE * size, colour: GREY });
}

function swatchWidth(size: number): number {
  return 2.9 * size;
}

/** The words beside a panel's axes; those of y may have the colour of their lines. */
export interface AxesText {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly yColour?: string;
  /** Of the axis on the right, where there is one. */
  readonly rightLabel?: string;
  readonly rightColour?: string;
}

/** Draws a panel's grid, ticks and labels. */
export function drawAxes(sheet: Sheet, panel: Panel, text: AxesText): void {
  drawGrid(sheet, panel);
  drawTickLabels(sheet, panel);
  const { bitmap, frame, regular, bold } = sheet;
  const { box } = panel;
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const title: TextStyle = { font: regular, size: 28 * frame.unit, colour: INK, align: 'middle' };
  const below = { x: middle.x, y: box.y + box.height + 84 * frame.unit };
  const beside = { x: box.x - 96 * frame.unit, y: middle.y };
  write(bitmap, text.xLabel, below, fitted(text.xLabel, title, box.width));
  const upwards = (label: string, at: Point, colour = INK) =>
    write(bitmap, label, at, { ...fitted(label, title, box.height), colour, upwards: true });
  upwards(text.yLabel, beside, text.yColour);
  if (text.rightLabel) {
    const after = { x: box.x + box.width + 114 * frame.unit, y: middle.y };
    upwards(text.rightLabel, after, text.rightColour);
  }
  const heading = { x: box.x, y: box.y - 14 * frame.unit };
  const small: TextStyle = { font: bold, size: 25 * frame.unit, colour: GREY };
  write(bitmap, panel.heading, heading, fitted(panel.heading, small, box.width));
}

function drawGrid({ bitmap, frame }: Sheet, panel: Panel): void {
  const { box, xTicks, yTicks, minor, place, right } = panel;
  // 0 is the place to look at first: of a loss curve it is the minimizer itself.
  const { marked = [0] } = panel;
  const thin = Math.max(1, Math.round(1.5 * frame.unit));
  const across = (y: number, paint: Paint): void =>
    fill(bitmap, [rectangle(box.x, Math.round(place(0, y).y - thin / 2), box.width, thin)], paint);
  const up = (x: number, paint: Paint): void =>
    fill(bitmap, [rectangle(Math.round(place(x, 1).x - thin / 2), box.y, thin, box.height)], paint);
  yTicks.forEach(({ value }) => across(value, { colour: GRID }));
  xTicks.forEach(({ value }) => up(value, { colour: marked.includes(value) ? AXIS : GRID }));
  const axes = [
    rectangle(box.x, box.y, thin, box.height),
    rectangle(box.x, box.y + box.height - thin, box.width, thin),
  ];
  const marks = minor.map((y) =>
    rectangle(box.x - 6 * frame.unit, Math.round(place(0, y).y - thin / 2), 6 * frame.unit, thin),
  );
  fill(bitmap, [...axes, ...marks], { colour: AXIS });
  if (right) {
    const end = box.x + box.width;
    const ticks = right.ticks.map(({ value }) =>
      rectangle(end, Math.round(right.place(value) - thin / 2), 6 * frame.unit, thin),
    );
    fill(bitmap, [rectangle(end - thin, box.y, thin, box.height), ...ticks], { colour: AXIS });
  }
}

function drawTickLabels({ bitmap, frame, regular }: Sheet, panel: Panel): void {
  const { box, xTicks, yTicks, place, right } = panel;
  const style = { font: regular, size: 26 * frame.unit, colour: INK };
  for (const { value, label } of xTicks) {
    const at = { x: place(value, 1).x, y: box.y + box.height + 36 * frame.unit };
    write(bitmap, label, at, { ...style, align: 'middle' });
  }
  for (const { value, label } of yTicks) {
    const at = { x: box.x - 12 * frame.unit, y: place(0, value).y + 0.35 * style.size };
    write(bitmap, label, at, { ...style, align: 'right' });
  }
  for (const { value, label } of right?.ticks ?? []) {
    const at = { x: box.x + box.width + 12 * frame.unit, y: right!.place(value) + 0.35 * style.size };
    write(bitmap, label, at, style);
  }
}

/**
 * Draws a line with a marker at each point, broken where a point has no place.
 *
 * @param index of the line among all, which decides its marker.
 * @param options whether it is dashed, and the least distance of two markers in units, so that many do not run into
 *   one another; both ends have one all the same.
 */
export function drawLine(
  sheet: Sheet,
  points: readonly Point[],
  colour: string,
  index: number,
  { dashed = false, apart = 0 }: { readonly dashed?: boolean; readonly apart?: number } = {},
): void {
  for (const run of unbroken(points, isPlaced)) drawStroke(sheet, run, colour, dashed);
  const placed = points.filter(isPlaced);
  let last: Point | undefined;
  for (const point of placed) {
    const near = last && Math.hypot(point.x - last.x, point.y - last.y) < apart * sheet.frame.unit;
    if (near && point !== placed[placed.length - 1]) continue;
    drawMarker(sheet, point, colour, index);
    last = point;
  }
}

function drawStroke(
  { bitmap, frame: { unit } }: Sheet,
  line: Point[],
  colour: string,
  dashed: boolean,
): void {
  const pieces = dashed ? dashes(line, DASH.on * unit, DASH.off * unit) : [line];
  for (const piece of pieces) stroke(bitmap, piece, LINE_WIDTH * unit, { colour });
}

/** How a marker is drawn at a point: a contour in the line's colour, and one in white where it is hollow. */
type Marker = (at: Point, unit: number) => readonly [Contour, Contour?];

/**
 * Lines are told apart without colour, and where the first lies exactly on the second, the square still shows around
 * the disc.
 */
const MARKERS: readonly Marker[] = [
  (at, unit) => [disc(at, 6 * unit)],
  (at, unit) => [square(at, 8.5 * unit), square(at, 5.5 * unit)],
  (at, unit) => [diamond(at, 11 * unit)],
  (at, unit) => [diamond(at, 12.5 * unit), diamond(at, 8 * unit)],
];

function drawMarker({ bitmap, frame: { unit } }: Sheet, at: Point, colour: string, index: number): void {
  const [outer, inner] = MARKERS[index % MARKERS.length](at, unit);
  fill(bitmap, [outer], { colour });
  if (inner) fill(bitmap, [inner], { colour: WHITE });
}

function square({ x, y }: Point, reach: number): Contour {
  return rectangle(x - reach, y - reach, 2 * reach, 2 * reach);
}

function diamond({ x, y }: Point, reach: number): Contour {
  return [
    { x: x - reach, y },
    { x, y: y - reach },
    { x: x + reach, y },
    { x, y: y + reach },
  ];
}

/** The longest stretches of neighbours that are all as wanted. */
export function unbroken<T>(items: readonly T[], wanted: (item: T) => boolean): T[][] {
  const runs: T[][] = [[]];
  for (const item of items) {
    if (wanted(item)) runs[runs.length - 1].push(item);
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

/** Whether a point lies on the axes. */
export function isPlaced(point: Point): boolean {
  return Number.isFinite(point.y);
}

/** The sheet's picture as a PNG. */
export async function encode(bitmap: Bitmap): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const sink = new PassThrough();
  sink.on('data', (chunk: Buffer) => chunks.push(chunk));
  await encodePNGToStream(bitmap, sink);
  return Buffer.concat(chunks);
}
