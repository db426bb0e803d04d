import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import {
  drawCurves,
  paintCurves,
  LARGE_BATCH_COLOUR,
  SMALL_BATCH_COLOUR,
  type ChartSeries,
  type ChartText,
} from '../../src/report/chart';
import { layoutChart, type Box, type Panel } from '../../src/report/chart-layout';
import type { Point } from '../../src/report/chart-paint';
import { linearAxis, logAxis, type Tick } from '../../src/report/ticks';

const SIZE = { width: 480, height: 240 };
const SMALLEST = { width: 320, height: 160 };
const TEXT: ChartText = {
  title: 'Title',
  subtitle: 'Subtitle',
  xLabel: 'α',
  yLabel: 'L(θ + αd)',
};

type Losses = (number | null)[][];

const alphasOf = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => (2 * i - count + 1) / (count - 1));

const sb = (alphas: number[], losses: Losses): ChartSeries => ({
  label: 'Small batch',
  colour: SMALL_BATCH_COLOUR,
  alphas,
  losses,
});
const lb = (alphas: number[], losses: Losses): ChartSeries => ({
  label: 'Large batch',
  colour: LARGE_BATCH_COLOUR,
  alphas,
  losses,
});

/** A valley over the alphas, which rises by `rise` nats from `floor`. */
const valley = (alphas: number[], floor: number, rise: number): number[] =>
  alphas.map((alpha) => floor + rise * alpha ** 2);

const floors = fc.double({ min: 1e-4, max: 1, noNaN: true });
const rises = fc.double({ min: 0.01, max: 20, noNaN: true });
const counts = fc.constantFrom(3, 5, 11, 25);

/** Losses of 1 to 4 directions. */
const bundles = (alphas: number[]): fc.Arbitrary<number[][]> =>
  fc.array(
    fc.tuple(floors, rises).map(([floor, rise]) => valley(alphas, floor, rise)),
    { minLength: 1, maxLength: 4 },
  );

/** A small-batch and a large-batch series over the same alphas. */
const pairs = counts
  .map(alphasOf)
  .chain((alphas) =>
    fc
      .tuple(bundles(alphas), bundles(alphas))
      .map(([small, large]) => [sb(alphas, small), lb(alphas, large)] as const),
  );

type Pixels = Pick<PNG, 'width' | 'data'>;

/** Most of what follows looks at the pixels themselves, as writing and reading a PNG takes longer than the rest. */
const paint = (series: readonly ChartSeries[]): Pixels => {
  const { width, data } = paintCurves(series, TEXT, SIZE);
  return { width, data: Buffer.from(data) };
};

const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const meanAt = (series: ChartSeries, i: number): number => mean(series.losses.map((row) => row[i] as number));

/** Whether a pixel has most of a colour, as the edge of a line has; bands and thin lines have less. */
function hasColour({ data, width }: Pixels, x: number, y: number, colour: string): boolean {
  const channels = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  const [strongest, weakest] = [Math.max(...channels), Math.min(...channels)];
  const channel = (value: number): number => data[(y * width + x) * 4 + channels.indexOf(value)];
  return channel(strongest) - channel(weakest) > 0.6 * (strongest - weakest);
}

function* pixelsOf({ x, y, width, height }: Box): Generator<Point> {
  for (let row = Math.floor(y); row < y + height; row++) {
    for (let column = Math.floor(x); column < x + width; column++) yield { x: column, y: row };
  }
}

/** The first pixel of a box, from the top, that has the colour. */
function topmost(png: Pixels, box: Box, colour: string): Point | undefined {
  for (const { x, y } of pixelsOf(box)) if (hasColour(png, x, y, colour)) return { x, y };
  return undefined;
}

const around = ({ x, y }: Point, reach: number): Box => ({
  x: x - reach,
  y: y - reach,
  width: 2 * reach,
  height: 2 * reach,
});

const column = ({ box }: Panel, x: number): Box => ({ x, y: box.y, width: 1, height: box.height });

const mantissaOf = (value: number): number => Number(value.toExponential(9).split('e')[0]);

/** Reads a label as a person does. */
function valueOf({ label }: Tick): number {
  const plain = label
    .replaceAll('−', '-')
    .replace(/(?:(.+)×)?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/, (_, mantissa: string | undefined, power: string) => {
      const digits = [...power].map((c) => (c === '⁻' ? '-' : '⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(c))).join('');
      return `${mantissa ?? 1}e${digits}`;
    });
  return Number(plain);
}

const magnitudes = fc
  .tuple(fc.double({ min: 1, max: 10, noNaN: true }), fc.integer({ min: -12, max: 12 }))
  .map(([mantissa, exponent]) => mantissa * 10 ** exponent);

describe('a linear axis', () => {
  const ranges = fc
    .tuple(magnitudes, fc.double({ min: -3, max: 3, noNaN: true }))
    .map(([length, offset]) => [length * offset, length * (offset + 1)] as const);

  test('holds the range and begins and ends on a tick', () => {
    fc.assert(
      fc.property(ranges, ([from, to]) => {
        const { low, high, ticks } = linearAxis(from, to, 5);
        expect(low).toBe(ticks[0].value);
        expect(high).toBe(ticks[ticks.length - 1].value);
        const slack = 1e-8 * (to - from);
        expect(low).toBeLessThanOrEqual(from + slack);
        expect(high).toBeGreaterThanOrEqual(to - slack);
      }),
    );
  });

  test('is marked at consecutive multiples of 1, 2 or 5 times a power of ten, neither few nor many', () => {
    fc.assert(
      fc.property(ranges, ([from, to]) => {
        const values = linearAxis(from, to, 5).ticks.map(({ value }) => value);
        const step = (values[values.length - 1] - values[0]) / (values.length - 1);
        expect([1, 2, 5]).toContain(Math.round(mantissaOf(step) * 1e6) / 1e6);
        values.forEach((value, i) => {
          expect(value / step).toBeCloseTo(Math.round(value / step), 6);
          if (i > 0) expect((value - values[i - 1]) / step).toBeCloseTo(1, 6);
        });
        expect(values.length).toBeGreaterThanOrEqual(3);
        expect(values.length).toBeLessThanOrEqual(8);
      }),
    );
  });

  test('says the value of every tick', () => {
    fc.assert(
      fc.property(ranges, ([from, to]) => {
        for (const tick of linearAxis(from, to, 5).ticks) {
          expect(Math.abs(valueOf(tick) - tick.value)).toBeLessThanOrEqual(1e-12 * Math.abs(tick.value));
        }
      }),
    );
  });

  test('writes no rounding noise', () => {
    expect(linearAxis(-1, 1, 5).ticks.map(({ label }) => label)).toEqual([
      '−1.0',
      '−0.5',
      '0.0',
      '0.5',
      '1.0',
    ]);
    expect(linearAxis(0, 0.3, 5).ticks.map(({ value }) => value)).toEqual([0, 0.1, 0.2, 0.3]);
  });
});

describe('a logarithmic axis', () => {
  const ranges = fc.tuple(magnitudes, magnitudes).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

  test('holds the range and has a length, even for a single value', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          ranges,
          magnitudes.map((a) => [a, a] as const),
        ),
        ([from, to]) => {
          const { low, high } = logAxis(from, to);
          expect(low).toBeLessThanOrEqual(from * (1 + 1e-8));
          expect(high).toBeGreaterThanOrEqual(to * (1 - 1e-8));
          expect(high).toBeGreaterThan(low);
        },
      ),
    );
  });

  test('is marked, in increasing order, at two to eight values of 1, 2 or 5 times a power of ten', () => {
    fc.assert(
      fc.property(ranges, ([from, to]) => {
        const { low, high, ticks } = logAxis(from, to);
        ticks.forEach(({ value }, i) => {
          expect([1, 2, 5]).toContain(mantissaOf(value));
          expect(value).toBeGreaterThanOrEqual(low);
          expect(value).toBeLessThanOrEqual(high);
          if (i > 0) expect(value).toBeGreaterThan(ticks[i - 1].value);
        });
        expect(ticks.length).toBeGreaterThanOrEqual(2);
        expect(ticks.length).toBeLessThanOrEqual(8);
      }),
    );
  });

  test('says the value of every tick', () => {
    fc.assert(
      fc.property(ranges, ([from, to]) => {
        for (const tick of logAxis(from, to).ticks) expect(valueOf(tick) / tick.value).toBeCloseTo(1, 9);
      }),
    );
  });
});

describe('the layout', () => {
  test('places a higher loss higher and a greater alpha further right, inside the panel', () => {
    fc.assert(
      fc.property(pairs, (series) => {
        for (const { box, place } of layoutChart(series, SIZE).panels) {
          const { alphas, losses } = series[0];
          const points = alphas.map((alpha, i) => place(alpha, losses[0][i]));
          points.forEach((point, i) => {
            expect(point.x).toBeGreaterThan(i > 0 ? points[i - 1].x : box.x);
            expect(point.x).toBeLessThan(box.x + box.width);
            expect(point.y).toBeGreaterThanOrEqual(box.y);
            expect(point.y).toBeLessThanOrEqual(box.y + box.height);
            expect(place(alphas[i], losses[0][i]! * 1.01).y).toBeLessThan(point.y);
          });
        }
      }),
      { numRuns: 30 },
    );
  });

  test('keeps the legend off both panels', () => {
    const { legend, panels } = layoutChart([sb([0], [[1]])], SIZE);
    for (const { box } of panels) expect(legend.y + legend.height).toBeLessThan(box.y);
  });

  test('starts the linear axis at 0', () => {
    fc.assert(
      fc.property(pairs, (series) => {
        expect(layoutChart(series).panels[0].yTicks[0].value).toBe(0);
      }),
    );
  });
});

describe('the picture', () => {
  test('is a PNG of the size asked for, on white', async () => {
    const series = [sb(alphasOf(3), [[1, 0, 1]])];
    const size = { width: 333, height: 167 };
    const png = PNG.sync.read(await drawCurves(series, TEXT, size));
    expect([png.width, png.height]).toEqual([333, 167]);
    expect(png.data.equals(Buffer.from(paintCurves(series, TEXT, size).data))).toBe(true);
    expect([...png.data.subarray(0, 4)]).toEqual([255, 255, 255, 255]);
  });

  test('shows the mean over directions of both series, in their colours, where the scales say', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async (series) => {
        const png = paint(series);
        for (const { place } of layoutChart(series, SIZE).panels) {
          for (const one of series) {
            one.alphas.forEach((alpha, i) => {
              const at = place(alpha, meanAt(one, i));
              expect(topmost(png, around(at, 5), one.colour)).toBeDefined();
            });
          }
        }
      }),
      { numRuns: 4 },
    );
  });

  test('shows the higher curve higher', async () => {
    const factors = fc.oneof(
      fc.double({ min: 1.3, max: 9, noNaN: true }),
      fc.double({ min: 0.1, max: 0.7, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(counts, floors, factors, async (count, floor, factor) => {
        const alphas = alphasOf(count);
        const losses = valley(alphas, floor, 2);
        const series = [sb(alphas, [losses]), lb(alphas, [losses.map((loss) => factor * loss)])];
        const png = paint(series);
        for (const { box } of layoutChart(series, SIZE).panels) {
          const small = topmost(png, box, SMALL_BATCH_COLOUR)!.y;
          const large = topmost(png, box, LARGE_BATCH_COLOUR)!.y;
          expect(large < small).toBe(factor > 1);
        }
      }),
      { numRuns: 4 },
    );
  });

  test('has both colours in its legend', async () => {
    const series = [sb(alphasOf(3), [[1, 0.1, 1]]), lb(alphasOf(3), [[2, 0.1, 2]])];
    const { legend } = layoutChart(series, SIZE);
    const png = paint(series);
    expect(topmost(png, legend, SMALL_BATCH_COLOUR)).toBeDefined();
    expect(topmost(png, legend, LARGE_BATCH_COLOUR)).toBeDefined();
  });

  test('shows both curves where one lies exactly on the other', async () => {
    const losses = [[1, 0.1, 1]];
    const series = [sb(alphasOf(3), losses), lb(alphasOf(3), losses)];
    const png = paint(series);
    for (const { box } of layoutChart(series, SIZE).panels) {
      expect(topmost(png, box, SMALL_BATCH_COLOUR)).toBeDefined();
      expect(topmost(png, box, LARGE_BATCH_COLOUR)).toBeDefined();
    }
  });

  test('tints what lies between the least and the greatest loss of several directions', async () => {
    const wide = [
      sb(
        [-1, 0, 1],
        [
          [1, 1, 1],
          [4, 4, 4],
        ],
      ),
    ];
    const png = paint(wide);
    for (const { place } of layoutChart(wide, SIZE).panels) {
      const blueness = (loss: number): number => {
        const { x, y } = place(0.25, loss);
        const at = (Math.round(y) * png.width + Math.round(x)) * 4;
        return png.data[at + 2] - png.data[at];
      };
      expect(blueness(1.5)).toBeGreaterThan(10);
      expect(blueness(3.4)).toBeGreaterThan(10);
      expect(blueness(0.9)).toBe(0);
    }
  });

  test('is the same, byte for byte, for the same input', async () => {
    const series = [sb(alphasOf(5), [[2, 1, 0.1, 1, 2]]), lb(alphasOf(5), [[4, 1, 0.1, 1, 4]])];
    const first = await drawCurves(series, TEXT, SMALLEST);
    expect(first.equals(await drawCurves(series, TEXT, SMALLEST))).toBe(true);
  });

  test('does not depend on the order of the alphas, but on the losses', () => {
    fc.assert(
      fc.property(pairs, (series) => {
        const turned = series.map((one) => ({
          ...one,
          alphas: [...one.alphas].reverse(),
          losses: one.losses.map((row) => [...row].reverse()),
        }));
        const steeper = series.map((one) => ({
          ...one,
          losses: one.losses.map((row) => row.map((v) => v! ** 1.5)),
        }));
        const { data } = paint(series);
        expect(data.equals(paint(turned).data)).toBe(true);
        expect(data.equals(paint(steeper).data)).toBe(false);
      }),
      { numRuns: 2 },
    );
  });
});

describe('a loss that is not finite', () => {
  test('breaks the line there, and only there', async () => {
    for (const missing of [null, NaN, Infinity]) {
      const series = [sb([-1, -0.5, 0, 0.5, 1], [[1, 1, 1, missing, 1]])];
      const png = paint(series);
      for (const panel of layoutChart(series, SIZE).panels) {
        const at = (alpha: number): Box => column(panel, Math.round(panel.place(alpha, 1).x));
        expect(topmost(png, at(0.25), SMALL_BATCH_COLOUR)).toBeUndefined();
        expect(topmost(png, at(0.75), SMALL_BATCH_COLOUR)).toBeUndefined();
        expect(topmost(png, at(-0.25), SMALL_BATCH_COLOUR)).toBeDefined();
        expect(topmost(png, at(1), SMALL_BATCH_COLOUR)).toBeDefined();
      }
    }
  });

  test('in one direction of several breaks the mean, and no pattern of them throws', async () => {
    const patterns = fc.array(fc.boolean(), { minLength: 5, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(patterns, async (present) => {
        const alphas = alphasOf(5);
        const level = [3, 3, 3, 3, 3];
        const series = [sb(alphas, [level, level.map((loss, i) => (present[i] ? loss : null))])];
        const png = paint(series);
        const { place } = layoutChart(series, SIZE).panels[0];
        alphas.forEach((alpha, i) => {
          const { x, y } = place(alpha, 3);
          expect(hasColour(png, Math.floor(x), Math.floor(y), SMALL_BATCH_COLOUR)).toBe(present[i]);
        });
      }),
      { numRuns: 4 },
    );
  });

  test.each<[string, Losses]>([
    ['all missing', [[null, null, null]]],
    ['all 0', [[0, 0, 0]]],
    [
      'all equal',
      [
        [2.3, 2.3, 2.3],
        [2.3, 2.3, 2.3],
      ],
    ],
    ['beyond all bounds', [[1e308, 5e-324, 1e308]]],
    ['very far apart', [[1e290, 1e-290, 1e290]]],
  ])('is no worse than losses that are %s: a picture comes of both', async (_, losses) => {
    expect(paint([sb(alphasOf(3), losses)]).width).toBe(SIZE.width);
  });
});

describe('what cannot be drawn is refused with words that say why', () => {
  const good = sb([-1, 0, 1], [[1, 0, 1]]);

  test.each<[string, readonly ChartSeries[], RegExp]>([
    ['no series', [], /at least one series/],
    ['no alphas', [{ ...good, alphas: [], losses: [[]] }], /Small batch: expected one or more finite alphas/],
    ['an infinite alpha', [{ ...good, alphas: [-1, 0, Infinity] }], /finite alphas, got \[-1, 0, Infinity\]/],
    ['no direction', [{ ...good, losses: [] }], /at least one direction/],
    [
      'a short direction',
      [{ ...good, losses: [[1, 0, 1], [1]] }],
      /expected 3 losses.*in direction 1, got 1/,
    ],
    ['a colour by name', [{ ...good, colour: 'blue' }], /#rrggbb, not blue/],
  ])('%s', async (_, series, words) => {
    await expect(drawCurves(series, TEXT, SIZE)).rejects.toThrow(words);
  });

  test('a picture too small to read', async () => {
    await expect(drawCurves([good], TEXT, { width: 100, height: 50 })).rejects.toThrow(
      /at least 320x160, got 100x50/,
    );
  });
});
