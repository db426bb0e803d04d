import type { Path, PlotStatistics } from '../../../landscape/parametric';
import type { Evaluation } from '../../../training/evaluate';
import type { NetworkReport, PlotReport } from '../report';
import type { PaperSettings } from '../settings';
import { batchSizesOf, firstTrial, type PaperFigure } from './figure';

const TITLES: Readonly<
  Record<Path, { readonly figure: 3 | 7; readonly file: string; readonly what: string }>
> = {
  straight: { figure: 3, file: 'parametric', what: 'f(α·LB + (1 − α)·SB)' },
  curved: { figure: 7, file: 'curved', what: 'f(sin(απ/2)·LB + cos(απ/2)·SB)' },
};

const STATISTICS: Readonly<Record<PlotStatistics, string>> = {
  recomputed: 'batch statistics recomputed at each α',
  fixed: "batch statistics fixed at SB's",
};

/** Figure 3 or 7: loss and accuracy on a path from the first trial's SB to its LB. */
export function parametricFigure(
  settings: PaperSettings,
  report: NetworkReport,
  { path, points }: PlotReport,
): PaperFigure {
  const { seed, plotStatistics } = settings;
  const { network, trainImages } = report;
  const { figure, file, what } = TITLES[path];
  const alphas = points.map(({ alpha }) => alpha);
  const over = (split: 'train' | 'test', value: (evaluation: Evaluation) => number) => ({
    dashed: split === 'test',
    xs: alphas,
    ys: points.map((point) => value(point[split])),
  });
  const loss = ({ loss }: Evaluation) => loss;
  const accuracy = ({ accuracy }: Evaluation) => 100 * accuracy;
  return {
    id: `${network}-figure${figure}`,
    file: `${network}-figure${figure}-${file}.png`,
    chart: {
      title: `${network}, Figure ${figure}: ${what}, ${STATISTICS[plotStatistics]}`,
      subtitle:
        `${batchSizesOf(firstTrial(settings, report))}, seed ${seed}; ` +
        `${trainImages} training images (solid), all test images (dashed)`,
      xLabel: 'α',
      left: { label: 'loss (nats)', hue: 'loss', holds: [0] },
      right: { label: 'accuracy (%)', hue: 'accuracy', holds: [0, 100] },
      marks: [
        { x: 0, name: 'SB' },
        { x: 1, name: 'LB' },
      ].filter(({ x }) => alphas[0] <= x && x <= alphas[alphas.length - 1]),
      lines: [
        { label: 'training loss', hue: 'loss', side: 'left', ...over('train', loss) },
        { label: 'test loss', hue: 'loss', side: 'left', ...over('test', loss) },
        { label: 'training accuracy', hue: 'accuracy', side: 'right', ...over('train', accuracy) },
        { label: 'test accuracy', hue: 'accuracy', side: 'right', ...over('test', accuracy) },
      ],
    },
    caption: captionOf(plotStatistics),
  };
}

function captionOf(statistics: PlotStatistics): string {
  const own = "The authors normalized by each evaluation batch's own statistics.";
  return statistics === 'recomputed'
    ? "Every trainable tensor lies on the path. Batch norm's running statistics are recomputed over the training images " +
        `at each α, as they are for the minimizers in the tables. ${own}`
    : `Every trainable tensor lies on the path. Batch norm's running statistics are SB's everywhere, also at α = 1. ${own}`;
}
