import { drawCurves, LARGE_BATCH_COLOUR, SMALL_BATCH_COLOUR, type ChartSeries } from './chart';
import type { Report } from './report';

/** sharpness_comparison.png: the training-loss curves of SB in blue and LB in red. */
export function drawReport(report: Report): Promise<Buffer> {
  const { preset, runs, curves, verdict } = report;
  const [{ normalization, images }] = curves;
  const series = (regime: 'SB' | 'LB', colour: string): ChartSeries => {
    const own = curves.filter((curve) => curve.regime === regime && curve.split === 'train');
    const { batchSize } = runs.find((run) => run.regime === regime)!;
    return {
      label: `${regime}, batch size ${batchSize}`,
      colour,
      alphas: own[0].alphas,
      losses: own.map(({ loss }) => loss.map((value) => (Number.isFinite(value) ? value : null))),
    };
  };
  const directions = curves.filter(({ regime, split }) => regime === 'SB' && split === 'train').length;
  return drawCurves([series('SB', SMALL_BATCH_COLOUR), series('LB', LARGE_BATCH_COLOUR)], {
    title: `Training loss around the SB and LB minimizers: ${verdict}`,
    subtitle:
      `SimpleVGG on CIFAR-10, preset ${preset.preset}, seed ${runs[0].seed}; ${directions} random ` +
      `direction${directions === 1 ? '' : 's'}, normalization ${normalization}, ${images} images`,
    xLabel: 'α, distance along the direction',
    yLabel: 'training loss (nats)',
  });
}
