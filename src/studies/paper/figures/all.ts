import type { PaperReport } from '../report';
import { batchSizeFigure } from './batch-size';
import { crossEntropyFigure } from './cross-entropy';
import { epochsFigure } from './epochs';
import type { PaperFigure } from './figure';
import { parametricFigure } from './parametric';
import { snapshotsFigure } from './snapshots';
import { warmStartFigure } from './warm-start';

/** The figures of all networks, in the paper's order, as far as the first trial and what they show of it is there. */
export function figuresOf({ settings, networks }: PaperReport): PaperFigure[] {
  return networks.flatMap((network) => {
    if (!network.runs.some(({ seed }) => seed === settings.seed)) return [];
    const plotted = (path: string) =>
      network.plots
        .filter((plot) => plot.path === path)
        .map((plot) => parametricFigure(settings, network, plot));
    return [
      network.snapshots.length > 0 ? snapshotsFigure(settings, network) : epochsFigure(settings, network),
      ...plotted('straight'),
      ...(network.batchSizes.length > 0 ? [batchSizeFigure(settings, network)] : []),
      ...(network.warmStarts.length > 0 ? [warmStartFigure(settings, network)] : []),
      ...(network.snapshots.length > 0 ? [crossEntropyFigure(settings, network)] : []),
      ...plotted('curved'),
    ];
  });
}
