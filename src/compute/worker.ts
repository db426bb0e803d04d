import { worker, workerEmit } from 'workerpool';
import { openEngine } from '../engine';
import type { Engine } from '../engine/engine';
import { Interrupted } from '../support/errors';
import { evaluateImages, type EvaluationOptions, type ImageResults } from '../training/evaluate';
import { lossGradient, type LossGradient } from '../training/gradient';
import { hessianProduct, type HessianProduct } from '../training/hessian';
import { observedStatistics } from '../training/statistics';
import { trainRegime, type TrainingResult } from '../training/train';
import type { Weights } from '../model/weights';
import type {
  EvaluationTask,
  GradientTask,
  HessianTask,
  StatisticsTask,
  TaskEvent,
  TaskSetting,
  TrainingTask,
} from './tasks';

// The program of a worker thread: does tasks one after the other on an engine of its own.

let opened: Promise<Engine> | undefined;

/** A thread works on one engine as long as it lives. */
function engineOf({ engine, cache }: TaskSetting): Promise<Engine> {
  return (opened ??= openEngine(engine, cache));
}

const emit = (event: TaskEvent) => workerEmit(event);

/** How often a thread looks whether it is to stop, in milliseconds. */
const WATCH_INTERVAL = 100;

/** Does work under a signal that is aborted when the other thread asks for it. */
async function interruptibly<T>(
  { stop }: TaskSetting,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const watch = setInterval(() => {
    if (Atomics.load(stop, 0) !== 0) controller.abort(new Interrupted('interrupted'));
  }, WATCH_INTERVAL);
  try {
    return await work(controller.signal);
  } finally {
    clearInterval(watch);
  }
}

async function train(task: TrainingTask): Promise<TrainingResult> {
  const { architecture, data, config, seed, resumed, snapshotSteps } = task;
  const engine = await engineOf(task);
  return interruptibly(task, (signal) =>
    trainRegime(
      engine,
      architecture,
      data,
      config,
      seed,
      {
        onStep: (step) => emit({ kind: 'step', step }),
        onEpoch: async (record, state) => emit({ kind: 'epoch', record, state: await state() }),
        snapshotSteps,
        onSnapshot: (step, weights) => emit({ kind: 'snapshot', step, weights }),
        onInterrupt: (state) => emit({ kind: 'interrupted', state }),
        signal,
      },
      resumed,
    ),
  );
}

/** Work over the images of a task, which says how far it has come. */
async function overImages<T>(
  task: EvaluationTask,
  work: (engine: Engine, options: EvaluationOptions) => Promise<T>,
): Promise<T> {
  const engine = await engineOf(task);
  const onImages = (images: number) => emit({ kind: 'images', images });
  return interruptibly(task, (signal) => work(engine, { onImages, signal }));
}

function evaluate(task: EvaluationTask): Promise<ImageResults> {
  const { architecture, weights, dataset } = task;
  return overImages(task, (engine, options) =>
    evaluateImages(engine, architecture, weights, dataset, options),
  );
}

function gradient(task: GradientTask): Promise<LossGradient> {
  const { architecture, weights, dataset, statistics, batchSize } = task;
  return overImages(task, (engine, options) =>
    lossGradient(engine, architecture, weights, dataset, { statistics, batchSize, ...options }),
  );
}

function hessian(task: HessianTask): Promise<HessianProduct> {
  const { architecture, weights, dataset, direction, batchSize } = task;
  return overImages(task, (engine, options) =>
    hessianProduct(engine, architecture, weights, dataset, direction, { batchSize, ...options }),
  );
}

function statistics(task: StatisticsTask): Promise<Weights> {
  const { architecture, weights, dataset, batchSize } = task;
  return overImages(task, (engine, options) =>
    observedStatistics(engine, architecture, weights, dataset, { batchSize, ...options }),
  );
}

worker({ train, evaluate, gradient, hessian, statistics });
