import type { PaperNetwork } from '../../../model/networks';
import type { ChartLine, LineChart } from '../../../report/line-chart';
import { REGIMES, type Regime } from '../../../training/regime';
import { FIGURE_BOX } from '../published';
import { sharpnessIn, type NetworkReport, type PaperRun, type TrainingReport } from '../report';
import type { PaperSettings } from '../settings';

/** A figure of the paper with this study's own measurements. */
export interface PaperFigure {
  readonly id: `${PaperNetwork}-figure${2 | 3 | 4 | 5 | 6 | 7}`;
  /** The name of its picture's file. */
  readonly file: string;
  readonly chart: LineChart;
  /** The text below the picture. */
  readonly caption: string;
}

/** SB and LB of the first trial, of which all figures are. */
export function firstTrial({ seed }: PaperSettings, { runs }: NetworkReport): PaperRun[] {
  return REGIMES.map((regime) => runs.find((run) => run.regime === regime && run.seed === seed)!);
}

/** "SB: batch size 26, LB: batch size 500". */
export function batchSizesOf(runs: readonly PaperRun[]): string {
  return runs.map(({ regime, batchSize }) => `${regime}: batch size ${batchSize}`).join(', ');
}

/** Snapshots of the first trial's training of a regime, the earliest first; its end is not one of them. */
export function snapshotsOf({ snapshots }: NetworkReport, regime: Regime): TrainingReport[] {
  return snapshots.filter((one) => one.regime === regime);
}

/** Test accuracy on the left axis and sharpness on the right one, one point for each training. */
export function accuracyAndSharpness<T extends TrainingReport>(
  trainings: readonly T[],
  at: (training: T, index: number) => number,
): Required<Pick<LineChart, 'left' | 'right' | 'lines'>> {
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
    right: { label: SHARPNESS_LABEL, hue: 'sharpness', scale: 'log', holds: [] },
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
        trainings.map((one) => sharpnessIn(one, FIGURE_BOX)),
      ),
    ],
  };
}

/** The label of an axis of sharpness. */
export const SHARPNESS_LABEL = `φ, full space, ε = ${FIGURE_BOX.epsilon}`;

/** What every caption says of sharpness. */
export const SHARPNESS_CAPTION =
  'φ is measured as in Table 3, on the same images and in batches of the same size whatever the training batch size. ' +
  'This is one trial, so there is no claim on it.';
