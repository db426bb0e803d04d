import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LARGE_BATCH_COLOUR, SMALL_BATCH_COLOUR } from '../../src/report/chart';
import { chartsOf, type Chart, type Trace } from '../../src/report/html/figures';
import { ratioTicks } from '../../src/report/html/ratio-ticks';
import type { Report } from '../../src/report/report';
import { exampleReport, reportShapes } from '../helpers/reports';

const STYLE = readFileSync(join(__dirname, '../../src/report/html/style.css'), 'utf8');

const allCharts = (report: Report): Chart[] => Object.values(chartsOf(report)).flat();

/** Every way in which a chart's choices can be made. */
function settingsOf({ choices }: Chart): Record<string, string>[] {
  return choices.reduce<Record<string, string>[]>(
    (settings, { name, options }) =>
      settings.flatMap((setting) => options.map(({ value }) => ({ ...setting, [name]: value }))),
    [{}],
  );
}

const shown = ({ data }: Chart, setting: Record<string, string>): Trace[] =>
  data.filter(({ meta }) =>
    Object.entries(setting).every(([name, value]) => !meta[name] || meta[name].includes(value)),
  );

const valuesOf = ({ y }: Trace) => y as number[];
const isBand = ({ fill }: Trace) => fill === 'toself';

describe('the charts', () => {
  test('show SB and LB, or the ratio, whatever is chosen', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        for (const chart of allCharts(exampleReport(shape))) {
          for (const setting of settingsOf(chart)) {
            const names = new Set(shown(chart, setting).map(({ name }) => name));
            for (const name of chart.id === 'ratios' ? ['LB / SB'] : ['SB', 'LB'])
              expect(names).toContain(name);
          }
        }
      }),
    );
  });

  test('name only choices that their traces know, and offer no choice of one', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport(shape);
        for (const { choices, data } of allCharts(report)) {
          const names = choices.map(({ name }) => name);
          for (const { name, options } of choices) {
            expect(options.length).toBeGreaterThan(1);
            const wanted = data.flatMap(({ meta }) => meta[name] ?? []);
            if (wanted.length)
              expect(options.map(({ value }) => value).sort()).toEqual([...new Set(wanted)].sort());
          }
          expect(names.includes('split')).toBe(
            choices.length > 0 && new Set(data.flatMap(({ meta }) => meta.split ?? [])).size > 1,
          );
        }
      }),
    );
  });

  test('draw each curve as it is, in the seeds and split that it is of', () => {
    const report = exampleReport({ seeds: 3, directions: 2, testCurves: true });
    const [chart] = chartsOf(report).curves;
    const setting = { view: 'directions', axis: 'linear', split: 'test', seed: '43' };
    const wanted = report.curves.filter(({ seed, split }) => seed === 43 && split === 'test');
    expect(shown(chart, setting).map(({ x, y }) => ({ x, y }))).toEqual(
      wanted.map(({ alphas, loss }) => ({ x: alphas, y: loss })),
    );
    expect(shown(chart, { ...setting, seed: 'all' })).toHaveLength(3 * 2 * 2);
  });

  test('draw the mean within its band, which goes from the least to the greatest loss', () => {
    const report = exampleReport({ seeds: 3, directions: 2 });
    const [chart] = chartsOf(report).curves;
    const [band, mean] = shown(chart, { view: 'mean', seed: 'all' });
    const curves = report.curves.filter(({ regime }) => regime === 'SB');
    const last = curves.map(({ loss }) => loss[10]);
    expect(valuesOf(mean)[10]).toBeCloseTo(last.reduce((a, b) => a + b, 0) / last.length, 12);
    const [, own] = shown(chart, { view: 'mean', seed: '43' });
    const ofSeed = curves.filter(({ seed }) => seed === 43).map(({ loss }) => loss[10]);
    expect(valuesOf(own)[10]).toBeCloseTo((ofSeed[0] + ofSeed[1]) / 2, 12);
    const atLast = valuesOf(band).filter((_, i) => (band.x as number[])[i] === 1);
    expect([Math.min(...atLast), Math.max(...atLast)]).toEqual([Math.min(...last), Math.max(...last)]);
  });

  test('leave a gap in mean and band where a loss is not a number', () => {
    const [chart] = chartsOf(exampleReport({ unknown: true })).curves;
    const [band, mean] = shown(chart, { view: 'mean' });
    expect(isBand(band)).toBe(true);
    expect(valuesOf(mean)[10]).toBeNaN();
    expect(band.x).not.toContain(1);
    expect(valuesOf(band).every(Number.isFinite)).toBe(true);
  });

  test("give a ratio's point for every direction, the control's beside it, and 1 within the axis", () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport({ ...shape, unknown: false, control: true });
        const [chart] = chartsOf(report).ratios;
        for (const { value, layout } of chart.choices[0].options) {
          const [points, , control] = shown(chart, { figure: value });
          const seeds = new Set(report.runs.map(({ seed }) => seed)).size;
          const directions = new Set(report.curves.map(({ direction }) => direction)).size;
          expect(valuesOf(points)).toHaveLength(seeds * directions);
          expect(valuesOf(control)).toHaveLength(seeds * directions);
          const { curves, curvatureCurves } = report;
          const figure = (regime: string) =>
            value === 'rise'
              ? curves.find((curve) => curve.regime === regime)!.rise
              : curvatureCurves.find((curve) => curve.regime === regime)!.curvature;
          expect(valuesOf(points)[0]).toBeCloseTo(figure('LB') / figure('SB'), 12);
          const [low, high] = layout!['yaxis.range'] as number[];
          for (const ratio of [1, ...valuesOf(points), ...valuesOf(control)]) {
            expect(Math.log10(ratio)).toBeGreaterThan(low);
            expect(Math.log10(ratio)).toBeLessThan(high);
          }
          expect(layout!['yaxis.tickvals']).toContain(1);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("say each seed's own interval over directions, never the one over seeds", () => {
    const report = exampleReport({ seeds: 3 });
    const [, means] = shown(chartsOf(report).ratios[0], { figure: 'rise' });
    const { bySeed } = report.claims[1];
    expect(valuesOf(means)).toEqual(bySeed.map(({ estimate }) => estimate));
    const { array, arrayminus } = means.error_y as { array: number[]; arrayminus: number[] };
    bySeed.forEach(({ estimate, interval }, i) => {
      expect(estimate + array[i]).toBeCloseTo(interval[1], 12);
      expect(estimate - arrayminus[i]).toBeCloseTo(interval[0], 12);
    });
  });

  test('hold all epochs of the training loss, and the accuracy wherever it was tested', () => {
    const report = exampleReport();
    const [loss, accuracy] = chartsOf(report).histories;
    expect(shown(loss, { shown: 'training' }).map((trace) => valuesOf(trace).length)).toEqual([15, 30]);
    expect(accuracy.data.map((trace) => trace.x)).toEqual([
      [5, 10, 15],
      [5, 10, 15, 20, 25, 30],
    ]);
  });

  test('say of every point whose it is, in one label', () => {
    const points = allCharts(exampleReport({ seeds: 3, control: true })).flatMap(({ data }) =>
      data.filter((trace) => !isBand(trace)),
    );
    for (const { hovertemplate } of points)
      expect(hovertemplate).toMatch(/^<b>(SB|LB|control)[^<]*<\/b><br>.*<extra><\/extra>$/);
  });

  test('take their colours from the style, where SB and LB are those of the picture', () => {
    const used = JSON.stringify(allCharts(exampleReport({ control: true }))).match(/var\(--[\w-]+\)/g)!;
    for (const name of new Set(used)) expect(STYLE).toContain(`  ${name.slice(4, -1)}: `);
    expect(STYLE).toContain(`--sb: ${SMALL_BATCH_COLOUR};`);
    expect(STYLE).toContain(`--lb: ${LARGE_BATCH_COLOUR};`);
  });
});

describe("a ratio axis' marks", () => {
  test('are few, in order and on the axis, with 1 among them', () => {
    const ends = fc.tuple(
      fc.double({ min: 0.01, max: 0.95, noNaN: true }),
      fc.double({ min: 1.05, max: 100, noNaN: true }),
    );
    fc.assert(
      fc.property(ends, ([low, high]) => {
        const ticks = ratioTicks(low, high);
        expect(ticks).toContain(1);
        expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
        expect(ticks.every((tick) => tick >= low && tick <= high)).toBe(true);
        expect(ticks.length).toBeLessThanOrEqual(9);
      }),
    );
  });
});
