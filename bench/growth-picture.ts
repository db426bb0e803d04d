import { growthExponent } from '../src/landscape/shape';
import {
  DEFAULT_SIZE,
  frameOfTwo,
  INSET,
  logScale,
  minorValues,
  type Box,
  type Panel,
} from '../src/report/chart-layout';
import {
  blankSheet,
  drawAxes,
  drawLegend,
  drawLine,
  drawTitles,
  encode,
  type LegendEntry,
} from '../src/report/chart-parts';
import { logAxis } from '../src/report/ticks';
import type { Growth, Varied } from './growth-results';

/** One quantity against another, both on logarithmic axes, a line for each engine. */
export interface View {
  readonly varies: Varied;
  readonly figure: 'imagesPerSecond' | 'peakMiB' | 'seconds';
  readonly xLabel: string;
  readonly yLabel: string;
}

interface Line extends LegendEntry {
  readonly xs: readonly number[];
  /** null where there is no figure. */
  readonly ys: readonly (number | null)[];
}

/** A file's name, without its ending, and its content. */
export interface Picture {
  readonly name: string;
  readonly png: Buffer;
}

const STYLES: Readonly<Record<string, LegendEntry>> = {
  tensorflow: { label: 'TensorFlow', colour: '#2166ac' },
  webgpu: { label: 'WebGPU', colour: '#1b7837' },
  wasm: { label: 'WebAssembly', colour: '#b2182b' },
  pytorch: { label: 'PyTorch', colour: '#555555' },
};

/** The pictures of all series: batch size, width and threads against rate and memory; a direction's time. */
export function drawGrowth(growth: Growth): Promise<Picture[]> {
  const { batch, images, alphas } = growth.fixed;
  const threads = `${growth.machine.threads} threads`;
  const training = (varies: Varied, xLabel: string): [View, View] => [
    { varies, figure: 'imagesPerSecond', xLabel, yLabel: 'images a second' },
    { varies, figure: 'peakMiB', xLabel, yLabel: 'peak memory (MiB)' },
  ];
  const seconds = { figure: 'seconds', yLabel: 'seconds a direction' } as const;
  return Promise.all([
    draw(growth, 'batch-size', 'Training against batch size', `SimpleVGG, ${threads}`, [
      ...training('batch size', 'batch size (images)'),
    ]),
    draw(growth, 'width', 'Training against width', `batch size ${batch}, ${threads}`, [
      ...training('width', 'width of every layer, times that of SimpleVGG'),
    ]),
    draw(growth, 'threads', 'Training against threads', `SimpleVGG, batch size ${batch}`, [
      ...training('threads', 'threads, each with a processor of its own'),
    ]),
    draw(
      growth,
      'direction',
      'A loss curve along one direction',
      `SimpleVGG, ${threads}; ${alphas} alphas (left), ${images} images (right)`,
      [
        { ...seconds, varies: 'images', xLabel: 'images' },
        { ...seconds, varies: 'alphas', xLabel: 'alphas' },
      ],
    ),
  ]);
}

async function draw(
  growth: Growth,
  name: string,
  title: string,
  what: string,
  views: readonly [View, View],
): Promise<Picture> {
  const { frame, boxes } = frameOfTwo(DEFAULT_SIZE);
  const sheet = blankSheet(frame);
  const shown = linesOf(growth, views);
  drawTitles(sheet, { title, subtitle: `${what}; ${growth.machine.processor}` });
  drawLegend(sheet, shown[0], noteOn(shown, views), { bands: false });
  shown.forEach((lines, i) => {
    const panel = panelOf(boxes[i], frame.unit, lines, views[i]);
    drawAxes(sheet, panel, views[i]);
    // The first comes last, above the others.
    for (const [index, { xs, ys, colour }] of [...lines.entries()].reverse()) {
      const points = xs.map((x, j) => panel.place(x, ys[j]));
      drawLine(sheet, points, colour, index);
    }
  });
  return { name, png: await encode(sheet.bitmap) };
}

function noteOn(shown: readonly (readonly Line[])[], views: readonly View[]): string {
  const lines = shown.flat();
  const sideBySide =
    views[0].figure === 'imagesPerSecond' && lines.some(({ label }) => label === STYLES.wasm.label);
  return [
    'both axes logarithmic',
    ...(lines.some(({ ys }) => ys.includes(null)) ? ['no point: n/a'] : []),
    ...(sideBySide ? [`${STYLES.wasm.label}: a training on each thread, all together`] : []),
  ].join('; ');
}

/** A line for each engine that has a figure in one of the views, in the same order for each view. */
function linesOf({ rows }: Growth, views: readonly View[]): Line[][] {
  const all = views.map(({ varies, figure }) =>
    Object.entries(STYLES).map(([engine, style]): Line => {
      const own = rows
        .filter((row) => row.engine === engine && row.varies === varies)
        .sort((one, other) => one.value - other.value);
      return { ...style, xs: own.map(({ value }) => value), ys: own.map((row) => row[figure]) };
    }),
  );
  const isDrawn = (_: unknown, i: number) => all.some((lines) => lines[i].ys.some((y) => y !== null));
  return all.map((lines) => lines.filter(isDrawn));
}

/** The axes: x is marked where it was measured. */
export function panelOf(box: Box, unit: number, lines: readonly Line[], view: View): Panel {
  const values = [...new Set(lines.flatMap(({ xs }) => xs))].sort((one, other) => one - other);
  const figures = lines.flatMap(({ ys }) => ys).filter((y) => y !== null);
  const axis = figures.length > 0 ? logAxis(Math.min(...figures), Math.max(...figures)) : logAxis(0.1, 1);
  const [first = 1, last = first] = [values.at(0), values.at(-1)];
  // A single value stands in the middle.
  const ends = first < last ? { low: first, high: last } : { low: first / 2, high: first * 2 };
  const inset = 2 * INSET * unit;
  const x = logScale(ends, [box.x + inset, box.x + box.width - inset]);
  const y = logScale(axis, [box.y + box.height - INSET * unit, box.y + INSET * unit]);
  return {
    heading: view.figure === 'seconds' ? steepness(lines) : '',
    box,
    xTicks: values.map((value) => ({ value, label: String(value) })),
    yTicks: axis.ticks,
    minor: minorValues(axis),
    place: (value, figure) => ({ x: x(value), y: figure === null ? NaN : y(figure) }),
  };
}

/** How steep the lines are: 1 where time grows in proportion. Nothing where no line has two points. */
function steepness(lines: readonly Line[]): string {
  const ofLines = lines.flatMap(({ label, xs, ys }) => {
    const there = xs.flatMap((x, i) => (ys[i] === null ? [] : [{ x, y: ys[i] }]));
    if (there.length < 2) return [];
    // From 0, where there is nothing to do.
    const exponent = growthExponent([0, ...there.map(({ x }) => x)], [0, ...there.map(({ y }) => y)]);
    return [`${label} ${exponent.toFixed(2)}`];
  });
  return ofLines.length > 0 ? `exponent, 1 in proportion: ${ofLines.join(', ')}` : '';
}
