import type { Compute } from '../compute/compute';
import type { DatasetName } from '../data/load';
import { firstImages, SPLITS, type Dataset, type Split } from '../data/dataset';
import { Interrupted, OutOfDeviceMemory, UserError } from '../support/errors';
import { endText, trainShown } from '../experiment/shown-training';
import { distanceBetween } from '../landscape/distance';
import { initialWeights } from '../model/architecture';
import { decodeSafetensors, encodeSafetensors } from '../model/safetensors';
import type { Weights } from '../model/weights';
import type { Progress } from '../support/progress';
import { randomStream } from '../support/random';
import type { EnvironmentReport } from '../report/report';
import { sha256 } from '../support/sha256';
import { decodeCheckpoint, encodeCheckpoint } from '../training/checkpoint';
import { summarize } from '../training/evaluate';
import { STATISTICS_BATCH } from '../training/statistics';
import { Diverged, type TrainingResult as TrainingOutcome } from '../training/train';
import type { SweepData } from './data';
import { trainingConfigOf, trainingLabel, type Job, type SweepTraining } from './job';
import { imagesOfMeasure, measureLabel, type Measure } from './measure';
import { measureMinimizer } from './measuring';
import { architectureOf, datasetOf } from './networks';
import { newestWriter } from './newest-writer';
import {
  encodeJson,
  KEYS,
  readTraining,
  workLeft,
  type MeasureFigures,
  type MeasureResult,
  type Trained,
  type TrainingResult,
} from './results';
import type { ResultStore } from './store';

/** What a job is done with. */
export interface JobContext {
  readonly compute: Compute;
  readonly store: ResultStore;
  readonly load: (name: DatasetName) => SweepData;
  readonly environment: (dataSha256: string) => EnvironmentReport;
  readonly progress: Progress;
  /** Aborted with an Interrupted where the work is to stop, with what was done stored. */
  readonly signal?: AbortSignal;
}

/**
 * Does what the store lacks of a job, and stores it: a training, from its last checkpoint if there is one, and its
 * measures. Done again, in whatever process and from whatever checkpoint, it gives the same figures to the last bit on
 * the same kind of processor.
 *
 * @throws UserError if the job is for another engine or other data than there are here; Interrupted where the signal
 *   says so.
 */
export async function runJob(context: JobContext, job: Job): Promise<void> {
  const { store } = context;
  const { training } = job;
  const done = new Set(await store.list(KEYS.resultsOf(training)));
  const left = workLeft(job, done);
  // One that a worker left that lost the job to another.
  if (!left.training) await store.remove(KEYS.checkpoint(training));
  if (!left.training && left.measures.length === 0) return;
  const data = dataOf(context, training);
  if (left.training) await train(context, training, data);
  const end = (await readTraining(store, training))!.figures;
  const weights = 'diverged' in end ? undefined : await storedWeights(store, training, end);
  for (const measure of left.measures) {
    const begun = performance.now();
    const figures = weights
      ? await measured(context, training, data.train, weights, measure)
      : { value: NaN, standardError: NaN, details: {} };
    const environment = context.environment(training.data.train);
    const stored: MeasureResult = {
      measure,
      figures,
      ...('diverged' in end ? {} : { weightsSha256: end.weightsSha256 }),
      environment,
      seconds: secondsSince(begun),
    };
    await store.write(KEYS.measure(training, measure), encodeJson(stored));
  }
}

/** The images of a training, once it is sure that engine and data are those that it names. */
function dataOf({ compute, load }: JobContext, training: SweepTraining): Readonly<Record<Split, Dataset>> {
  const { network, engine, trainSize, testSize } = training;
  const { name, version } = compute.info;
  if (engine.name !== name || engine.version !== version) {
    throw new UserError(
      `The job is for ${engine.name} (${engine.version}), and here is ${name} (${version}): run it where its ` +
        'engine is, or the sweep with this one.',
    );
  }
  const dataset = datasetOf(network);
  const whole = load(dataset);
  for (const split of SPLITS) {
    if (whole.sha256[split] === training.data[split]) continue;
    throw new UserError(`The job is for other ${split} images of ${dataset} than there are here.`);
  }
  return { train: firstImages(whole.train, trainSize), test: firstImages(whole.test, testSize) };
}

/**
 * Trains, tests and stores; the checkpoint goes only when all else is there. A result that another worker stored
 * meanwhile stays, and so do its weights: its measures may have been taken already.
 */
async function train(
  context: JobContext,
  training: SweepTraining,
  data: Readonly<Record<Split, Dataset>>,
): Promise<void> {
  const { store, compute, environment, progress } = context;
  const begun = performance.now();
  const architecture = architectureOf(training.network);
  const isDone = async () => (await store.list(KEYS.resultsOf(training))).includes(KEYS.training(training));
  const end = async (figures: TrainingResult['figures'], seconds: number, weights?: Uint8Array) => {
    const result: TrainingResult = {
      training,
      figures,
      environment: environment(training.data.train),
      seconds: { training: seconds, all: secondsSince(begun) },
    };
    const isFirst = !(await isDone());
    if (isFirst) {
      if (weights) await store.write(KEYS.weights(training), weights);
      await store.write(KEYS.training(training), encodeJson(result));
    }
    await store.remove(KEYS.checkpoint(training));
    return isFirst;
  };
  try {
    const { weights: trained, history, seconds } = await trainStored(context, training, data);
    // Running statistics lag behind the weights where there are few steps an epoch, which would tell large batches
    // from small ones all by itself.
    const { signal } = context;
    const weights = await compute.batchStatistics(architecture, trained, data.train, {
      batchSize: Math.min(training.trainSize, STATISTICS_BATCH),
      signal,
    });
    const evaluate = async (split: Split) =>
      summarize(await compute.evaluateImages(architecture, weights, data[split], { signal }));
    const bytes = encodeSafetensors(weights);
    const start = initialWeights(architecture, randomStream(training.seed, 'weights'));
    const figures: Trained = {
      train: await evaluate('train'),
      test: await evaluate('test'),
      distanceFromStart: distanceBetween(architecture, trained, start),
      weightsSha256: sha256(bytes),
      history: [...history],
    };
    const isStored = await end(figures, seconds, bytes);
    if (isStored) progress.say(endText(trainingLabel(training), { ...figures, seconds }));
  } catch (error) {
    if (error instanceof Diverged) {
      await end({ diverged: error.message }, secondsSince(begun));
      return;
    }
    // The last checkpoint of one who lost the job is no use behind the other's result.
    if (error instanceof Interrupted && (await isDone())) await store.remove(KEYS.checkpoint(training));
    throw error;
  }
}

/** Where the steps of a training end, with checkpoints in the store. */
async function trainStored(
  context: JobContext,
  training: SweepTraining,
  data: Readonly<Record<Split, Dataset>>,
): Promise<TrainingOutcome> {
  const { compute, store, progress } = context;
  const key = KEYS.checkpoint(training);
  const earlier = await store.read(key);
  const failed = new AbortController();
  const checkpoints = newestWriter(
    (bytes: Uint8Array) => store.write(key, bytes),
    () => failed.abort(new Interrupted('a checkpoint could not be stored')),
  );
  const signal = AbortSignal.any([failed.signal, ...(context.signal ? [context.signal] : [])]);
  try {
    return await trainShown(
      { compute, architecture: architectureOf(training.network), data, progress, signal },
      {
        label: trainingLabel(training),
        seed: training.seed,
        config: trainingConfigOf(training),
        resumed: earlier && decodeCheckpoint(earlier),
        store: (state) => checkpoints.write(encodeCheckpoint(state)),
      },
    );
  } catch (error) {
    if (!(error instanceof OutOfDeviceMemory)) throw error;
    throw new UserError(`The device has too little memory for steps of batch size ${training.batchSize}.`);
  } finally {
    // Where the last one failed, that is the error that counts.
    await checkpoints.settled();
  }
}

async function measured(
  { compute, progress, signal }: JobContext,
  training: SweepTraining,
  train: Dataset,
  weights: Weights,
  measure: Measure,
): Promise<MeasureFigures> {
  const stretch = progress.begin(
    `${trainingLabel(training)}: ${measureLabel(measure)}`,
    imagesOfMeasure(measure),
  );
  const minimizer = {
    architecture: architectureOf(training.network),
    weights,
    train,
    seed: training.seed,
  };
  const figures = await measureMinimizer(compute, minimizer, measure, { onImages: stretch.advance, signal });
  stretch.end();
  return figures;
}

async function storedWeights(
  store: ResultStore,
  training: SweepTraining,
  { weightsSha256 }: Trained,
): Promise<Weights> {
  const key = KEYS.weights(training);
  const bytes = await store.read(key);
  if (!bytes || sha256(bytes) !== weightsSha256) {
    throw new UserError(
      `The weights ${key} in ${store.name} are ${bytes ? 'not those of their training' : 'missing'}: delete ` +
        `${KEYS.training(training)}, and the same command trains again.`,
    );
  }
  return decodeSafetensors(bytes).tensors;
}

function secondsSince(begun: number): number {
  return (performance.now() - begun) / 1000;
}
