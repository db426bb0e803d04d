import {
  drawCurves,
  LARGE_BATCH_COLOUR,
  SMALL_BATCH_COLOUR,
  type ChartSeries,
  type ChartText,
} from './chart';
import { distinct, seedsOf } from './pairs';
import type { CurveReport, Report } from './report';
import { count, namedSeeds } from './text';

/**
 * sharpness_comparison.png: the training-loss curves of SB in blue and LB in red, a thin line for each seed and
 * direction and a thick one for the mean of them all.
 */
export function drawReport(report: Report): Promise<Buffer> {
  const { runs, curves } = report;
  const series = (regime: 'SB' | 'LB', colour: string): ChartSeries => {
    const own = trainingCurves(curves, regime);
    const { batchSize } = runs.find((run) => run.regime === regime)!;
    return {
      label: `${regime}, batch size ${batchSize}`,
      colour,
      alphas: own[0].alphas,
      losses: own.map(({ loss }) => loss.map((value) => (Number.isFinite(value) ? value : null))),
    };
  };
  return drawCurves(
    [series('SB', SMALL_BATCH_COLOUR), series('LB', LARGE_BATCH_COLOUR)],
    pictureText(report),
  );
}

/** Whether there are runs and curves of both regimes to be drawn. */
export function isDrawable({ runs, curves }: Report): boolean {
  return (['SB', 'LB'] as const).every(
    (regime) => runs.some((run) => run.regime === regime) && trainingCurves(curves, regime).length > 0,
  );
}

/** The picture's words, which say what was drawn. */
export function pictureText(report: Report): ChartText {
  const { preset, curves, verdict } = report;
  const [{ normalization, images }] = trainingCurves(curves, 'SB');
  const seeds = seedsOf(report);
  const directions = distinct(trainingCurves(curves, 'SB').map(({ direction }) => direction)).length;
  const several = seeds.length > 1;
  const common = {
    title: `Training loss around the SB and LB minimizers: ${verdict}`,
    subtitle:
      `SimpleVGG on CIFAR-10, preset ${preset.preset}, ${several ? 'seeds' : 'seed'} ${namedSeeds(seeds)}; ` +
      `${count(directions, 'random direction')}${several ? ' each' : ''}, normalization ${normalization}, ${images} images`,
    xLabel: 'α, distance along the direction',
    yLabel: 'training loss (nats)',
  };
  return several ? { ...common, lines: `${seeds.length} seeds × ${count(directions, 'direction')}` } : common;
}

function trainingCurves(curves: readonly CurveReport[], regime: CurveReport['regime']): CurveReport[] {
  return curves.filter((curve) => curve.regime === regime && curve.split === 'train');
}
