import type { Split } from '../data/cifar10';
import type { Evaluation } from '../training/evaluate';
import type { EpochRecord, Regime } from '../training/train';
import type { Claim, Verdict } from '../verdict/claims';

// What a run found, as one value: report.json is it, and every other form of the report is drawn from it.

export interface RunReport {
  readonly regime: Regime;
  readonly seed: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Over the run's whole training set and the whole test set, in evaluation mode. */
  readonly train: Evaluation;
  readonly test: Evaluation;
  /** Of the safetensors file. */
  readonly weightsSha256: string;
  /** Of training, wall time. */
  readonly seconds: number;
  readonly history: readonly EpochRecord[];
}

export interface CurveReport {
  readonly regime: Regime;
  readonly seed: number;
  /** From 0. */
  readonly direction: number;
  /** What `curve --direction-seed` takes to draw the same curve. */
  readonly directionSeed: number;
  readonly split: Split;
  readonly normalization: string;
  readonly images: number;
  readonly alphas: readonly number[];
  readonly loss: readonly number[];
  /** What taking a part of the images adds to the error of each loss, in nats; 0 where all were taken. */
  readonly lossStandardError: readonly number[];
  readonly accuracy: readonly number[];
  /** Mean over the alphas of the loss less that at 0, in nats. */
  readonly rise: number;
  /** The same of the error rate, which does not depend on the scale of the logits. */
  readonly errorRise: number;
}

export interface EnvironmentReport {
  readonly engine: string;
  readonly engineVersion: string;
  readonly device: string;
  readonly threads: number;
  readonly node: string;
  readonly platform: string;
  /** Of the project's own code; null where it is no git checkout. */
  readonly commit: string | null;
  /** Of the training images and labels. */
  readonly dataSha256: string;
}

export interface Report {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly claims: readonly Claim[];
  readonly runs: readonly RunReport[];
  readonly curves: readonly CurveReport[];
  readonly environment: EnvironmentReport;
  /** Every value used, the preset's name among them, and which of them a flag changed. */
  readonly preset: Readonly<Record<string, unknown>> & {
    readonly preset: string;
    readonly changed: readonly string[];
  };
}

/** report.json: what is not finite becomes null, as JSON has no other word for it. */
export function reportJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
