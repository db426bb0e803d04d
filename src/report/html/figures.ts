import { REGIMES, type Regime } from '../../training/regime';
import { controlPairs, curvePairs, distinct, seedsOf, spreadAt, type CurvePair } from '../pairs';
import { curvatureClaimOf, headlineOf } from '../headline';
import type { CurveReport, Report, RunReport } from '../report';
import type { FigureId } from '../section';
import { count, hasInterval, number, range } from '../text';
import { ratioTicks } from './ratio-ticks';

// Charts as data for Plotly. A colour is the name of a custom property of the page's style, as in "var(--sb)":
// the client puts in its value, which depends on light or dark.

/** One line, set of points or band. */
export interface Trace {
  /** In which of the choices it is shown; where a choice is not named, in all of its options. */
  readonly meta: Readonly<Record<string, readonly string[]>>;
  readonly [key: string]: unknown;
}

/** Something for the reader to choose; the first option holds until then. */
export interface Choice {
  readonly name: string;
  readonly label: string;
  readonly options: readonly {
    readonly value: string;
    readonly label: string;
    /** What it sets in the chart's layout, by dotted keys. */
    readonly layout?: Readonly<Record<string, unknown>>;
  }[];
}

export interface Chart {
  readonly id: string;
  /** What it shows, for those who do not see it. */
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly data: readonly Trace[];
  readonly layout: Readonly<Record<string, unknown>>;
}

const COLOURS = { SB: 'var(--sb)', LB: 'var(--lb)' } as const;
const BANDS = { SB: 'var(--sb-band)', LB: 'var(--lb-band)' } as const;
/** Told apart without colour too. */
const MARKERS = { SB: 'circle', LB: 'square-open' } as const;
const ALL = 'all';

/** The charts of a figure; none where the page draws it without Plotly. */
export function chartsOf(report: Report): Readonly<Record<FigureId, readonly Chart[]>> {
  const seeds = seedsOf(report);
  return {
    claims: [],
    seeds: [],
    curves: [curvesChart('curves', 'Loss around the minimizers', report.curves, seeds)],
    near: [curvesChart('near', 'Loss close to the minimizers', report.curvatureCurves, seeds)],
    ratios: [ratiosChart(report)],
    histories: [lossHistory(report.runs), accuracyHistory(report.runs)],
  };
}

function curvesChart(
  id: string,
  label: string,
  curves: readonly CurveReport[],
  seeds: readonly number[],
): Chart {
  const splits = distinct(curves.map(({ split }) => split));
  const perDirection = curves.map((curve) => directionTrace(curve));
  const scopes = seeds.length > 1 ? [ALL, ...seeds.map(String)] : [String(seeds[0])];
  const means = scopes.flatMap((scope) =>
    splits.flatMap((split) =>
      REGIMES.flatMap((regime) =>
        meanTraces(
          curves.filter(
            (curve) =>
              curve.split === split &&
              curve.regime === regime &&
              (scope === ALL || String(curve.seed) === scope),
          ),
          scope,
        ),
      ),
    ),
  );
  return {
    id,
    label,
    choices: [
      choice('view', 'Show', [
        ['mean', 'Mean and range'],
        ['directions', 'Each direction'],
      ]),
      axisChoice(),
      ...(splits.length > 1
        ? [
            choice(
              'split',
              'Images',
              splits.map((split) => [split, split === 'train' ? 'Training' : 'Test']),
            ),
          ]
        : []),
      ...seedChoice(seeds),
    ],
    data: [...means, ...perDirection],
    layout: layoutOf('α, distance along the direction', 'loss (nats)'),
  };
}

/** What stands beside a point under the pointer: whose it is, then its figures, a line each. */
export function hoverLabel(whose: string, ...lines: readonly string[]): string {
  // Plotly's own box for the name would keep a colour of its own in the dark.
  return `${[`<b>${whose}</b>`, ...lines].join('<br>')}<extra></extra>`;
}

export function axisChoice(): Choice {
  return {
    name: 'axis',
    label: 'Loss axis',
    options: [
      { value: 'linear', label: 'Linear', layout: { 'yaxis.type': 'linear' } },
      { value: 'log', label: 'Logarithmic', layout: { 'yaxis.type': 'log' } },
    ],
  };
}

function seedChoice(seeds: readonly number[]): Choice[] {
  if (seeds.length === 1) return [];
  const each = seeds.map((seed) => [String(seed), String(seed)] as const);
  return [choice('seed', 'Seed', [[ALL, 'All'], ...each])];
}

function choice(name: string, label: string, options: readonly (readonly [string, string])[]): Choice {
  return { name, label, options: options.map(([value, words]) => ({ value, label: words })) };
}

function directionTrace({ regime, seed, direction, split, alphas, loss, accuracy }: CurveReport): Trace {
  return {
    meta: { view: ['directions'], split: [split], seed: [ALL, String(seed)] },
    ...line(regime, 1.3),
    opacity: 0.75,
    x: alphas,
    y: loss,
    customdata: accuracy,
    hovertemplate: hoverLabel(
      `${regime}, seed ${seed}, direction ${direction}`,
      'α = %{x}',
      'loss %{y:.4g} nats',
      'accuracy %{customdata:.2%}',
    ),
  };
}

/** The mean of curves as a line, in a band from the least to the greatest. */
function meanTraces(curves: readonly CurveReport[], scope: string): Trace[] {
  if (curves.length === 0) return [];
  const [{ regime, split, alphas }] = curves;
  const meta = { view: ['mean'], split: [split], seed: [scope] };
  const at = alphas.map((alpha, i) => ({ alpha, ...spreadAt(curves, i) }));
  const what = `${regime}, mean of ${count(curves.length, 'curve')}`;
  return [
    { meta, ...band(at), fillcolor: BANDS[regime], legendgroup: regime },
    {
      meta,
      ...line(regime, 3),
      x: alphas,
      y: at.map(({ mean }) => mean),
      customdata: at.map(({ least, greatest }) => [least, greatest]),
      hovertemplate: hoverLabel(
        what,
        'α = %{x}',
        'loss %{y:.4g} nats',
        'from %{customdata[0]:.4g} to %{customdata[1]:.4g}',
      ),
    },
  ];
}

interface Spread {
  readonly alpha: number;
  readonly least: number;
  readonly greatest: number;
}

/** A closed outline for each stretch in which every loss is finite, with a gap between two. */
function band(at: readonly Spread[]): Readonly<Record<string, unknown>> {
  const stretches: Spread[][] = [[]];
  for (const point of at) {
    if (Number.isFinite(point.least)) stretches[stretches.length - 1].push(point);
    else stretches.push([]);
  }
  const outlines = stretches
    .filter((stretch) => stretch.length > 0)
    .map((stretch) => {
      const upper = stretch.map(({ alpha, greatest }) => [alpha, greatest]);
      const lower = stretch.map(({ alpha, least }) => [alpha, least]).reverse();
      return [...upper, ...lower, upper[0]];
    });
  const points = outlines.flatMap((outline, i) => (i === 0 ? outline : [[null, null], ...outline]));
  return {
    type: 'scatter',
    mode: 'lines',
    fill: 'toself',
    line: { width: 0 },
    hoverinfo: 'skip',
    showlegend: false,
    x: points.map(([x]) => x),
    y: points.map(([, y]) => y),
  };
}

function line(regime: Regime, width: number): Readonly<Record<string, unknown>> {
  return {
    type: 'scatter',
    mode: 'lines+markers',
    name: regime,
    legendgroup: regime,
    line: { color: COLOURS[regime], width },
    marker: { color: COLOURS[regime], symbol: MARKERS[regime], size: width > 2 ? 8 : 6 },
  };
}

const FIGURES = ['rise', 'curvature'] as const;

/** The ratio LB / SB of each direction, seed by seed, and the control's beside it. */
function ratiosChart(report: Report): Chart {
  const { curves, curvatureCurves, control } = report;
  const seeds = seedsOf(report);
  const pairsOf = {
    rise: { real: curvePairs(curves), control: controlPairs(curves, control?.curves ?? []) },
    curvature: {
      real: curvePairs(curvatureCurves),
      control: controlPairs(curvatureCurves, control?.curvatureCurves ?? []),
    },
  };
  const real = { rise: headlineOf(report), curvature: curvatureClaimOf(report) };
  const traces = FIGURES.flatMap((figure) => [
    ...ratioTraces(figure, control ? REAL : ALONE, seeds, pairsOf[figure].real, real[figure]?.bySeed ?? []),
    ...(control ? ratioTraces(figure, CONTROL, seeds, pairsOf[figure].control, control[figure].bySeed) : []),
  ]);
  return {
    id: 'ratios',
    label: 'Ratio of LB to SB along each direction',
    choices: [
      {
        name: 'figure',
        label: 'Ratio of',
        options: FIGURES.filter((figure) => pairsOf[figure].real.length > 0).map((figure) => ({
          value: figure,
          label: figure === 'rise' ? 'Rise' : 'Curvature near the minimizer',
          layout: ratioAxis(traces.filter(({ meta }) => meta.figure.includes(figure))),
        })),
      },
    ],
    data: traces,
    layout: {
      ...layoutOf('', 'ratio (log axis)'),
      xaxis: {
        ...axis('seed'),
        tickvals: seeds.map((_, x) => x),
        ticktext: seeds.map(String),
        tickangle: 0,
        range: [-0.5, seeds.length - 0.5],
        zeroline: false,
        showgrid: false,
      },
      yaxis: { ...axis('ratio (log axis)'), type: 'log' },
      shapes: [
        {
          type: 'line',
          xref: 'paper',
          x0: 0,
          x1: 1,
          y0: 1,
          y1: 1,
          line: { color: 'var(--line)', width: 2, dash: 'dash' },
        },
      ],
    },
  };
}

/** One kind of ratios, and where it stands beside its seed's place on the axis. */
interface RatioSeries {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly [number, number];
  readonly mean: number;
}

const REAL: RatioSeries = { name: 'LB / SB', colour: 'var(--ink)', points: [-0.4, -0.13], mean: -0.06 };
/** In the middle, with no control beside it. */
const ALONE: RatioSeries = { ...REAL, points: [-0.25, 0.1], mean: 0.2 };
const CONTROL: RatioSeries = {
  name: 'control, SB / SB',
  colour: 'var(--quiet)',
  points: [0.06, 0.33],
  mean: 0.4,
};

type Figure = (typeof FIGURES)[number];

/** A point for each direction, and each seed's mean with its interval. */
function ratioTraces(
  figure: Figure,
  { name, colour, points: [from, to], mean }: RatioSeries,
  seeds: readonly number[],
  pairs: readonly CurvePair[],
  bySeed: Report['claims'][number]['bySeed'],
): Trace[] {
  const points = seeds.flatMap((seed, x) => {
    const own = pairs.filter((pair) => pair.seed === seed && pair.split === 'train');
    return own.map(({ direction, one, other }, i) => ({
      // Side by side, so that none hides another.
      x: x + from + ((to - from) * (i + 0.5)) / own.length,
      y: other[figure] / one[figure],
      words: `seed ${seed}, direction ${direction}<br>${number(other[figure])} over ${number(one[figure])}`,
    }));
  });
  const means = seeds.flatMap((seed, x) => {
    const own = bySeed.find((one) => one.seed === seed);
    return own && Number.isFinite(own.estimate) ? [{ ...own, x: x + mean }] : [];
  });
  const reach = (end: 0 | 1) =>
    means.map(({ estimate, interval }) => (hasInterval(interval) ? Math.abs(interval[end] - estimate) : 0));
  const common = { meta: { figure: [figure] }, type: 'scatter', mode: 'markers', name, legendgroup: name };
  return [
    {
      ...common,
      marker: { color: colour, size: 8, symbol: 'circle-open', line: { width: 1.8 } },
      x: points.map(({ x }) => x),
      y: points.map(({ y }) => y),
      text: points.map(({ words }) => words),
      hovertemplate: hoverLabel(name, 'ratio %{y:.4g}', '%{text}'),
    },
    {
      ...common,
      marker: { color: colour, size: 11, symbol: 'diamond' },
      error_y: {
        type: 'data',
        symmetric: false,
        array: reach(1),
        arrayminus: reach(0),
        color: colour,
        thickness: 2,
        width: 6,
      },
      x: means.map(({ x }) => x),
      y: means.map(({ estimate }) => estimate),
      text: means.map(
        ({ seed, interval, n }) =>
          `seed ${seed}, ${count(n, 'direction')}<br>95% interval ${range(interval)}`,
      ),
      hovertemplate: hoverLabel(name, 'mean ratio %{y:.4g}', '%{text}'),
    },
  ];
}

/** A logarithmic axis that holds every ratio and interval of the traces, and 1. */
function ratioAxis(traces: readonly Trace[]): Readonly<Record<string, unknown>> {
  const ends = traces.flatMap(({ y, error_y }) => {
    const values = y as number[];
    const error = error_y as { array: number[]; arrayminus: number[] } | undefined;
    return values.flatMap((value, i) => [
      value,
      value + (error?.array[i] ?? 0),
      value - (error?.arrayminus[i] ?? 0),
    ]);
  });
  const usable = [1, ...ends.filter((value) => Number.isFinite(value) && value > 0)];
  const [low, high] = [Math.min(...usable) / 1.06, Math.max(...usable) * 1.06];
  return {
    'yaxis.range': [Math.log10(low), Math.log10(high)],
    'yaxis.tickvals': ratioTicks(low, high),
  };
}

function lossHistory(runs: readonly RunReport[]): Chart {
  const training = runs.map(({ regime, seed, history }) => ({
    meta: { shown: ['training'] },
    ...line(regime, 2),
    mode: 'lines',
    x: history.map(({ epoch }) => epoch),
    y: history.map(({ trainingModeLoss }) => trainingModeLoss),
    customdata: history.map(({ learningRate }) => learningRate),
    hovertemplate: hoverLabel(
      `${regime}, seed ${seed}`,
      'epoch %{x}',
      'training loss %{y:.4g} nats',
      'learning rate %{customdata:.3g}',
    ),
  }));
  const test = runs.map((run) => ({
    ...testTrace(run, ({ loss }) => loss, 'test loss %{y:.4g} nats'),
    meta: { shown: ['test'] },
  }));
  return {
    id: 'history-loss',
    label: 'Loss against epochs',
    choices: [
      choice('shown', 'Loss', [
        ['training', 'Training'],
        ['test', 'Test'],
      ]),
      axisChoice(),
    ],
    data: [...training, ...test],
    layout: layoutOf('epoch', 'loss (nats)'),
  };
}

function accuracyHistory(runs: readonly RunReport[]): Chart {
  const layout = layoutOf('epoch', 'test accuracy');
  return {
    id: 'history-accuracy',
    label: 'Test accuracy against epochs',
    choices: [],
    data: runs.map((run) => testTrace(run, ({ accuracy }) => accuracy, 'test accuracy %{y:.2%}')),
    layout: { ...layout, yaxis: { ...axis('test accuracy'), tickformat: '.0%' } },
  };
}

function testTrace(
  { regime, seed, history }: RunReport,
  figure: (test: RunReport['test']) => number,
  words: string,
): Trace {
  const tested = history.flatMap(({ epoch, test }) => (test ? [{ epoch, value: figure(test) }] : []));
  return {
    meta: {},
    ...line(regime, 2),
    x: tested.map(({ epoch }) => epoch),
    y: tested.map(({ value }) => value),
    hovertemplate: hoverLabel(`${regime}, seed ${seed}`, 'epoch %{x}', words),
  };
}

export function layoutOf(x: string, y: string): Readonly<Record<string, unknown>> {
  return {
    autosize: true,
    margin: { l: 60, r: 12, t: 40, b: 52 },
    paper_bgcolor: 'var(--clear)',
    plot_bgcolor: 'var(--clear)',
    font: { family: 'system-ui, sans-serif', size: 13, color: 'var(--ink)' },
    // A drag scrolls a phone's page instead; the buttons above a chart turn zooming on.
    dragmode: false,
    hovermode: 'closest',
    hoverdistance: 30,
    hoverlabel: {
      bgcolor: 'var(--surface)',
      bordercolor: 'var(--line)',
      font: { color: 'var(--ink)' },
      namelength: -1,
      align: 'left',
    },
    legend: { orientation: 'h', x: 0, xanchor: 'left', y: 1.02, yanchor: 'bottom' },
    modebar: { bgcolor: 'var(--clear)', color: 'var(--quiet)', activecolor: 'var(--ink)' },
    xaxis: axis(x),
    yaxis: axis(y),
  };
}

export function axis(title: string): Readonly<Record<string, unknown>> {
  return {
    title: { text: title },
    gridcolor: 'var(--grid)',
    zerolinecolor: 'var(--line)',
    linecolor: 'var(--line)',
    tickcolor: 'var(--line)',
    ticks: 'outside',
    exponentformat: 'power',
    automargin: true,
  };
}
