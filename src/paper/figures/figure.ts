import type { PaperNetwork } from '../../model/networks';
import type { ChartLine, LineChart } from '../../report/line-chart';
import { REGIMES, type Regime } from '../../training/regime';
import { FIGURE_SHARPNESS } from '../figure-trainings';
import { sharpnessIn } from '../judge';
import type { NetworkReport, PaperRun, TrainingReport } from '../report';
import type { PaperSettings } from '../settings';

/** A figure of the paper, drawn anew from what was measured here. */
export interface PaperFigure {
  readonly id: `${PaperNetwork}-figure${2 | 3 | 4 | 5 | 6 | 7}`;
  /** The name of its picture's file. */
  readonly file: string;
  readonly chart: LineChart;
  /** What the picture itself has no room for. */
  readonly caption: string;
}

/** SB and LB of the first trial, which all figures are of. */
export function firstTrial({ seed }: PaperSettings, { runs }: NetworkReport): PaperRun[] {
  return REGIMES.map((regime) => runs.find((run) => run.regime === regime && run.seed === seed)!);
}

/** "SB: batch size 26, LB: batch size 500". */
export function batchSizesOf(runs: readonly PaperRun[]): string {
  return runs.map(({ regime, batchSize }) => `${regime}: batch size ${batchSize}`).join(', ');
}

/** A regime along the first trial's training, its end left out; the earliest first. */
export function snapshotsOf({ snapshots }: NetworkReport, regime: Regime): TrainingReport[] {
  return snapshots.filter((one) => one.regime === regime);
}

/** Test accuracy on the left axis and sharpness on the right one, a point a training. */
export function accuracyAndSharpness<T extends TrainingReport>(
  trainings: readonly T[],
  at: (training: T, index: number) => number,
): Required<Pick<LineChart, 'left' | 'right' | 'lines'>> {
  const { space, epsilon } = FIGURE_SHARPNESS;
  const xs = trainings.map(at);
  const line = (label: string, hue: ChartLine['hue'], side: ChartLine['side'], ys: number[]): ChartLine => ({
    label,
    hue,
    dashed: false,
    side,
    xs,
    ys,
  });
  return {
    left: { label: 'test accuracy (%)', hue: 'accuracy', holds: [] },
    right: { label: `φ, full space, ε = ${epsilon}`, hue: 'sharpness', scale: 'log', holds: [] },
    lines: [
      line(
        'test accuracy',
        'accuracy',
        'left',
        trainings.map(({ test }) => 100 * test.accuracy),
      ),
      line(
        'sharpness',
        'sharpness',
        'right',
        trainings.map((one) => sharpnessIn(one, space, epsilon)),
      ),
    ],
  };
}

/** What holds of sharpness in every figure. */
export const SHARPNESS_CAPTION =
  'φ is measured as in Table 3, on the same images and in batches of one size whatever was trained with; one trial, so ' +
  'nothing is claimed of it.';
