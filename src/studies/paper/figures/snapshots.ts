import type { ChartLine } from '../../../report/line-chart';
import type { NetworkReport } from '../report';
import type { PaperSettings } from '../settings';
import { batchSizesOf, firstTrial, snapshotsOf, type PaperFigure } from './figure';

/** Figure 2 where there are snapshots: accuracy on training and test images against epochs. */
export function snapshotsFigure(settings: PaperSettings, report: NetworkReport): PaperFigure {
  const { network, trainImages } = report;
  const own = firstTrial(settings, report);
  const lines = own.flatMap((run) => {
    const snapshots = [...snapshotsOf(report, run.regime), run];
    return (['train', 'test'] as const).map((split): ChartLine => ({
      label: `${run.regime} ${split === 'train' ? 'training' : 'test'} accuracy`,
      hue: run.regime === 'SB' ? 'sb' : 'lb',
      dashed: split === 'test',
      side: 'left',
      xs: snapshots.map(({ epochs }) => epochs),
      ys: snapshots.map((one) => 100 * one[split].accuracy),
    }));
  });
  return {
    id: `${network}-figure2`,
    file: `${network}-figure2-accuracy.png`,
    chart: {
      title: `${network}, Figure 2: accuracy against epochs`,
      subtitle: `${batchSizesOf(own)}, seed ${settings.seed}; ${trainImages} training images (solid), all test images (dashed)`,
      xLabel: 'epoch',
      xScale: 'log',
      left: { label: 'accuracy (%)', holds: [100] },
      marks: [],
      lines,
    },
    caption:
      'Accuracy on training and test images after some epochs and at the end of each training, dropout off. As in the ' +
      'tables, batch-norm statistics are recomputed over all training images.',
  };
}
