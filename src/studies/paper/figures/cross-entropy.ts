import type { ChartLine } from '../../../report/line-chart';
import { FIGURE_BOX } from '../published';
import { sharpnessIn, type NetworkReport } from '../report';
import type { PaperSettings } from '../settings';
import {
  batchSizesOf,
  firstTrial,
  SHARPNESS_CAPTION,
  SHARPNESS_LABEL,
  snapshotsOf,
  type PaperFigure,
} from './figure';

/** Figure 6: sharpness along the first trial's trainings against the loss. */
export function crossEntropyFigure(settings: PaperSettings, report: NetworkReport): PaperFigure {
  const { network } = report;
  const own = firstTrial(settings, report);
  const lines = own.map((run): ChartLine => {
    const snapshots = [...snapshotsOf(report, run.regime), run];
    return {
      label: run.regime,
      hue: run.regime === 'SB' ? 'sb' : 'lb',
      dashed: false,
      side: 'left',
      xs: snapshots.map(({ train }) => train.loss),
      ys: snapshots.map((one) => sharpnessIn(one, FIGURE_BOX)),
    };
  });
  const epochs = settings.snapshotEpochs.slice().sort((one, other) => one - other);
  return {
    id: `${network}-figure6`,
    file: `${network}-figure6-crossentropy.png`,
    chart: {
      title: `${network}, Figure 6: sharpness against cross entropy along training`,
      subtitle: `${batchSizesOf(own)}, seed ${settings.seed}; after ${epochs.join(', ')} epochs and at the end`,
      xLabel: 'training loss (nats), dropout off',
      xScale: 'log',
      left: { label: SHARPNESS_LABEL, scale: 'log', holds: [] },
      marks: [],
      lines,
    },
    caption: `Points are joined in the order of training, from right to left while the loss falls. ${SHARPNESS_CAPTION}`,
  };
}
