import { join } from 'node:path';
import { pool, type Pool } from 'workerpool';
import { imagesBetween, type Dataset } from '../data/dataset';
import type { EngineInfo } from '../engine/engine';
import { Interrupted, messageOf, UserError } from '../support/errors';
import {
  EVALUATION_BATCH,
  joinedImageResults,
  type EvaluationOptions,
  type ImageResults,
} from '../training/evaluate';
import type { LossGradient } from '../training/gradient';
import type { HessianProduct } from '../training/hessian';
import { withoutLoneImage, withStatistics } from '../training/statistics';
import { Diverged, type TrainingResult } from '../training/train';
import { weightedSum, type Weights } from '../model/weights';
import type { Compute } from './compute';
import { settled } from '../support/settled';
import type {
  EvaluationTask,
  GradientTask,
  HessianTask,
  StatisticsTask,
  TaskEvent,
  TaskSetting,
  TrainingTask,
} from './tasks';

/** What worker.ts does. */
type TaskName = 'train' | 'evaluate' | 'gradient' | 'hessian' | 'statistics';

/** In worker threads, each with an engine of its own: trainings side by side, evaluations shared among them. */
export function inWorkers(info: EngineInfo, cache: string): Compute {
  const workers = pool(join(__dirname, 'worker.ts'), {
    maxWorkers: info.workers,
    workerType: 'thread',
    workerThreadOpts: { execArgv: ['--require', 'ts-node/register/transpile-only'] },
  });
  const share = sharing();
  const setting = (): TaskSetting => ({
    engine: info.name,
    cache,
    stop: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
  });

  /**
   * Has the parts of a data set done by all workers.
   *
   * @returns a result a part, and its share of the images, 1 in all.
   */
  async function overParts<Result>(
    name: TaskName,
    taskOf: (part: Dataset) => EvaluationTask,
    dataset: Dataset,
    batchSize: number,
    { onImages, signal }: EvaluationOptions,
  ): Promise<{ results: Result[]; shares: number[] }> {
    const parts = partsOf(share(dataset), info.workers, batchSize);
    const results = await settled(
      parts.map((part) =>
        perform<Result>(workers, name, taskOf(part), signal, async (event) => {
          if (event.kind === 'images') onImages?.(event.images);
        }),
      ),
    );
    return { results, shares: parts.map(({ count }) => count / dataset.count) };
  }

  return {
    info,

    train(architecture, { train, test }, config, seed, progress = {}, resumed) {
      const data = { train: share(train), ...(test && { test: share(test) }) };
      const { snapshotSteps } = progress;
      const task: TrainingTask = { ...setting(), architecture, data, config, seed, resumed, snapshotSteps };
      return perform<TrainingResult>(workers, 'train', task, progress.signal, async (event) => {
        if (event.kind === 'step') progress.onStep?.(event.step);
        if (event.kind === 'interrupted') progress.onInterrupt?.(event.state);
        if (event.kind === 'snapshot') await progress.onSnapshot?.(event.step, event.weights);
        if (event.kind === 'epoch') await progress.onEpoch?.(event.record, async () => event.state);
      });
    },

    async evaluateImages(architecture, weights, dataset, options = {}) {
      const task = (part: Dataset): EvaluationTask => ({
        ...setting(),
        architecture,
        weights,
        dataset: part,
      });
      const { results } = await overParts<ImageResults>('evaluate', task, dataset, EVALUATION_BATCH, options);
      return joinedImageResults(results);
    },

    async lossGradient(architecture, weights, dataset, { statistics, batchSize, ...options }) {
      const task = (part: Dataset): GradientTask => ({
        ...setting(),
        architecture,
        weights,
        dataset: part,
        statistics,
        batchSize,
      });
      const { results, shares } = await overParts<LossGradient>(
        'gradient',
        task,
        dataset,
        batchSize,
        options,
      );
      return meanGradient(results, shares);
    },

    async hessianProduct(architecture, weights, dataset, direction, { batchSize, ...options }) {
      const task = (part: Dataset): HessianTask => ({
        ...setting(),
        architecture,
        weights,
        dataset: part,
        direction,
        batchSize,
      });
      const { results, shares } = await overParts<HessianProduct>(
        'hessian',
        task,
        dataset,
        batchSize,
        options,
      );
      const products = results.map(({ product }) => product);
      return { ...meanGradient(results, shares), product: weightedSum(products, shares) };
    },

    async batchStatistics(architecture, weights, dataset, { batchSize, ...options }) {
      const task = (part: Dataset): StatisticsTask => ({
        ...setting(),
        architecture,
        weights,
        dataset: part,
        batchSize,
      });
      const whole = withoutLoneImage(dataset, batchSize);
      // No batch knows of the others, so the mean over all is that over the parts, weighted by images.
      const { results, shares } = await overParts<Weights>('statistics', task, whole, batchSize, options);
      return withStatistics(weights, weightedSum(results, shares));
    },

    async close() {
      await workers.terminate(true);
    },
  };
}

/** Loss and gradient over a data set from those over its parts. @param shares of the images, 1 in all. */
function meanGradient(parts: readonly LossGradient[], shares: readonly number[]): LossGradient {
  return {
    loss: parts.reduce((sum, { loss }, part) => sum + shares[part] * loss, 0),
    batchLosses: parts.flatMap(({ batchLosses }) => batchLosses),
    gradient: weightedSum(
      parts.map(({ gradient }) => gradient),
      shares,
    ),
  };
}

/**
 * Has a worker do a task.
 *
 * @param listen hears what the worker says; where it fails, the task is interrupted, and its error thrown.
 */
async function perform<Result>(
  workers: Pool,
  name: TaskName,
  task: TrainingTask | EvaluationTask,
  signal: AbortSignal | undefined,
  listen: (event: TaskEvent) => Promise<void>,
): Promise<Result> {
  let failure: unknown;
  const stop = () => void Atomics.store(task.stop, 0, 1);
  const on = (event: TaskEvent) => {
    listen(event).catch((error: unknown) => {
      failure ??= error;
      stop();
    });
  };
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop);
  try {
    return (await workers.exec(name, [task], { on })) as Result;
  } catch (error) {
    throw failure ?? revived(error);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** An error of a worker as what it was there: only its properties cross threads. */
function revived(error: unknown): unknown {
  const kind = [Diverged, Interrupted, UserError].find(
    ({ name }) => error instanceof Error && error.name === name,
  );
  return kind ? new kind(messageOf(error)) : error;
}

/** Cuts a data set into runs of whole batches, as many as there are workers where it is large enough. */
function partsOf(dataset: Dataset, workers: number, batchSize: number): Dataset[] {
  const batches = Math.ceil(dataset.count / batchSize);
  const size = Math.ceil(batches / workers) * batchSize;
  const parts: Dataset[] = [];
  for (let from = 0; from < dataset.count; from += size) {
    parts.push(imagesBetween(dataset, from, Math.min(from + size, dataset.count)));
  }
  return parts;
}

/** Puts data sets where every thread sees them, each once, so that no task carries images along. */
function sharing(): (dataset: Dataset) => Dataset {
  const shared = new WeakMap<ArrayBufferLike, SharedArrayBuffer>();
  const view = (bytes: Uint8Array) => {
    let buffer = shared.get(bytes.buffer);
    if (!buffer) {
      buffer = new SharedArrayBuffer(bytes.buffer.byteLength);
      new Uint8Array(buffer).set(new Uint8Array(bytes.buffer));
      shared.set(bytes.buffer, buffer);
    }
    return new Uint8Array(buffer, bytes.byteOffset, bytes.length);
  };
  return (dataset) => ({ ...dataset, images: view(dataset.images), labels: view(dataset.labels) });
}
