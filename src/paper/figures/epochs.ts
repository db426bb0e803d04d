import type { NetworkReport } from '../report';
import type { PaperSettings } from '../settings';
import { batchSizesOf, firstTrial, type PaperFigure } from './figure';

/** Figure 2: test accuracy and training loss of the first trial's SB and LB against epochs. */
export function epochsFigure(settings: PaperSettings, report: NetworkReport): PaperFigure {
  const { network } = report;
  const own = firstTrial(settings, report);
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
      subtitle: `${batchSizesOf(own)}, seed ${settings.seed}; test accuracy by running statistics, training loss by each batch's own`,
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
