import { layoutLines, type ChartSide, type Hue, type LineChart } from '../line-chart';
import type { Tick } from '../ticks';
import { axis, axisChoice, hoverLabel, layoutOf, type Chart, type Trace } from './figures';

/** Told apart without colour too, as in the picture. */
const SYMBOLS: Readonly<Record<Hue, string>> = {
  sb: 'circle',
  lb: 'square-open',
  loss: 'circle',
  accuracy: 'square-open',
  sharpness: 'diamond',
};

/** A chart of lines for Plotly; a left axis of losses, which begins at 0, the reader may make logarithmic. */
export function lineFigure(id: string, chart: LineChart): Chart {
  const { title, xLabel, xScale, left, right, marks, lines } = chart;
  const { panel } = layoutLines(chart);
  const ticked = marks.length > 0 || xScale === 'log';
  return {
    id,
    label: title,
    choices: left.scale !== 'log' && left.holds.includes(0) ? [axisChoice()] : [],
    data: lines.map(({ label, hue, dashed, side, xs, ys }): Trace => {
      const colour = `var(--${hue})`;
      const words = (side === 'right' && right ? right : left).label;
      return {
        meta: {},
        type: 'scatter',
        mode: 'lines+markers',
        name: label,
        legendgroup: label,
        line: { color: colour, width: 2, dash: dashed ? 'dash' : 'solid' },
        marker: { color: colour, symbol: SYMBOLS[hue], size: 6 },
        yaxis: side === 'left' ? 'y' : 'y2',
        x: xs,
        // Plotly's word for a gap.
        y: ys.map((y) => (Number.isFinite(y) ? y : null)),
        hovertemplate: hoverLabel(label, `${xLabel} %{x}`, `${words}: %{y:.4g}`),
      };
    }),
    layout: {
      ...layoutOf(xLabel, left.label),
      ...(ticked && { xaxis: { ...axis(xLabel), type: xScale ?? 'linear', ...namedTicks(chart) } }),
      yaxis: { ...coloured(left, panel.yTicks), ...(left.holds.includes(0) && { rangemode: 'tozero' }) },
      ...(right && {
        yaxis2: {
          // At round values, not at the left axis's heights.
          tickmode: 'auto',
          ...coloured(right, panel.right?.ticks ?? []),
          overlaying: 'y',
          side: 'right',
          showgrid: false,
          zeroline: false,
        },
      }),
      shapes: marks.map(({ x }) => ({
        type: 'line',
        yref: 'paper',
        x0: x,
        x1: x,
        y0: 0,
        y1: 1,
        layer: 'below',
        line: { color: 'var(--line)', width: 1.5 },
      })),
    },
  };
}

/** The picture's places on the axis of x, with the names of the marked ones below them. */
function namedTicks(chart: LineChart): Readonly<Record<string, unknown>> {
  const ticks = layoutLines(chart).panel.xTicks.map(({ value }) => ({
    value,
    words: String(value).replace('-', '−'),
    name: chart.marks.find(({ x }) => x === value)?.name,
  }));
  return {
    tickvals: ticks.map(({ value }) => value),
    ticktext: ticks.map(({ words, name }) => (name ? `${words}<br>${name}` : words)),
    tickangle: 0,
  };
}

/** @param ticks the picture's, which a logarithmic axis has too: Plotly's own run into one another. */
function coloured(
  { label, hue, scale = 'linear', holds }: ChartSide,
  ticks: readonly Tick[],
): Readonly<Record<string, unknown>> {
  return {
    ...axis(label),
    type: scale,
    ...(scale === 'log' && {
      tickmode: 'array',
      tickvals: ticks.map(({ value }) => value),
      ticktext: ticks.map((tick) => tick.label),
    }),
    ...(hue && { title: { text: label, font: { color: `var(--${hue})` } } }),
    ...(scale === 'linear' && holds.length > 1 && { range: padded(Math.min(...holds), Math.max(...holds)) }),
  };
}

/** With room for the markers at both ends. */
function padded(low: number, high: number): readonly [number, number] {
  const room = 0.03 * (high - low);
  return [low - room, high + room];
}
