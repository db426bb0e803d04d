import type { NetworkReport } from '../report';
import type { PaperSettings } from '../settings';
import {
  accuracyAndSharpness,
  batchSizesOf,
  firstTrial,
  SHARPNESS_CAPTION,
  type PaperFigure,
} from './figure';

/** Figure 5: test accuracy and sharpness of the first trial's LB, warm-started with SB's weights, against SB's epochs. */
export function warmStartFigure(settings: PaperSettings, report: NetworkReport): PaperFigure {
  const { network, warmStarts } = report;
  const [SB, LB] = firstTrial(settings, report);
  const all = [{ warmEpochs: 0, ...LB }, ...warmStarts];
  const last = Math.max(...all.map(({ warmEpochs }) => warmEpochs));
  const { left, right, lines } = accuracyAndSharpness(all, ({ warmEpochs }) => warmEpochs);
  const ofSb = accuracyAndSharpness([SB, SB], (_, index) => index * last).lines;
  return {
    id: `${network}-figure5`,
    file: `${network}-figure5-warmstart.png`,
    chart: {
      title: `${network}, Figure 5: LB warm-started from SB's epochs`,
      subtitle: `${batchSizesOf([SB, LB])}, seed ${settings.seed}`,
      xLabel: 'epochs of SB before LB starts (0: LB from the initial weights)',
      left,
      right,
      marks: [],
      lines: [
        ...lines.map((line) => ({ ...line, label: `LB's ${line.label}` })),
        ...ofSb.map((line) => ({ ...line, label: `SB's ${line.label}`, dashed: true })),
      ],
    },
    caption:
      "LB was trained from SB's weights after this number of epochs, with Adam's moments at 0, until its loss ceased to " +
      `improve; the paper trains it for 100 epochs. ${SHARPNESS_CAPTION}`,
  };
}
