import type { Dataset } from '../data/dataset';
import type { Engine, EngineInfo } from '../engine/engine';
import type { Architecture } from '../model/architecture';
import type { Weights } from '../model/weights';
import { evaluateImages, type EvaluationOptions, type ImageResults } from '../training/evaluate';
import { lossGradient, type GradientOptions, type LossGradient } from '../training/gradient';
import { hessianProduct, type HessianOptions, type HessianProduct } from '../training/hessian';
import { batchStatistics, type StatisticsOptions } from '../training/statistics';
import {
  trainRegime,
  type TrainingConfig,
  type TrainingData,
  type TrainingProgress,
  type TrainingResult,
  type TrainingState,
} from '../training/train';

/** The kinds of work that take long, wherever they are done. Figures do not depend on where. */
export interface Compute {
  readonly info: EngineInfo;
  /** See {@link trainRegime}. Up to `info.workers` trainings run side by side; more wait for their turn. */
  train(
    architecture: Architecture,
    data: TrainingData,
    config: TrainingConfig,
    seed: number,
    progress?: TrainingProgress,
    resumed?: TrainingState,
  ): Promise<TrainingResult>;
  /** See {@link evaluateImages}. One call is shared among all workers. */
  evaluateImages(
    architecture: Architecture,
    weights: Weights,
    dataset: Dataset,
    options?: EvaluationOptions,
  ): Promise<ImageResults>;
  /** See {@link lossGradient}. One call is shared among all workers. */
  lossGradient(
    architecture: Architecture,
    weights: Weights,
    dataset: Dataset,
    options: GradientOptions,
  ): Promise<LossGradient>;
  /** See {@link hessianProduct}. One call is shared among all workers. */
  hessianProduct(
    architecture: Architecture,
    weights: Weights,
    dataset: Dataset,
    direction: Weights,
    options: HessianOptions,
  ): Promise<HessianProduct>;
  /** See {@link batchStatistics}. One call is shared among all workers, which changes no more than the rounding. */
  batchStatistics(
    architecture: Architecture,
    weights: Weights,
    dataset: Dataset,
    options: StatisticsOptions,
  ): Promise<Weights>;
  /** Ends what may still be under way in other threads. */
  close(): Promise<void>;
}

/** Everything in this thread, one thing after the other. */
export function inThisThread(engine: Engine): Compute {
  return {
    info: { ...engine.info, workers: 1 },
    train: (...job) => trainRegime(engine, ...job),
    evaluateImages: (...job) => evaluateImages(engine, ...job),
    lossGradient: (...job) => lossGradient(engine, ...job),
    hessianProduct: (...job) => hessianProduct(engine, ...job),
    batchStatistics: (...job) => batchStatistics(engine, ...job),
    close: () => Promise.resolve(),
  };
}
