import { PassThrough } from 'node:stream';
import { encodePNGToStream, make, type Bitmap } from 'pureimage';
import {
  DEFAULT_SIZE,
  layoutChart,
  type ChartLayout,
  type ChartSeries,
  type Panel,
  type Size,
} from './chart-layout';
import {
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

export type { ChartSeries } from './chart-layout';

/** The words on a chart. */
export interface ChartText {
  readonly title: string;
  readonly subtitle: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** What the thin lines of one series are together, such as "3 seeds × 5 directions"; directions unless told. */
  readonly lines?: string;
}

/** The blue of the small-batch minimizer; told from the red by every common form of colour vision. */
export const SMALL_BATCH_COLOUR = '#2166ac';
/** The red of the large-batch minimizer. */
export const LARGE_BATCH_COLOUR = '#b2182b';

const INK = '#1a1a1a';
const GREY = '#555555';
const AXIS = '#8c8c8c';
const GRID = '#dedede';
const WHITE = '#ffffff';

const MEAN_WIDTH = 5;
const BAND_OPACITY = 0.13;
const DIRECTION_OPACITY = 0.45;
/** Of the legend's remark, as a share of its labels' size. */
const NOTE_SIZE = 0.93;
const SMALLEST = { width: 320, height: 160 };

/** A picture being drawn: its pixels, fonts and measures. */
interface Sheet {
  readonly bitmap: Bitmap;
  readonly layout: ChartLayout;
  readonly regular: Font;
  readonly bold: Font;
}

/** What is drawn of a series at one α; null where a direction's loss is not finite, since then the figure is not. */
interface Summary {
  readonly alpha: number;
  readonly mean: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/**
 * Draws loss curves L(θ + αd) as a PNG: the same curves on a linear axis (left) and on a logarithmic one (right).
 * Of each series there is the mean over its directions as a thick line with a marker at every α (the first
 * series' markers are discs, the second's hollow squares), every direction as a thin line and, where there are
 * two directions or more, a band from the least to the greatest loss. Where a loss is null or not finite the
 * direction's line is broken, and with it the mean and the band; on the logarithmic axis a loss of 0 breaks them too.
 * The same input gives the same bytes.
 *
 * @param series at least one, drawn in this order in the legend. Alphas need not be sorted; losses are in nats.
 * @param text too long a line is made smaller until it fits.
 * @param options width and height in pixels, 1600 by 800 unless told; at least 320 by 160.
 * @throws RangeError where there is no series, no alpha or no direction, where an alpha is not finite, where a
 *   direction has not one loss an alpha, where a colour is not `#rrggbb`, or where the size is too small.
 */
export async function drawCurves(
  series: readonly ChartSeries[],
  text: ChartText,
  { width = DEFAULT_SIZE.width, height = DEFAULT_SIZE.height }: { width?: number; height?: number } = {},
): Promise<Buffer> {
  return encode(paintCurves(series, text, { width, height }));
}

/** The pixels of the picture that `drawCurves` gives as a PNG. */
export function paintCurves(series: readonly ChartSeries[], text: ChartText, size: Size): Bitmap {
  checkSeries(series);
  checkSize(size);
  const sorted = series.map(inOrderOfAlpha);
  const sheet = blankSheet(layoutChart(sorted, size));
  drawTitles(sheet, text);
  drawLegend(sheet, sorted, text.lines);
  for (const panel of sheet.layout.panels) {
    drawAxes(sheet, panel, text);
    drawSeries(sheet, panel, sorted);
  }
  return sheet.bitmap;
}

function checkSeries(series: readonly ChartSeries[]): void {
  if (series.length === 0) throw new RangeError('a chart needs at least one series');
  for (const { label, alphas, losses } of series) {
    if (alphas.length === 0 || !alphas.every(Number.isFinite))
      throw new RangeError(`${label}: expected one or more finite alphas, got [${alphas.join(', ')}]`);
    if (losses.length === 0) throw new RangeError(`${label}: expected the losses of at least one direction`);
    const wrong = losses.findIndex((direction) => direction.length !== alphas.length);
    if (wrong >= 0)
      throw new RangeError(
        `${label}: expected ${alphas.length} losses, one an alpha, in direction ${wrong}, got ${losses[wrong].length}`,
      );
  }
}

function checkSize({ width, height }: Size): void {
  const whole = Number.isInteger(width) && Number.isInteger(height);
  if (!whole || width < SMALLEST.width || height < SMALLEST.height)
    throw new RangeError(
      `expected a size of whole pixels, at least ${SMALLEST.width}x${SMALLEST.height}, got ${width}x${height}`,
    );
}

function inOrderOfAlpha(series: ChartSeries): ChartSeries {
  const order = series.alphas.map((_, i) => i).sort((a, b) => series.alphas[a] - series.alphas[b]);
  return {
    ...series,
    alphas: order.map((i) => series.alphas[i]),
    losses: series.losses.map((direction) => order.map((i) => direction[i])),
  };
}

function blankSheet(layout: ChartLayout): Sheet {
  const bitmap = make(layout.width, layout.height);
  bitmap.data.fill(255);
  const regular = loadFont(
    require.resolve('@expo-google-fonts/source-sans-3/400Regular/SourceSans3_400Regular.ttf'),
  );
  const bold = loadFont(
    require.resolve('@expo-google-fonts/source-sans-3/600SemiBold/SourceSans3_600SemiBold.ttf'),
  );
  return { bitmap, layout, regular, bold };
}

function drawTitles({ bitmap, layout, regular, bold }: Sheet, text: ChartText): void {
  const room = layout.width - 2 * layout.title.x;
  const title = { font: bold, size: 40 * layout.unit, colour: INK };
  const subtitle = { font: regular, size: 28 * layout.unit, colour: GREY };
  write(bitmap, text.title, layout.title, fitted(text.title, title, room));
  write(bitmap, text.subtitle, layout.subtitle, fitted(text.subtitle, subtitle, room));
}

/** The style, made smaller where the text would not fit. */
function fitted(text: string, style: TextStyle, room: number): TextStyle {
  const width = widthOf(text, style.font, style.size);
  return { ...style, size: style.size * Math.min(1, room / width) };
}

function drawLegend(sheet: Sheet, series: readonly ChartSeries[], lines?: string): void {
  const { bitmap, layout, regular, bold } = sheet;
  const note = legendNote(series, lines);
  const measure = (size: number): number =>
    series.reduce((sum, { label }) => sum + swatchWidth(size) + widthOf(label, bold, size) + 1.6 * size, 0) +
    widthOf(note, regular, NOTE_SIZE * size);
  const wanted = 27 * layout.unit;
  const size = wanted * Math.min(1, layout.legend.width / measure(wanted));
  const y = layout.legend.y + layout.legend.height / 2;
  let x = layout.legend.x;
  series.forEach(({ label, colour }, i) => {
    drawSwatch(sheet, { x, y }, size, colour, i);
    x += swatchWidth(size);
    write(bitmap, label, { x, y: y + 0.35 * size }, { font: bold, size, colour });
    x += widthOf(label, bold, size) + 1.6 * size;
  });
  write(bitmap, note, { x, y: y + 0.35 * size }, { font: regular, size: NOTE_SIZE * size, colour: GREY });
}

function legendNote(series: readonly ChartSeries[], lines?: string): string {
  const counts = [...new Set(series.map(({ losses }) => losses.length))];
  const gaps = series.some(({ losses }) => losses.flat().some((loss) => !Number.isFinite(loss)));
  const ending = gaps ? '; gap: not finite' : '';
  if (counts.length === 1 && counts[0] === 1) return `along one direction${ending}`;
  if (lines) return `thick line: mean of ${lines}; thin: each; band: min to max${ending}`;
  const many = counts.length === 1 ? `${counts[0]} directions` : 'directions';
  return `thick line: mean of ${many}; thin: each direction; band: min to max${ending}`;
}

function swatchWidth(size: number): number {
  return 2.9 * size;
}

function drawSwatch(
  { bitmap, layout }: Sheet,
  { x, y }: Point,
  size: number,
  colour: string,
  index: number,
): void {
  const width = swatchWidth(size) - 0.6 * size;
  fill(bitmap, [rectangle(x, y - 0.5 * size, width, size)], { colour, opacity: BAND_OPACITY });
  const line = [
    { x, y },
    { x: x + width, y },
  ];
  stroke(bitmap, line, MEAN_WIDTH * layout.unit, { colour });
  drawMarker(bitmap, { x: x + width / 2, y }, layout.unit, colour, index);
}

function drawAxes(sheet: Sheet, panel: Panel, text: ChartText): void {
  drawGrid(sheet, panel);
  drawTickLabels(sheet, panel);
  const { bitmap, layout, regular, bold } = sheet;
  const { box } = panel;
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const title: TextStyle = { font: regular, size: 28 * layout.unit, colour: INK, align: 'middle' };
  const below = { x: middle.x, y: box.y + box.height + 84 * layout.unit };
  const beside = { x: box.x - 96 * layout.unit, y: middle.y };
  write(bitmap, text.xLabel, below, fitted(text.xLabel, title, box.width));
  write(bitmap, text.yLabel, beside, { ...fitted(text.yLabel, title, box.height), upwards: true });
  const heading = { x: box.x, y: box.y - 14 * layout.unit };
  write(bitmap, panel.heading, heading, { font: bold, size: 25 * layout.unit, colour: GREY });
}

function drawGrid({ bitmap, layout }: Sheet, { box, xTicks, yTicks, minor, place }: Panel): void {
  const thin = Math.max(1, Math.round(1.5 * layout.unit));
  const across = (loss: number, paint: Paint): void =>
    fill(bitmap, [rectangle(box.x, Math.round(place(0, loss).y - thin / 2), box.width, thin)], paint);
  const up = (alpha: number, paint: Paint): void =>
    fill(bitmap, [rectangle(Math.round(place(alpha, 1).x - thin / 2), box.y, thin, box.height)], paint);
  yTicks.forEach(({ value }) => across(value, { colour: GRID }));
  // α = 0 is the minimizer itself: the place to look at first.
  xTicks.forEach(({ value }) => up(value, { colour: value === 0 ? AXIS : GRID }));
  const axes = [
    rectangle(box.x, box.y, thin, box.height),
    rectangle(box.x, box.y + box.height - thin, box.width, thin),
  ];
  const marks = minor.map((loss) =>
    rectangle(box.x - 6 * layout.unit, Math.round(place(0, loss).y - thin / 2), 6 * layout.unit, thin),
  );
  fill(bitmap, [...axes, ...marks], { colour: AXIS });
}

function drawTickLabels({ bitmap, layout, regular }: Sheet, { box, xTicks, yTicks, place }: Panel): void {
  const style = { font: regular, size: 26 * layout.unit, colour: INK };
  for (const { value, label } of xTicks) {
    const at = { x: place(value, 1).x, y: box.y + box.height + 36 * layout.unit };
    write(bitmap, label, at, { ...style, align: 'middle' });
  }
  for (const { value, label } of yTicks) {
    const at = { x: box.x - 12 * layout.unit, y: place(0, value).y + 0.35 * style.size };
    write(bitmap, label, at, { ...style, align: 'right' });
  }
}

/** In layers, so that no series' band dims another's line; the first series comes last, above the others. */
function drawSeries({ bitmap, layout: { unit } }: Sheet, panel: Panel, series: readonly ChartSeries[]): void {
  const layered = series.map((one, index) => ({ ...one, index, summaries: summarise(one) })).reverse();
  for (const { colour, losses, summaries } of layered) {
    if (losses.length > 1) drawBand(bitmap, panel, summaries, { colour, opacity: BAND_OPACITY });
  }
  for (const { colour, alphas, losses } of layered) {
    if (losses.length === 1) continue;
    const paint = { colour, opacity: DIRECTION_OPACITY };
    for (const direction of losses) {
      const points = alphas.map((alpha, i) => panel.place(alpha, direction[i]));
      for (const run of unbroken(points, isPlaced)) stroke(bitmap, run, 1.6 * unit, paint);
    }
  }
  for (const { colour, index, summaries } of layered) {
    // The mean of losses that are not all on the axis might not be on it either.
    const points = summaries.map(({ alpha, mean, low }) =>
      isPlaced(panel.place(alpha, low)) ? panel.place(alpha, mean) : { x: NaN, y: NaN },
    );
    for (const run of unbroken(points, isPlaced)) stroke(bitmap, run, MEAN_WIDTH * unit, { colour });
    points.filter(isPlaced).forEach((point) => drawMarker(bitmap, point, unit, colour, index));
  }
}

function summarise({ alphas, losses }: ChartSeries): Summary[] {
  return alphas.map((alpha, i) => {
    const values = losses
      .map((direction) => direction[i])
      .filter((loss) => loss !== null && Number.isFinite(loss));
    if (values.length < losses.length) return { alpha, mean: null, low: null, high: null };
    const finite = values as number[];
    const mean = finite.reduce((sum, loss) => sum + loss, 0) / finite.length;
    return { alpha, mean, low: Math.min(...finite), high: Math.max(...finite) };
  });
}

function drawBand(bitmap: Bitmap, panel: Panel, summaries: readonly Summary[], paint: Paint): void {
  const rims = summaries.map(({ alpha, low, high }) => ({
    low: panel.place(alpha, low),
    high: panel.place(alpha, high),
  }));
  for (const run of unbroken(rims, (rim) => isPlaced(rim.low) && isPlaced(rim.high))) {
    fill(bitmap, [[...run.map((rim) => rim.high), ...run.map((rim) => rim.low).reverse()]], paint);
  }
}

/**
 * A disc for the first series, a hollow square for the second: they are told apart without colour, and where the
 * first lies exactly on the second, the square still shows around the disc.
 */
function drawMarker(bitmap: Bitmap, at: Point, unit: number, colour: string, index: number): void {
  if (index % 2 === 0) return fill(bitmap, [disc(at, 6 * unit)], { colour });
  fill(bitmap, [square(at, 8.5 * unit)], { colour });
  fill(bitmap, [square(at, 5.5 * unit)], { colour: WHITE });
}

function square({ x, y }: Point, reach: number): Contour {
  return rectangle(x - reach, y - reach, 2 * reach, 2 * reach);
}

/** The longest stretches of neighbours that are all as wanted. */
function unbroken<T>(items: readonly T[], wanted: (item: T) => boolean): T[][] {
  const runs: T[][] = [[]];
  for (const item of items) {
    if (wanted(item)) runs[runs.length - 1].push(item);
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

function isPlaced(point: Point): boolean {
  return Number.isFinite(point.y);
}

async function encode(bitmap: Bitmap): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const sink = new PassThrough();
  sink.on('data', (chunk: Buffer) => chunks.push(chunk));
  await encodePNGToStream(bitmap, sink);
  return Buffer.concat(chunks);
}
