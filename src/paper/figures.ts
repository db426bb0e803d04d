import type { Path, PlotStatistics } from '../landscape/parametric';
import type { PaperNetwork } from '../model/networks';
import type { LineChart } from '../report/line-chart';
import type { Evaluation } from '../training/evaluate';
import { REGIMES } from '../training/regime';
import type { NetworkReport, PaperReport, PlotReport } from './report';
import type { PaperSettings } from './settings';

/** A figure of the paper, drawn anew from what was measured here. */
export interface PaperFigure {
  readonly id: `${PaperNetwork}-figure${2 | 3 | 7}`;
  /** The name of its picture's file. */
  readonly file: string;
  readonly chart: LineChart;
  /** What the picture itself has no room for. */
  readonly caption: string;
}

/** The figures of all networks: Figure 2, and Figures 3 and 7 where their plots are done. */
export function figuresOf({ settings, networks }: PaperReport): PaperFigure[] {
  return networks.flatMap((network) => [
    epochsFigure(settings, network),
    ...network.plots.map((plot) => parametricFigure(settings, network, plot)),
  ]);
}

/** Figure 2: test accuracy and training loss of the first trial's SB and LB against epochs. */
export function epochsFigure({ seed }: PaperSettings, { network, runs }: NetworkReport): PaperFigure {
  const own = REGIMES.map((regime) => runs.find((run) => run.regime === regime && run.seed === seed)!);
  const lineOf = ({ regime, history }: (typeof own)[number]) => {
    const hue = regime === 'SB' ? ('sb' as const) : ('lb' as const);
    const tested = history.flatMap(({ epoch, test }) =>
      test ? [{ epoch, accuracy: 100 * test.accuracy }] : [],
    );
    return {
      loss: {
        label: `${regime} training loss`,
        hue,
        dashed: false,
        side: 'left' as const,
        xs: history.map(({ epoch }) => epoch),
        ys: history.map(({ trainingModeLoss }) => trainingModeLoss),
      },
      accuracy: {
        label: `${regime} test accuracy`,
        hue,
        dashed: true,
        side: 'right' as const,
        xs: tested.map(({ epoch }) => epoch),
        ys: tested.map(({ accuracy }) => accuracy),
      },
    };
  };
  const lines = own.map(lineOf);
  return {
    id: `${network}-figure2`,
    file: `${network}-figure2-accuracy.png`,
    chart: {
      title: `${network}, Figure 2: accuracy against epochs`,
      subtitle: `${batchSizes(own)}, seed ${seed}; test accuracy by running statistics, training loss by each batch's own`,
      xLabel: 'epoch',
      left: { label: 'training loss (nats)', holds: [0] },
      right: { label: 'test accuracy (%)', holds: [] },
      marks: [],
      lines: [...lines.map(({ accuracy }) => accuracy), ...lines.map(({ loss }) => loss)],
    },
    caption:
      'Accuracy on the test images every five epochs and after the last one (dashed, right axis), and the mean loss of ' +
      "each epoch's steps in training mode (solid, left axis). The paper shows training accuracy too, which is not " +
      'measured during training here; that of the minimizers is in Table 2, whose batch statistics are taken over all ' +
      'training images, while those here are running ones.',
  };
}

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
  { seed, plotStatistics }: PaperSettings,
  { network, trainImages, runs }: NetworkReport,
  { path, points }: PlotReport,
): PaperFigure {
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
        `${batchSizes(runs.filter((run) => run.seed === seed))}, seed ${seed}; ` +
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
    ? "Every trainable tensor lies on the path. Batch norm's running statistics are taken anew over the training images " +
        `at each α, as they are for the minimizers in the tables. ${own}`
    : `Every trainable tensor lies on the path. Batch norm's running statistics are SB's throughout, at α = 1 too. ${own}`;
}

function batchSizes(runs: NetworkReport['runs']): string {
  return REGIMES.map((regime) => {
    const { batchSize } = runs.find((run) => run.regime === regime)!;
    return `${regime}: batch size ${batchSize}`;
  }).join(', ');
}
