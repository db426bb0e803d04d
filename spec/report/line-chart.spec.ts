import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { LARGE_BATCH_COLOUR, SMALL_BATCH_COLOUR } from '../../src/report/chart';
import { dashes, type Point } from '../../src/report/chart-paint';
import { lineFigure } from '../../src/report/html/line-figure';
import {
  drawLines,
  layoutLines,
  paintLines,
  type ChartLine,
  type LineChart,
} from '../../src/report/line-chart';

const SIZE = { width: 800, height: 400 };
const XS = [-1, -0.5, 0, 0.5, 1, 1.5, 2];

const line = (changes: Partial<ChartLine>): ChartLine => ({
  label: 'line',
  hue: 'sb',
  dashed: false,
  side: 'left',
  xs: XS,
  ys: XS.map(() => 1),
  ...changes,
});

const chartOf = (lines: readonly ChartLine[], changes: Partial<LineChart> = {}): LineChart => ({
  title: 'Title',
  subtitle: 'Subtitle',
  xLabel: 'α',
  left: { label: 'loss (nats)', holds: [0] },
  right: { label: 'accuracy (%)', holds: [0, 100] },
  marks: [],
  lines,
  ...changes,
});

/** Whether a pixel is of a colour rather than of white, grey or the other colour. */
function hasColour(chart: LineChart, colour: string): (at: Point) => boolean {
  const { data, width } = paintLines(chart, SIZE);
  const wanted = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return ({ x, y }) => {
    const at = (Math.round(y) * width + Math.round(x)) * 4;
    return wanted.every((channel, i) => Math.abs(data[at + i] - channel) < 60);
  };
}

const lengthOf = (points: readonly Point[]) =>
  points.slice(1).reduce((sum, { x, y }, i) => sum + Math.hypot(x - points[i].x, y - points[i].y), 0);

describe('a dashed line', () => {
  const coordinate = fc.integer({ min: 0, max: 300 });
  const walks = fc.array(fc.record({ x: coordinate, y: coordinate }), { minLength: 2, maxLength: 8 });
  const lengths = fc.integer({ min: 2, max: 40 });

  test('is cut at even lengths along a straight stretch', () => {
    const at = (x: number) => ({ x, y: 7 });
    expect(dashes([at(0), at(25)], 10, 5)).toEqual([
      [at(0), at(10)],
      [at(15), at(25)],
    ]);
    expect(dashes([at(0), at(12)], 10, 5)).toEqual([[at(0), at(10)]]);
  });

  test('has dashes of one length around corners too, but for the last, and as much of the line as the pattern says', () => {
    fc.assert(
      fc.property(walks, lengths, lengths, (walk, on, off) => {
        const total = lengthOf(walk);
        const cut = dashes(walk, on, off);
        cut.slice(0, -1).forEach((dash) => expect(lengthOf(dash)).toBeCloseTo(on, 6));
        const whole = Math.floor(total / (on + off) + 1e-9);
        const drawn = whole * on + Math.min(on, total - whole * (on + off));
        expect(cut.reduce((sum, dash) => sum + lengthOf(dash), 0)).toBeCloseTo(drawn, 5);
      }),
    );
  });

  test('has every corner that no gap falls on', () => {
    const corner = { x: 10, y: 0 };
    const [first] = dashes([{ x: 0, y: 0 }, corner, { x: 10, y: 90 }], 20, 5);
    expect(first).toEqual([{ x: 0, y: 0 }, corner, { x: 10, y: 10 }]);
  });

  test('of one point is that point, and of none is nothing', () => {
    expect(dashes([{ x: 1, y: 2 }], 10, 5)).toEqual([[{ x: 1, y: 2 }]]);
    expect(dashes([], 10, 5)).toEqual([]);
  });
});

describe('the layout of a chart with two axes', () => {
  const values = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 7, maxLength: 7 });

  test('has a place on its own axis for every value of each side, inside the panel', () => {
    fc.assert(
      fc.property(values, values, (losses, accuracies) => {
        const chart = chartOf([
          line({ ys: losses }),
          line({ side: 'right', ys: accuracies.map((value) => 2 * value) }),
        ]);
        const { panel } = layoutLines(chart, SIZE);
        const [top, bottom] = [panel.box.y, panel.box.y + panel.box.height];
        losses.forEach((loss, i) => {
          const { x, y } = panel.place(XS[i], loss);
          expect(x).toBeGreaterThan(i > 0 ? panel.place(XS[i - 1], loss).x : panel.box.x);
          expect(x).toBeLessThan(panel.box.x + panel.box.width);
          expect(y).toBeGreaterThan(top);
          expect(y).toBeLessThan(bottom);
        });
        for (const value of accuracies) {
          expect(panel.right!.place(2 * value)).toBeGreaterThan(top);
          expect(panel.right!.place(2 * value)).toBeLessThan(bottom);
          expect(panel.right!.place(2 * value + 1)).toBeLessThan(panel.right!.place(2 * value));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('holds what each axis is told to hold, and the values of its own lines alone', () => {
    const { panel } = layoutLines(
      chartOf([line({ ys: XS.map(() => 3) }), line({ side: 'right', ys: XS.map(() => 40) })]),
    );
    const ends = (ticks: readonly { readonly value: number }[]) => [ticks[0].value, ticks.at(-1)!.value];
    expect(ends(panel.yTicks)).toEqual([0, 3]);
    expect(ends(panel.right!.ticks)).toEqual([0, 100]);
  });

  test('names the marked values of x at their ticks', () => {
    const marks = [
      { x: 0, name: 'SB' },
      { x: 1, name: 'LB' },
    ];
    const { panel } = layoutLines(chartOf([line({})], { marks }));
    expect(panel.xTicks.map(({ label }) => label)).toEqual([
      '−1.0',
      '−0.5',
      '0.0 = SB',
      '0.5',
      '1.0 = LB',
      '1.5',
      '2.0',
    ]);
    expect(panel.marked).toEqual([0, 1]);
  });

  test('marks whole values of x, such as epochs, at whole ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), (epochs) => {
        const xs = Array.from({ length: epochs }, (_, i) => i + 1);
        const { xTicks } = layoutLines(chartOf([line({ xs, ys: xs })])).panel;
        for (const { value, label } of xTicks) expect(label).toBe(String(Math.round(value)));
        expect(xTicks.length).toBeGreaterThan(1);
      }),
    );
  });

  test('leaves room for both axes and their words', () => {
    const { frame, panel } = layoutLines(chartOf([line({})]));
    expect(panel.box.x).toBeGreaterThanOrEqual(140);
    expect(frame.width - panel.box.x - panel.box.width).toBeGreaterThanOrEqual(140);
    expect(frame.legend.y + frame.legend.height).toBeLessThan(panel.box.y);
  });
});

describe('the layout of a chart with logarithmic axes', () => {
  const decades = fc.double({ min: -6, max: 3, noNaN: true }).map((exponent) => 10 ** exponent);
  const logarithmic = (lines: readonly ChartLine[], changes: Partial<LineChart> = {}) =>
    chartOf(lines, {
      xScale: 'log',
      left: { label: 'loss (nats)', scale: 'log', holds: [] },
      right: { label: 'sharpness', scale: 'log', holds: [] },
      ...changes,
    });

  test('has equal ratios at equal distances, on each axis, all inside the panel', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(decades, { minLength: 3, maxLength: 9 }),
        fc.array(decades, { minLength: 9, maxLength: 9 }),
        (some, values) => {
          const xs = [...some].sort((one, other) => one - other);
          const ys = values.slice(0, xs.length);
          const chart = logarithmic([
            line({ xs, ys }),
            line({ side: 'right', xs, ys: ys.map((y) => 7 * y) }),
          ]);
          const { panel } = layoutLines(chart, SIZE);
          const { box } = panel;
          const distance = (place: (value: number) => number, from: number, to: number) =>
            (place(to) - place(from)) / Math.log(to / from);
          const axes = [
            { place: (value: number) => panel.place(value, ys[0]).x, values: xs },
            { place: (value: number) => panel.place(xs[0], value).y, values: ys },
            { place: panel.right!.place, values: ys.map((y) => 7 * y) },
          ];
          for (const { place, values: own } of axes) {
            for (const value of own) {
              expect(distance(place, value, 2 * value)).toBeCloseTo(distance(place, 1, 10), 6);
            }
          }
          xs.forEach((x, i) => {
            const at = panel.place(x, ys[i]);
            for (const y of [at.y, panel.right!.place(7 * ys[i])]) {
              expect(y).toBeGreaterThan(box.y);
              expect(y).toBeLessThan(box.y + box.height);
            }
            expect(at.x).toBeGreaterThan(box.x);
            expect(at.x).toBeLessThan(box.x + box.width);
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  test('marks whole values, such as batch sizes, where they are, and names those that have names', () => {
    const xs = [16, 26, 64, 500, 1000];
    const chart = logarithmic([line({ xs, ys: xs })], {
      marks: [
        { x: 26, name: 'SB' },
        { x: 500, name: 'LB' },
      ],
    });
    const labels = ['16', '26 = SB', '64', '500 = LB', '1000'];
    expect(layoutLines(chart).panel.xTicks.map(({ label }) => label)).toEqual(labels);
    expect(lineFigure('C1-figure4', chart).layout.xaxis).toMatchObject({
      type: 'log',
      tickvals: xs,
      ticktext: ['16', '26<br>SB', '64', '500<br>LB', '1000'],
    });
  });

  test('marks no whole value so near to another that their labels would run into one another, named ones first', () => {
    const labelsOf = (xs: number[], marks: LineChart['marks'] = []) =>
      layoutLines(logarithmic([line({ xs, ys: xs })], { marks })).panel.xTicks.map(({ label }) => label);
    expect(labelsOf([1, 2, 4, 40, 44])).toEqual(['1', '2', '4', '40']);
    expect(labelsOf([1, 2, 4, 40, 44], [{ x: 44, name: 'LB' }])).toEqual(['1', '2', '4', '44 = LB']);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: 5000 }), { minLength: 2, maxLength: 60 }),
        (xs) => {
          const { panel } = layoutLines(logarithmic([line({ xs, ys: xs })]));
          const places = panel.xTicks.map(({ value }) => panel.place(value, 1).x);
          places.slice(1).forEach((x, i) => expect(x - places[i]).toBeGreaterThan(40));
          for (const { value } of panel.xTicks) expect(xs).toContain(value);
        },
      ),
    );
  });

  test('has no place for 0 or less', () => {
    const chart = logarithmic([line({ ys: [1, 0, -1, 2, NaN, 3, 4], xs: [1, 2, 3, 4, 5, 6, 7] })]);
    const { panel } = layoutLines(chart);
    expect([1, 0, -1, NaN].map((y) => Number.isFinite(panel.place(1, y).y))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(paintLines(chart, SIZE).width).toBe(SIZE.width);
  });

  test('has small marks between the powers of ten', () => {
    const { minor } = layoutLines(logarithmic([line({ ys: [1e-3, 1, 1, 1, 1, 1, 1e3] })])).panel;
    expect(minor).toContain(0.02);
    expect(layoutLines(chartOf([line({})])).panel.minor).toEqual([]);
  });

  test('comes of lines without a value too', () => {
    expect(paintLines(logarithmic([line({ ys: XS.map(() => 0) })]), SIZE).width).toBe(SIZE.width);
    expect(paintLines(logarithmic([line({ xs: [], ys: [] })]), SIZE).width).toBe(SIZE.width);
  });
});

describe('a chart with one axis of y', () => {
  const chart = chartOf([line({})], { right: undefined });

  test('gives the room of the other to the panel', () => {
    const { panel } = layoutLines(chart);
    expect(panel.right).toBeUndefined();
    expect(panel.box.width).toBeGreaterThan(layoutLines(chartOf([line({})])).panel.box.width + 90);
    expect(paintLines(chart, SIZE).width).toBe(SIZE.width);
  });

  test('has one on the page too', () => {
    expect(lineFigure('C1-figure6', chart).layout.yaxis2).toBeUndefined();
  });
});

describe('the picture of a chart with two axes', () => {
  test('is a PNG, the same byte for byte for the same input, on white', async () => {
    const chart = chartOf([line({})]);
    const first = await drawLines(chart, SIZE);
    const png = PNG.sync.read(first);
    expect([png.width, png.height]).toEqual([800, 400]);
    expect([...png.data.subarray(0, 4)]).toEqual([255, 255, 255, 255]);
    expect(first.equals(await drawLines(chart, SIZE))).toBe(true);
  });

  test('has each line at the height that its own axis gives it', () => {
    const chart = chartOf([
      line({ ys: XS.map(() => 2) }),
      line({ hue: 'lb', side: 'right', ys: XS.map(() => 75) }),
      // Gives the left axis its range.
      line({ xs: [2], ys: [8] }),
    ]);
    const { panel } = layoutLines(chart, SIZE);
    const { x, y } = panel.place(0.25, 2);
    const [small, large] = [hasColour(chart, SMALL_BATCH_COLOUR), hasColour(chart, LARGE_BATCH_COLOUR)];
    expect(small({ x, y })).toBe(true);
    expect(large({ x, y: panel.right!.place(75) })).toBe(true);
    expect(small({ x, y: panel.right!.place(75) })).toBe(false);
  });

  test('breaks a dashed line again and again, and a solid one never', () => {
    for (const dashed of [false, true]) {
      const chart = chartOf([line({ dashed })]);
      const { panel } = layoutLines(chart, SIZE);
      const isDrawn = hasColour(chart, SMALL_BATCH_COLOUR);
      const [from, to] = [panel.place(-1, 1), panel.place(2, 1)];
      const along = Array.from({ length: Math.floor(to.x - from.x) }, (_, i) =>
        isDrawn({ x: from.x + i, y: from.y }),
      );
      const breaks = along.filter((drawn, i) => i > 0 && !drawn && along[i - 1]).length;
      if (dashed) expect(breaks).toBeGreaterThan(10);
      else expect(breaks).toBe(0);
    }
  });

  test('leaves a gap where a value is not finite, on either axis, and says so', () => {
    for (const side of ['left', 'right'] as const) {
      for (const missing of [NaN, Infinity]) {
        const chart = chartOf([line({ side, ys: XS.map((x) => (x === 0.5 ? missing : 50)) })]);
        const { panel } = layoutLines(chart, SIZE);
        const isDrawn = hasColour(chart, SMALL_BATCH_COLOUR);
        const y = side === 'left' ? panel.place(0, 50).y : panel.right!.place(50);
        const at = (x: number) => isDrawn({ x: panel.place(x, 1).x, y });
        expect([at(-0.25), at(0.25), at(0.75), at(1.25)]).toEqual([true, false, false, true]);
      }
    }
    const legendOf = (chart: LineChart) => {
      const { legend } = layoutLines(chart, SIZE).frame;
      const { data, width } = paintLines(chart, SIZE);
      const rows = data.subarray(legend.y * width * 4, (legend.y + legend.height) * width * 4);
      return rows.filter((value) => value < 128).length;
    };
    const whole = chartOf([line({})]);
    expect(legendOf(chartOf([line({ ys: XS.map((x) => (x === 0 ? NaN : 1)) })]))).toBeGreaterThan(
      legendOf(whole),
    );
  });

  test('comes of lines without a value too', () => {
    for (const ys of [XS.map(() => NaN), XS.map(() => 1e308)]) {
      expect(paintLines(chartOf([line({ ys }), line({ side: 'right', ys })]), SIZE).width).toBe(SIZE.width);
    }
    expect(paintLines(chartOf([line({ xs: [], ys: [] })]), SIZE).width).toBe(SIZE.width);
  });

  test('comes of values too near to one another to be told apart', () => {
    for (const value of [5e-324, 1e-310]) {
      const { panel } = layoutLines(chartOf([line({ ys: XS.map((x) => (x > 0 ? value : 0)) })]), SIZE);
      expect(panel.place(1, value).y).toBeCloseTo(panel.place(1, 0).y, 6);
    }
  });

  test('keeps the markers of many points apart', () => {
    const many = Array.from({ length: 400 }, (_, i) => i);
    const chart = chartOf([line({ xs: many, ys: many.map(() => 1) })]);
    const { panel } = layoutLines(chart, SIZE);
    const isDrawn = hasColour(chart, SMALL_BATCH_COLOUR);
    // Above the line itself there is colour where a marker stands, and nowhere else.
    const above = many.map((x) => isDrawn({ x: panel.place(x, 1).x, y: panel.place(x, 1).y - 2.5 }));
    const markers = above.filter((drawn, i) => drawn && !above[i - 1]).length;
    expect(markers).toBeGreaterThan(20);
    expect(markers).toBeLessThan(40);
    expect([above[0], above[399]]).toEqual([true, true]);
  });
});

describe('the chart for the page', () => {
  test('has the values of every line on its side, with gaps where they are not finite', () => {
    const chart = chartOf([
      line({ label: 'loss', ys: [1, 2, NaN, 4, 5, Infinity, 7] }),
      line({ label: 'accuracy', side: 'right', dashed: true, hue: 'accuracy' }),
    ]);
    const { data, layout, choices } = lineFigure('C1-figure3', chart);
    expect(data.map(({ name, yaxis, y }) => ({ name, yaxis, y }))).toEqual([
      { name: 'loss', yaxis: 'y', y: [1, 2, null, 4, 5, null, 7] },
      { name: 'accuracy', yaxis: 'y2', y: XS.map(() => 1) },
    ]);
    expect(data.map((trace) => (trace.line as { dash: string }).dash)).toEqual(['solid', 'dash']);
    expect(layout.yaxis2).toMatchObject({ overlaying: 'y', side: 'right', range: [-3, 103] });
    expect(choices.map(({ name }) => name)).toEqual(['axis']);
    const logarithmic = lineFigure('C1-figure4', {
      ...chart,
      left: { ...chart.left, scale: 'log', holds: [] },
    });
    expect(logarithmic.choices).toEqual([]);
    expect(logarithmic.layout.yaxis).toMatchObject({ type: 'log', tickvals: [1, 2, 5, 10] });
    expect(lineFigure('C1-figure2', { ...chart, left: { ...chart.left, holds: [100] } }).choices).toEqual([]);
    expect(logarithmic.layout.yaxis).not.toHaveProperty('rangemode');
    const marked = lineFigure('C1-figure3', { ...chart, marks: [{ x: 1, name: 'LB' }] });
    expect(marked.layout.xaxis).toMatchObject({
      tickvals: XS,
      ticktext: ['−1', '−0.5', '0', '0.5', '1<br>LB', '1.5', '2'],
    });
  });
});
