// Draws the page's charts with Plotly, and again when the reader chooses something else or the colours change.
(() => {
  'use strict';
  /* global Plotly */

  const CONFIG = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [['zoom2d', 'pan2d', 'resetScale2d', 'toImage']],
  };
  const charts = JSON.parse(document.getElementById('charts').textContent);

  /** The values with every "var(--name)" replaced by what the page's style says of it now. */
  function coloured(value, style) {
    if (typeof value === 'string') {
      const name = /^var\((--[\w-]+)\)$/.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
  }

  function chosenOf({ id, choices }) {
    return choices.map(({ name, options }) => {
      const { value } = document.querySelector(`input[name="${id}-${name}"]:checked`);
      return { name, value, layout: options.find((option) => option.value === value).layout ?? {} };
    });
  }

  function isShown({ meta }, chosen) {
    return chosen.every(({ name, value }) => !meta[name] || meta[name].includes(value));
  }

  /** Of the traces of a group the first has a line in the legend. */
  function withLegend(traces) {
    const seen = new Set();
    return traces.map((trace) => {
      if (trace.showlegend === false) return trace;
      const first = !seen.has(trace.legendgroup);
      seen.add(trace.legendgroup);
      return { ...trace, showlegend: first };
    });
  }

  function put(layout, path, value) {
    const [last, ...parents] = path.split('.').reverse();
    parents.reverse().reduce((at, key) => at[key], layout)[last] = value;
  }

  function draw(chart) {
    const style = getComputedStyle(document.documentElement);
    const chosen = chosenOf(chart);
    const layout = coloured(chart.layout, style);
    for (const choice of chosen) {
      for (const [path, value] of Object.entries(choice.layout)) put(layout, path, structuredClone(value));
    }
    // Zoom stays when only the colours change.
    layout.uirevision = chosen.map(({ value }) => value).join();
    const traces = withLegend(chart.data.filter((trace) => isShown(trace, chosen)));
    return Plotly.react(`chart-${chart.id}`, coloured(traces, style), layout, CONFIG);
  }

  function drawAll() {
    charts.forEach(draw);
  }

  document.documentElement.classList.add('scripted');
  drawAll();
  for (const chart of charts) {
    for (const { name } of chart.choices) {
      for (const input of document.querySelectorAll(`input[name="${chart.id}-${name}"]`)) {
        input.addEventListener('change', () => draw(chart));
      }
    }
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  matchMedia('print').addEventListener('change', drawAll);
  window.addEventListener('beforeprint', () => {
    for (const details of document.querySelectorAll('details')) details.open = true;
  });
})();
