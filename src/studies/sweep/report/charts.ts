import type { PointChart, PointPanel } from '../../../report/point-chart';
import type { SweepFigureId } from '../../../report/section';
import { count, listed } from '../../../report/text';
import { unfinishedCount } from '../rows';
import type { Role } from './quantities';
import { stickAt, type GroupReport, type QuantityReport, type SweepReport } from './report';

/** Batch size against everything that was measured, for one network under one protocol. */
export interface SweepFigure {
  readonly id: SweepFigureId;
  /** The name of its picture's file. */
  readonly file: string;
  readonly chart: PointChart;
}

const HUES = { accuracy: 'accuracy', sharpness: 'sharpness', control: 'loss' } as const satisfies Record<
  Role,
  string
>;

export function figureOf(report: SweepReport, group: GroupReport): SweepFigure {
  const { network, protocol, runs, quantities } = group;
  const ended = runs.filter(({ end }) => end !== null);
  const seeds = [...new Set(ended.map(({ seed }) => seed))];
  return {
    id: `sweep-${network}-${protocol}`,
    file: `${network}-${protocol}.png`,
    chart: {
      title: 'Test accuracy and sharpness against batch size',
      subtitle:
        `${network}, ${protocol}; ${report.plan.trainSize} training images, ${count(ended.length, 'run')} over ` +
        `${seeds.length === 1 ? 'seed' : 'seeds'} ${listed(seeds)}`,
      note: [
        'small: a run, hollow where not comparable',
        ...(unfinishedCount(report.groups.flatMap((one) => one.runs)) > 0
          ? ['large: mean over seeds']
          : [
              'large: mean with its 95% interval over seeds',
              'dashed: broken stick',
              'grey: 95% interval of its threshold',
            ]),
      ].join('; '),
      xLabel: 'batch size',
      panels: quantities.map(panelOf),
    },
  };
}

function panelOf(quantity: QuantityReport): PointPanel {
  const { name, role, scale, points, means, change } = quantity;
  return {
    heading: name,
    hue: HUES[role],
    scale,
    points: points.map(({ batchSize, seed, value, comparable }) => ({
      x: batchSize,
      y: value,
      counts: comparable,
      name: `seed ${seed}`,
    })),
    means: means.map(({ batchSize, mean, interval }) => ({ x: batchSize, mean, interval })),
    ...(change.kind === 'change' && {
      fit: stickOf(
        quantity,
        means.map(({ batchSize }) => batchSize),
        change.threshold,
      ),
      bend: change.interval,
    }),
  };
}

/** The broken stick at its ends and at its threshold; between them it is straight on the quantity's scale. */
function stickOf(quantity: QuantityReport, sizes: readonly number[], threshold: number): PointPanel['fit'] {
  const xs = [sizes[0], threshold, sizes[sizes.length - 1]];
  return { xs, ys: xs.map((x) => stickAt(quantity, x)!) };
}
