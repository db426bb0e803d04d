import type { NetworkReport } from '../report';
import type { PaperSettings } from '../settings';
import { accuracyAndSharpness, firstTrial, SHARPNESS_CAPTION, type PaperFigure } from './figure';

/** Figure 4: the first trial's test accuracy and sharpness against batch size. */
export function batchSizeFigure(settings: PaperSettings, report: NetworkReport): PaperFigure {
  const { network, trainImages, batchSizes } = report;
  const own = firstTrial(settings, report);
  const all = [...own, ...batchSizes].sort((one, other) => one.batchSize - other.batchSize);
  const epochs = all.map((run) => run.epochs);
  return {
    id: `${network}-figure4`,
    file: `${network}-figure4-batchsize.png`,
    chart: {
      title: `${network}, Figure 4: test accuracy and sharpness against batch size`,
      subtitle: `seed ${settings.seed}; ${trainImages} training images, ${Math.min(...epochs)} to ${Math.max(...epochs)} epochs`,
      xLabel: 'batch size',
      xScale: 'log',
      marks: own.map(({ regime, batchSize }) => ({ x: batchSize, name: regime })),
      ...accuracyAndSharpness(all, (run) => run.batchSize),
    },
    caption:
      'Every batch size was trained from the same initial weights until its loss ceased to improve; the paper trains each ' +
      `for 100 epochs. ${SHARPNESS_CAPTION}`,
  };
}
