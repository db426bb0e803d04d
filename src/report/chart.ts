import type { Bitmap } from 'pureimage';
import { DEFAULT_SIZE, layoutChart, type ChartSeries, type Panel, type Size } from './chart-layout';
import {
  BAND_OPACITY,
  blankSheet,
  drawAxes,
  drawLegend,
  drawLine,
  drawTitles,
  encode,
  isPlaced,
  unbroken,
  type Sheet,
} from './chart-parts';
import { fill, stroke, type Paint } from './chart-paint';

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

const DIRECTION_OPACITY = 0.45;
const SMALLEST = { width: 320, height: 160 };

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
  const layout = layoutChart(sorted, size);
  const sheet = blankSheet(layout);
  drawTitles(sheet, text);
  drawLegend(sheet, sorted, legendNote(sorted, text.lines), { bands: true });
  for (const panel of layout.panels) {
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

function legendNote(series: readonly ChartSeries[], lines?: string): string {
  const counts = [...new Set(series.map(({ losses }) => losses.length))];
  const gaps = series.some(({ losses }) => losses.flat().some((loss) => !Number.isFinite(loss)));
  const ending = gaps ? '; gap: not finite' : '';
  if (counts.length === 1 && counts[0] === 1) return `along one direction${ending}`;
  if (lines) return `thick line: mean of ${lines}; thin: each; band: min to max${ending}`;
  const many = counts.length === 1 ? `${counts[0]} directions` : 'directions';
  return `thick line: mean of ${many}; thin: each direction; band: min to max${ending}`;
}

/** In layers, so that no series' band dims another's line; the first series comes last, above the others. */
function drawSeries(sheet: Sheet, panel: Panel, series: readonly ChartSeries[]): void {
  const { bitmap, frame } = sheet;
  const layered = series.map((one, index) => ({ ...one, index, summaries: summarise(one) })).reverse();
  for (const { colour, losses, summaries } of layered) {
    if (losses.length > 1) drawBand(bitmap, panel, summaries, { colour, opacity: BAND_OPACITY });
  }
  for (const { colour, alphas, losses } of layered) {
    if (losses.length === 1) continue;
    const paint = { colour, opacity: DIRECTION_OPACITY };
    for (const direction of losses) {
      const points = alphas.map((alpha, i) => panel.place(alpha, direction[i]));
      for (const run of unbroken(points, isPlaced)) stroke(bitmap, run, 1.6 * frame.unit, paint);
    }
  }
  for (const { colour, index, summaries } of layered) {
    // The mean of losses that are not all on the axis might not be on it either.
    const points = summaries.map(({ alpha, mean, low }) =>
      isPlaced(panel.place(alpha, low)) ? panel.place(alpha, mean) : { x: NaN, y: NaN },
    );
    drawLine(sheet, points, colour, index);
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
