import { layoutPoints, type PointChart, type PointMean } from '../point-chart';
import { axis, hoverLabel, layoutOf, type Chart, type Trace } from './figures';

/** The panels of a chart of points for Plotly, a chart each. */
export function pointFigures(id: string, chart: PointChart): Chart[] {
  const { panels } = layoutPoints(chart);
  return chart.panels.map((panel, index): Chart => {
    const { heading, hue, scale, points, means, fit, bend } = panel;
    const colour = `var(--${hue})`;
    const { xTicks, yTicks } = panels[index];
    const runs = (name: string, counts: boolean, marker: object): Trace => {
      const own = points.filter((point) => point.counts === counts);
      return {
        meta: {},
        type: 'scatter',
        mode: 'markers',
        name,
        legendgroup: name,
        marker,
        x: own.map(({ x }) => x),
        y: own.map(({ y }) => y),
        text: own.map((point) => point.name),
        hovertemplate: hoverLabel('%{text}', `${chart.xLabel} %{x}`, '%{y:.4g}'),
      };
    };
    return {
      id: `${id}-${index}`,
      label: heading,
      choices: [],
      data: [
        runs('run', true, { color: colour, symbol: 'circle', size: 6, opacity: 0.5 }),
        ...(points.every((point) => point.counts)
          ? []
          : [runs('not comparable', false, { color: 'var(--quiet)', symbol: 'circle-open', size: 8 })]),
        ...(fit
          ? [
              {
                meta: {},
                type: 'scatter',
                mode: 'lines',
                name: 'broken stick',
                legendgroup: 'fit',
                line: { color: 'var(--quiet)', width: 2, dash: 'dash' },
                hoverinfo: 'skip',
                x: fit.xs,
                y: fit.ys,
              },
            ]
          : []),
        meanTrace(means, chart.xLabel, colour),
      ],
      layout: {
        ...layoutOf(chart.xLabel, heading),
        xaxis: {
          ...axis(chart.xLabel),
          type: 'log',
          tickvals: xTicks.map(({ value }) => value),
          ticktext: xTicks.map(({ label }) => label),
          tickangle: 0,
        },
        yaxis: {
          ...axis(heading),
          type: scale,
          ...(scale === 'log' && {
            tickvals: yTicks.map(({ value }) => value),
            ticktext: yTicks.map(({ label }) => label),
          }),
        },
        shapes: bend
          ? [
              {
                type: 'rect',
                yref: 'paper',
                x0: bend[0],
                x1: bend[1],
                y0: 0,
                y1: 1,
                layer: 'below',
                line: { width: 0 },
                fillcolor: 'var(--grid)',
              },
            ]
          : [],
      },
    };
  });
}

function meanTrace(means: readonly PointMean[], xLabel: string, color: string): Trace {
  return {
    meta: {},
    type: 'scatter',
    mode: 'lines+markers',
    name: 'mean, 95%',
    legendgroup: 'mean',
    line: { color, width: 2 },
    marker: { color, size: 9 },
    x: means.map(({ x }) => x),
    y: means.map(({ mean }) => mean),
    error_y: {
      type: 'data',
      symmetric: false,
      array: means.map(({ mean, interval }) => (interval ? interval[1] - mean : 0)),
      arrayminus: means.map(({ mean, interval }) => (interval ? mean - interval[0] : 0)),
      color,
      thickness: 1.8,
    },
    hovertemplate: hoverLabel('mean', `${xLabel} %{x}`, '%{y:.4g}'),
  };
}
