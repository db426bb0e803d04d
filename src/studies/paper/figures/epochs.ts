import type { ChartLine } from '../../../report/line-chart';
import type { NetworkReport, PaperRun } from '../report';
import type { PaperSettings } from '../settings';
import { batchSizesOf, firstTrial, type PaperFigure } from './figure';

/**
 * Figure 2 where there are no snapshots: training loss of the first trial's SB and LB against epochs, and test accuracy in
 * reports of earlier versions, which measured it during training.
 */
export function epochsFigure(settings: PaperSettings, report: NetworkReport): PaperFigure {
  const { network } = report;
  const own = firstTrial(settings, report);
  const accuracies = own.map(accuracyLine).filter(({ xs }) => xs.length > 0);
  const isTested = accuracies.length > 0;
  return {
    id: `${network}-figure2`,
    file: `${network}-figure2-accuracy.png`,
    chart: {
      title: `${network}, Figure 2: ${isTested ? 'accuracy' : 'training loss'} against epochs`,
      subtitle:
        `${batchSizesOf(own)}, seed ${settings.seed}; ` +
        (isTested ? "test accuracy by running statistics, training loss by each batch's own" : 'dropout on'),
      xLabel: 'epoch',
      left: { label: 'training loss (nats)', holds: [0] },
      ...(isTested && { right: { label: 'test accuracy (%)', holds: [] } }),
      marks: [],
      lines: [...accuracies, ...own.map(lossLine)],
    },
    caption: isTested
      ? 'Accuracy on the test images every five epochs and after the last one (dashed, right axis), and the mean loss of ' +
        "each epoch's steps in training mode (solid, left axis). Batch-norm statistics are running ones here, and " +
        'recomputed over all training images in the tables. Training accuracy, which the paper shows as well, was not ' +
        'measured during training.'
      : "Mean loss of each epoch's steps, in training mode. Accuracy against epochs, which the paper shows, needs " +
        '--snapshot-epochs.',
  };
}

function accuracyLine({ regime, history }: PaperRun): ChartLine {
  const tested = history.flatMap(({ epoch, test }) => (test ? [{ epoch, accuracy: test.accuracy }] : []));
  return {
    label: `${regime} test accuracy`,
    hue: regime === 'SB' ? 'sb' : 'lb',
    dashed: true,
    side: 'right',
    xs: tested.map(({ epoch }) => epoch),
    ys: tested.map(({ accuracy }) => 100 * accuracy),
  };
}

function lossLine({ regime, history }: PaperRun): ChartLine {
  return {
    label: `${regime} training loss`,
    hue: regime === 'SB' ? 'sb' : 'lb',
    dashed: false,
    side: 'left',
    xs: history.map(({ epoch }) => epoch),
    ys: history.map(({ trainingModeLoss }) => trainingModeLoss),
  };
}
