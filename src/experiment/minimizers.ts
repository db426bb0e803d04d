import { existsSync, readFileSync } from 'node:fs';
import { OutOfDeviceMemory, UserError } from '../support/errors';
import { distanceBetween } from '../landscape/distance';
import { exhausted } from '../support/memory';
import { initialWeights, type Architecture } from '../model/architecture';
import { readWeights, writeWeights } from '../model/safetensors';
import type { Weights } from '../model/weights';
import { randomStream } from '../support/random';
import { sha256 } from '../support/sha256';
import { summarize } from '../training/evaluate';
import type { Regime } from '../training/regime';
import type { TrainingConfig, TrainingState } from '../training/train';
import type { ExperimentContext } from './context';
import type { RunFolder, TrainedRun } from './run-folder';
import { trainingConfig, type Settings } from './settings';
import { endText, imagesLeft, trainShown } from './shown-training';
import { guarded } from './stored';

/** What a training is done with. */
export type TrainingContext = Pick<
  ExperimentContext,
  'compute' | 'architecture' | 'data' | 'progress' | 'signal'
> & { readonly folder: Pick<RunFolder, 'path' | 'weightsFile' | 'run' | 'checkpoint'> };

/** One training of an experiment. */
export interface Training {
  /** Of its files; no two trainings of a folder share one. */
  readonly name: string;
  /** For people. */
  readonly label: string;
  readonly seed: number;
  readonly config: TrainingConfig;
  /** Where it begins; drawn from the seed unless told. */
  readonly start?: Weights;
  /** The same training with fewer epochs, whose last checkpoint it goes on from where that is still there. */
  readonly goesOnFrom?: string;
  /** Whether its last checkpoint stays, for a training that goes on from it. */
  readonly keepsCheckpoint?: boolean;
}

const REGIME_NAME: Readonly<Record<Regime, string>> = { SB: 'small_batch', LB: 'large_batch' };

/** SB's or LB's training of a seed. */
export function regimeTraining(settings: Settings, regime: Regime, seed: number): Training {
  return {
    name: named(settings, REGIME_NAME[regime], seed),
    label: labelled(settings, regime, seed),
    seed,
    config: trainingConfig(settings, regime),
  };
}

/** SB once more, from the same initial weights, with another order of its batches. */
export function controlTraining(settings: Settings, seed: number): Training {
  return {
    name: named(settings, 'control', seed),
    label: labelled(settings, 'SB control', seed),
    seed,
    config: { ...trainingConfig(settings, 'SB'), batchOrder: 1 },
  };
}

/** LB with another learning rate; its own where that is the one it has anyway. */
export function learningRateTraining(settings: Settings, learningRate: number): Training {
  if (learningRate === settings.largeLearningRate) return regimeTraining(settings, 'LB', settings.seed);
  return {
    name: `${REGIME_NAME.LB}-lr${learningRate}`,
    label: `LB, learning rate ${learningRate}`,
    seed: settings.seed,
    config: { ...trainingConfig(settings, 'LB'), learningRate },
  };
}

function named({ seed: first }: Settings, base: string, seed: number): string {
  return seed === first ? base : `${base}-seed${seed}`;
}

function labelled({ seeds }: Settings, base: string, seed: number): string {
  return seeds > 1 ? `${base} of seed ${seed}` : base;
}

/**
 * The minimizer that a training ends at: trained, gone on with from its last checkpoint, or read from the folder.
 *
 * @throws Diverged if the loss stops being a number; UserError if stored weights were changed, or the device is too
 *   small for the batch.
 */
export async function findMinimizer(context: TrainingContext, training: Training): Promise<Weights> {
  const { compute, architecture, data, folder, progress, signal } = context;
  const { name, label, seed, config, keepsCheckpoint = false } = training;
  const start = training.start ?? initialWeights(architecture, randomStream(seed, 'weights'));
  const finished = folder.run(name).read();
  if (finished && 'train' in finished) {
    return storedWeights(folder.weightsFile(name), finished, architecture);
  }

  const checkpoint = folder.checkpoint(name);
  const resumed = lastState(folder, training);
  const underWay = trainShown(context, {
    label,
    seed,
    config,
    start: training.start,
    resumed,
    store: (state) => checkpoint.write(state),
  });
  const result = await underWay.catch((error: unknown) => {
    throw error instanceof OutOfDeviceMemory ? exhausted(config.batchSize) : error;
  });

  const run: TrainedRun = {
    train: summarize(await compute.evaluateImages(architecture, result.weights, data.train, { signal })),
    test: result.history.at(-1)!.test!,
    distanceFromStart: distanceBetween(architecture, result.weights, start),
    weightsSha256: guarded(folder.path, () => writeWeights(folder.weightsFile(name), result.weights)),
    seconds: result.seconds,
    history: [...result.history],
  };
  folder.run(name).write(run);
  if (!keepsCheckpoint) checkpoint.remove();
  progress.say(endText(label, run));
  return result.weights;
}

/** Where a training stands that is not finished. */
function lastState(
  { checkpoint }: Pick<RunFolder, 'checkpoint'>,
  { name, goesOnFrom }: Training,
): TrainingState | undefined {
  return checkpoint(name).read() ?? (goesOnFrom ? checkpoint(goesOnFrom).read() : undefined);
}

/** Images that a training still has to see, epoch after epoch. */
export function imagesToTrain(
  trainSize: number,
  folder: Pick<RunFolder, 'run' | 'checkpoint'>,
  training: Training,
): number {
  const { name, config } = training;
  if (folder.run(name).read()) return 0;
  return imagesLeft(trainSize, config, lastState(folder, training));
}

function storedWeights(file: string, { weightsSha256 }: TrainedRun, architecture: Architecture): Weights {
  const mend = 'start anew with --overwrite';
  if (!existsSync(file)) throw new UserError(`The finished run's weights ${file} are missing: ${mend}.`);
  if (sha256(readFileSync(file)) !== weightsSha256) {
    throw new UserError(`The finished run's weights ${file} were changed: ${mend}.`);
  }
  return readWeights(file, architecture);
}
