import type { Dataset } from '../data/dataset';
import type { EngineName } from '../engine/engine';
import type { Architecture } from '../model/architecture';
import type { Weights } from '../model/weights';
import type { BatchStatistics } from '../training/gradient';
import type { EpochRecord, TrainingConfig, TrainingData, TrainingState } from '../training/train';

/** What a worker thread is told with every task. */
export interface TaskSetting {
  readonly engine: EngineName;
  readonly cache: string;
  /** One number that both threads see; not 0 once the task is to be interrupted. */
  readonly stop: Int32Array;
}

export interface TrainingTask extends TaskSetting {
  readonly architecture: Architecture;
  readonly data: TrainingData;
  readonly config: TrainingConfig;
  readonly seed: number;
  readonly resumed?: TrainingState;
  readonly snapshotSteps?: readonly number[];
}

export interface EvaluationTask extends TaskSetting {
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly dataset: Dataset;
}

export interface GradientTask extends EvaluationTask {
  readonly statistics: BatchStatistics;
  readonly batchSize: number;
}

export interface HessianTask extends EvaluationTask {
  readonly direction: Weights;
  readonly batchSize: number;
}

export interface StatisticsTask extends EvaluationTask {
  readonly batchSize: number;
}

/** What a worker thread says while it works. */
export type TaskEvent =
  | { readonly kind: 'step'; readonly step: { epoch: number; loss: number; images: number } }
  | { readonly kind: 'epoch'; readonly record: EpochRecord; readonly state: TrainingState }
  | { readonly kind: 'snapshot'; readonly step: number; readonly weights: Weights }
  | { readonly kind: 'interrupted'; readonly state: TrainingState }
  | { readonly kind: 'images'; readonly images: number };
