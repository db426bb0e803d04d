import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import type { Point } from '../../src/report/chart-paint';
import { pointFigures } from '../../src/report/html/point-figure';
import { COLOURS } from '../../src/report/line-chart';
import {
  drawPoints,
  layoutPoints,
  paintPoints,
  type PointChart,
  type PointPanel,
} from '../../src/report/point-chart';

const XS = [16, 64, 256, 1024];

const panelOf = (changes: Partial<PointPanel> = {}): PointPanel => ({
  heading: 'a quantity',
  hue: 'sharpness',
  scale: 'log',
  points: XS.map((x) => ({ x, y: x / 8, counts: true, name: 'seed 1' })),
  means: [],
  ...changes,
});

const chartOf = (...panels: PointPanel[]): PointChart => ({
  title: 'Title',
  subtitle: 'Subtitle',
  note: 'note',
  xLabel: 'batch size',
  panels,
});

/** How far a pixel is from grey, from 0 to 255, and how bright. */
function reader(chart: PointChart) {
  const { data, width } = paintPoints(chart);
  return ({ x, y }: Point) => {
    const at = (Math.round(y) * width + Math.round(x)) * 4;
    const channels = [data[at], data[at + 1], data[at + 2]];
    return {
      channels,
      brightness: Math.min(...channels),
      tint: Math.max(...channels) - Math.min(...channels),
    };
  };
}

const anyPanel = fc
  .record({
    scale: fc.constantFrom('linear', 'log'),
    ys: fc.array(fc.double({ min: 0.01, max: 1e4, noNaN: true }), { minLength: 4, maxLength: 4 }),
    hue: fc.constantFrom('accuracy', 'sharpness', 'loss'),
  })
  .map(({ scale, ys, hue }) =>
    panelOf({ scale, hue, points: XS.map((x, i) => ({ x, y: ys[i], counts: true, name: '' })) }),
  );

describe('a chart of points', () => {
  test('has each run in its panel, in the colour of its quantity', () => {
    fc.assert(
      fc.property(fc.array(anyPanel, { minLength: 1, maxLength: 7 }), (panels) => {
        const chart = chartOf(...panels);
        const pixel = reader(chart);
        layoutPoints(chart).panels.forEach(({ place, box }, index) => {
          for (const { x, y } of panels[index].points) {
            const at = place(x, y);
            expect(at.x).toBeGreaterThan(box.x);
            expect(at.x).toBeLessThan(box.x + box.width);
            expect(at.y).toBeGreaterThan(box.y);
            expect(at.y).toBeLessThan(box.y + box.height);
            expect(pixel(at).tint).toBeGreaterThan(20);
          }
        });
      }),
      {
        numRuns: 10,
        // Values that differ in the seventeenth digit alone.
        examples: [
          [
            [
              panelOf({
                scale: 'linear',
                points: XS.map((x, i) => ({ x, y: 0.01 + (i ? 1 : 2) * 2 ** -59, counts: true, name: '' })),
              }),
            ],
          ],
        ],
      },
    );
  });

  test('has panels that do not touch one another, all on the picture', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), (count) => {
        const { frame, panels } = layoutPoints(chartOf(...Array.from({ length: count }, () => panelOf())));
        panels.forEach(({ box }, i) => {
          expect(box.x + box.width).toBeLessThan(frame.width);
          expect(box.y + box.height).toBeLessThan(frame.height);
          for (const { box: other } of panels.slice(i + 1)) {
            const beside = box.x + box.width < other.x || other.x + other.width < box.x;
            const above = box.y + box.height < other.y || other.y + other.height < box.y;
            expect(beside || above).toBe(true);
          }
        });
      }),
    );
  });

  test('draws a run that does not count as a ring without its colour', () => {
    const chart = chartOf(
      panelOf({ points: XS.map((x, i) => ({ x, y: 5 + x / 8, counts: i !== 1, name: '' })) }),
    );
    const pixel = reader(chart);
    const [{ place }] = layoutPoints(chart).panels;
    const at = place(64, 13);
    expect(pixel(at).brightness).toBeGreaterThan(200);
    const rim = pixel({ x: at.x - 5.75, y: at.y });
    expect(rim.brightness).toBeLessThan(170);
    expect(rim.tint).toBeLessThan(10);
  });

  test('has means with their intervals, though no run lies there', () => {
    const means = [{ x: 64, mean: 10, interval: [0.2, 900] as const }];
    const chart = chartOf(panelOf({ means }));
    const pixel = reader(chart);
    const [{ place }] = layoutPoints(chart).panels;
    const wanted = [1, 3, 5].map((i) => parseInt(COLOURS.sharpness.slice(i, i + 2), 16));
    for (const y of [10, 0.2, 1, 100, 900]) expect(pixel(place(64, y)).channels).toEqual(wanted);
  });

  test('shades where the fit may bend, and nothing beside it', () => {
    const chart = chartOf(panelOf({ bend: [32, 200], fit: { xs: [16, 64, 1024], ys: [2, 2, 128] } }));
    const pixel = reader(chart);
    const [{ place, box }] = layoutPoints(chart).panels;
    const high = { y: box.y + 5 };
    expect(pixel({ ...high, x: place(100, 1).x }).brightness).toBeLessThan(245);
    expect(pixel({ ...high, x: place(100, 1).x }).tint).toBe(0);
    expect(pixel({ ...high, x: place(24, 1).x }).brightness).toBe(255);
    expect(pixel({ ...high, x: place(400, 1).x }).brightness).toBe(255);
    const dashes = Array.from({ length: 200 }, (_, i) => 66 + i).filter(
      (x) => pixel(place(x, (x * 2) / 16 / 4)).brightness < 120,
    );
    expect(dashes.length).toBeGreaterThan(0);
  });

  test('gives the same PNG for the same chart, of the size that it is laid out in', async () => {
    const chart = chartOf(panelOf(), panelOf({ scale: 'linear' }), panelOf(), panelOf());
    const [first, second] = [await drawPoints(chart), await drawPoints(chart)];
    expect(first.equals(second)).toBe(true);
    const { width, height } = PNG.sync.read(first);
    const { frame } = layoutPoints(chart);
    expect({ width, height }).toEqual({ width: frame.width, height: frame.height });
  });
});

describe('a chart of points on a page', () => {
  test('has the runs, the means and the fit of each panel, and no sign for what there is none of', () => {
    fc.assert(
      fc.property(anyPanel, fc.integer({ min: 0, max: 4 }), (panel, hollow) => {
        const points = panel.points.map((point, i) => ({ ...point, counts: i >= hollow }));
        const means = [
          { x: 16, mean: 4, interval: [3, 7] as const },
          { x: 64, mean: 5, interval: null },
        ];
        const [figure] = pointFigures('id', chartOf({ ...panel, points, means }));
        const trace = (name: string) =>
          figure.data.find((one) => one.name === name) as Record<string, unknown>;
        expect(trace('run').y).toEqual(points.filter(({ counts }) => counts).map(({ y }) => y));
        expect(trace('not comparable')?.y).toEqual(
          hollow ? points.slice(0, hollow).map(({ y }) => y) : undefined,
        );
        expect(trace('broken stick')).toBeUndefined();
        expect(trace('mean, 95%')).toMatchObject({
          y: [4, 5],
          error_y: { array: [3, 0], arrayminus: [1, 0] },
        });
        expect(figure.layout).toMatchObject({ yaxis: { type: panel.scale }, shapes: [] });
      }),
    );
  });
});
