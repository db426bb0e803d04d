import type { Compute } from '../compute/compute';
import type { Dataset } from '../data/dataset';
import { distanceBetween } from '../landscape/distance';
import { initialWeights, isTrainable, tensorSpecs, type Architecture } from '../model/architecture';
import { decodeSafetensors, encodeSafetensors } from '../model/safetensors';
import type { Weights } from '../model/weights';
import { costOf, jobLabel, type Job, type MeasureJob, type TrainingJob } from '../jobs/job';
import { compactMeasure, measureId } from '../jobs/measure';
import {
  imagesKey,
  KEYS,
  measureKey,
  parseMeasureResult,
  snapshotResultSchema,
  trainingResultSchema,
  type Environment,
  type MeasureResult,
  type SnapshotResult,
  type TrainingResult,
} from '../jobs/result';
import {
  architectureOf,
  compactTraining,
  minimizerLabel,
  stepOf,
  stepsPerEpoch,
  trainingConfigOf,
  trainingId,
  trainingLabel,
  type Minimizer,
  type Training,
} from '../jobs/training';
import { OutOfDeviceMemory, Interrupted, UserError } from '../support/errors';
import { exhausted } from '../engine/memory';
import { newestWriter } from '../support/newest-writer';
import { randomStream } from '../support/random';
import { sha256 } from '../support/sha256';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from '../training/checkpoint';
import { STATISTICS_BATCH } from '../training/statistics';
import { Diverged, type TrainingState } from '../training/train';
import type { DataSource } from './datasets';
import { isHolder, type LeaseTaker } from './lease';
import { computeMeasure } from './measuring';
import { encodePerImage } from './results-view';
import type { ResultStore } from './store';

/** What jobs are done with. */
export interface JobContext {
  readonly compute: Compute;
  readonly store: ResultStore;
  readonly leases: LeaseTaker;
  readonly data: DataSource;
  readonly environment: (dataSha256: string) => Environment;
  readonly now: () => Date;
  readonly say: (line: string) => void;
}

/** Callbacks during a job, and the signal that interrupts it. */
export interface JobProgress {
  /** Images that have passed through the network since the last call; passes with a gradient count as training. */
  onImages?(images: number, kind: 'training' | 'evaluation'): void;
  /** What is being done at the moment. */
  onNote?(text: string): void;
  /** Something worth a line of its own, such as the end of an epoch. */
  onMilestone?(text: string): void;
  /** Aborted with an {@link Interrupted}: what was done is stored, and that is thrown. */
  readonly signal?: AbortSignal;
}

/** How often a job is looked at that another process is doing, in ms. */
const LOOK_INTERVAL = 2000;

/**
 * Does what the store lacks of a job, and stores it. Done again, in whatever process and from whatever checkpoint, it
 * gives the same figures to the last bit with the same number of threads on the same kind of processor. While another
 * process is doing the same job, this one waits for it.
 *
 * @throws UserError if the job is for another engine or other data than there are here; Interrupted.
 */
export async function runJob(context: JobContext, job: Job, progress: JobProgress = {}): Promise<void> {
  if ('train' in job) await train(context, job, progress);
  else await measure(context, job, progress);
}

/** Does something under a lease, unless it is done once the lease is there. */
async function leased(
  { leases, say }: JobContext,
  id: string,
  label: string,
  isDone: () => Promise<boolean>,
  work: () => Promise<void>,
  { onNote, signal }: JobProgress,
): Promise<void> {
  for (let told = false; ; told = true) {
    if (await isDone()) return;
    const lease = await leases.take(KEYS.leases(id));
    if (!isHolder(lease)) {
      let done = false;
      try {
        if (!(await isDone())) await work();
        done = true;
      } finally {
        await lease.release(done);
      }
      return;
    }
    if (!told) say(`Waiting for process ${lease.pid} on ${lease.host}, which is doing this job: ${label}`);
    onNote?.(`waiting for process ${lease.pid}`);
    await pause(LOOK_INTERVAL, signal);
  }
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  signal?.throwIfAborted();
}

async function readJson<T>(
  { store }: InStore,
  key: string,
  parse: (value: unknown) => T,
): Promise<T | undefined> {
  const bytes = await store.read(key);
  return bytes && parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

type InStore = Pick<JobContext, 'store'>;

const encodeJson = (value: object) => Buffer.from(JSON.stringify(value));
const readTraining = (context: InStore, training: Training) =>
  readJson(context, KEYS.training(trainingId(training)), (value) => trainingResultSchema.parse(value));
const readSnapshot = (context: InStore, training: Training, step: number) =>
  readJson(context, KEYS.snapshot(trainingId(training), step), (value) => snapshotResultSchema.parse(value));

function readMinimizer(context: InStore, minimizer: Minimizer) {
  const [training, step] = [minimizer.training, stepOf(minimizer)];
  return step === undefined ? readTraining(context, training) : readSnapshot(context, training, step);
}

/** Refuses a job of another engine: its figures would be others. */
function demandEngine({ compute: { info } }: JobContext, { engine }: Training): void {
  if (engine.name === info.name && engine.version === info.version) return;
  throw new UserError(
    `The job is for ${engine.name} (${engine.version}), and here is ${info.name} (${info.version}): run it where its ` +
      'engine is, or the study with this one.',
  );
}

/** What a training job still needs: its end, and snapshots. */
async function missingParts(context: InStore, { train: training, snapshots = [] }: TrainingJob) {
  const end = await readTraining(context, training);
  const missing: number[] = [];
  for (const step of snapshots) {
    const isBeyond = end && ('diverged' in end.figures || step > end.figures.steps);
    if (!isBeyond && !(await readSnapshot(context, training, step))) missing.push(step);
  }
  return { end, snapshots: missing.sort((one, other) => one - other) };
}

/** Whether a store has all that there will ever be of a training job. */
export async function isTrained(context: InStore, job: TrainingJob): Promise<boolean> {
  const { end, snapshots } = await missingParts(context, job);
  return end !== undefined && snapshots.length === 0;
}

async function train(context: JobContext, job: TrainingJob, progress: JobProgress): Promise<void> {
  await leased(
    context,
    trainingId(job.train),
    jobLabel(job),
    () => isTrained(context, job),
    async () => {
      const { end, snapshots } = await missingParts(context, job);
      // Only as far as the last snapshot, where the end is there already.
      await trainAndStore(context, job.train, snapshots, end === undefined, progress);
    },
    progress,
  );
}

/**
 * Trains, from the last checkpoint if there is one, and stores the end and the snapshots. The checkpoint is removed only
 * when all else is there.
 */
async function trainAndStore(
  context: JobContext,
  training: Training,
  snapshots: readonly number[],
  toEnd: boolean,
  progress: JobProgress,
): Promise<void> {
  const { compute, store, environment, now, say } = context;
  demandEngine(context, training);
  const begun = performance.now();
  const id = trainingId(training);
  const architecture = architectureOf(training);
  const data = context.data.of(training);
  const start = await startOf(context, training, architecture, progress);
  const provenance = (seconds: number) => ({
    environment: environment(training.data.train),
    seconds,
    finishedAt: now().toISOString(),
  });
  const storeAt = async (at: Minimizer['at'], weights: Weights) => {
    const stored = await storeWeights(context, training, at, architecture, weights, data.train, progress);
    return { weightsSha256: stored, distanceFromStart: distanceBetween(architecture, weights, start) };
  };
  const storeSnapshot = async (step: number, weights: Weights) => {
    const result: SnapshotResult = {
      training: compactTraining(training),
      step,
      figures: await storeAt({ step }, weights),
      ...provenance(secondsSince(begun)),
    };
    await store.write(KEYS.snapshot(id, step), encodeJson(result));
  };
  const config = trainingConfigOf(training);
  const last = Math.max(0, ...snapshots);
  try {
    const { weights, history, seconds, steps } = await withCheckpoints(
      context,
      training,
      async (checkpoints) => {
        const resumed = checkpoints.resumed(snapshots);
        let steps = 0;
        if (resumed) {
          say(`${trainingLabel(training)}: resuming after ${placeText(resumed, training)}.`);
          steps = stepsOf(resumed, training);
          // It was interrupted while it stored this snapshot.
          if (snapshots.includes(steps)) await storeSnapshot(steps, resumed.weights);
        }
        const result = await compute.train(
          architecture,
          { train: data.train },
          toEnd ? config : { ...config, steps: last },
          training.seed,
          {
            signal: checkpoints.signal(progress.signal),
            snapshotSteps: snapshots,
            onSnapshot: storeSnapshot,
            onStep({ epoch, loss, images }) {
              steps++;
              progress.onNote?.(`epoch ${epoch}/${config.epochs}, loss ${loss.toFixed(4)}`);
              progress.onImages?.(images, 'training');
            },
            async onEpoch({ epoch, trainingModeLoss }, state) {
              checkpoints.write(await state());
              progress.onMilestone?.(`epoch ${epoch}/${config.epochs}, loss ${trainingModeLoss.toFixed(4)}`);
            },
            onInterrupt: checkpoints.write,
          },
          resumed ?? beginningAt(start),
        );
        return { ...result, steps };
      },
    );
    if (toEnd) {
      const figures = { ...(await storeAt('end', weights)), steps, history: [...history] };
      await writeTraining(context, training, {
        training: compactTraining(training),
        figures,
        ...provenance(seconds),
      });
    }
    await store.remove(KEYS.checkpoint(id));
  } catch (error) {
    if (error instanceof OutOfDeviceMemory) throw exhausted(training.batchSize);
    if (!(error instanceof Diverged)) throw error;
    await writeTraining(context, training, {
      training: compactTraining(training),
      figures: { diverged: error.message },
      ...provenance(secondsSince(begun)),
    });
    await store.remove(KEYS.checkpoint(id));
  }
}

/**
 * Stores where a training ended. Where its weights had been stored before by another machine and are others now, all
 * other results of the training no longer count, and are removed.
 */
async function writeTraining(context: JobContext, training: Training, result: TrainingResult): Promise<void> {
  const { store, say } = context;
  const id = trainingId(training);
  const earlier = await readTraining(context, training);
  const hash = ({ figures }: TrainingResult) =>
    'diverged' in figures ? figures.diverged : figures.weightsSha256;
  if (earlier && hash(earlier) !== hash(result)) {
    say(
      `${trainingLabel(training)}: trained again, it ends at other weights than were stored; what was measured of ` +
        'those is dropped.',
    );
    for (const key of [...(await store.list(KEYS.resultsOf(id))), ...(await store.list(KEYS.imagesOf(id)))]) {
      await store.remove(key);
    }
  }
  await store.write(KEYS.training(id), encodeJson(result));
}

/** The weights at which a training starts. */
async function startOf(
  context: JobContext,
  { start, seed }: Training,
  architecture: Architecture,
  progress: JobProgress,
): Promise<Weights> {
  if (start === undefined || start === 'seed')
    return initialWeights(architecture, randomStream(seed, 'weights'));
  const { weights, running } = await weightsOf(context, start, progress);
  return new Map([...weights, ...running]);
}

/**
 * Stores weights with batch-norm statistics recomputed over the training images: running ones lag behind the weights
 * where there are few steps an epoch, which would tell large batches from small ones all by itself.
 *
 * @returns the SHA-256 of the safetensors file.
 */
async function storeWeights(
  { compute, store }: JobContext,
  training: Training,
  at: Minimizer['at'],
  architecture: Architecture,
  trained: Weights,
  images: Dataset,
  { signal, onImages }: JobProgress,
): Promise<string> {
  const id = trainingId(training);
  const recomputed = tensorSpecs(architecture).every(isTrainable)
    ? trained
    : await compute.batchStatistics(architecture, trained, images, {
        batchSize: Math.min(images.count, STATISTICS_BATCH),
        signal,
        onImages: (count) => onImages?.(count, 'evaluation'),
      });
  const bytes = encodeSafetensors(recomputed);
  const running = tensorSpecs(architecture)
    .filter((spec) => !isTrainable(spec))
    .map(({ name }) => [name, trained.get(name)!] as const);
  await store.write(KEYS.runningStatistics(id, at), encodeSafetensors(new Map(running)));
  await store.write(KEYS.weights(id, at), bytes);
  return sha256(bytes);
}

/** A minimizer's weights, and the running statistics that training left. */
interface StoredWeights {
  readonly weights: Weights;
  readonly running: Weights;
  readonly sha256: string;
}

/**
 * A minimizer's weights. A store may lack them, as a published one does: then they are trained again.
 *
 * @throws UserError if the training diverged or ended before.
 */
async function weightsOf(
  context: JobContext,
  minimizer: Minimizer,
  progress: JobProgress,
): Promise<StoredWeights> {
  const { training } = minimizer;
  const read = async () => {
    const result = await readMinimizer(context, minimizer);
    if (!result) return undefined;
    if ('diverged' in result.figures) throw new UserError(result.figures.diverged);
    const { weightsSha256 } = result.figures;
    const stored = await readStoredWeights(context, minimizer);
    return stored?.sha256 === weightsSha256 ? stored : undefined;
  };
  const found = await read();
  if (found) return found;
  const label = minimizerLabel(minimizer);
  const isThere = async () => (await read()) !== undefined;
  await leased(
    context,
    trainingId(training),
    `training of ${label}`,
    isThere,
    async () => {
      context.say(`The weights of ${label} are not stored: training again.`);
      const step = stepOf(minimizer);
      await trainAndStore(context, training, step === undefined ? [] : [step], step === undefined, progress);
    },
    progress,
  );
  const made = await read();
  if (made) return made;
  throw new UserError(`${label}: there are no weights, since training ended before.`);
}

async function readStoredWeights(
  { store }: JobContext,
  { training, at }: Minimizer,
): Promise<StoredWeights | undefined> {
  const id = trainingId(training);
  const bytes = await store.read(KEYS.weights(id, at));
  const running = bytes && (await store.read(KEYS.runningStatistics(id, at)));
  if (!running) return undefined;
  return {
    weights: decodeSafetensors(bytes).tensors,
    running: decodeSafetensors(running).tensors,
    sha256: sha256(bytes),
  };
}

async function measure(context: JobContext, job: MeasureJob, progress: JobProgress): Promise<void> {
  const { compute, store, environment, now } = context;
  const { measure: wanted } = job;
  const [{ training: first }] = wanted.of;
  const key = measureKey(wanted);
  /** Whether the result is there, and of the weights that there are. */
  const isDone = async () => {
    const result = await readJson(context, key, parseMeasureResult);
    const isWhole = wanted.kind !== 'evaluation' || (await store.read(imagesKey(wanted))) !== undefined;
    if (!result || !isWhole) return false;
    const hashes = await Promise.all(wanted.of.map((one) => weightsHash(context, one)));
    return hashes.every((hash, index) => hash === result.weightsSha256[index]);
  };
  await leased(
    context,
    measureId(wanted),
    jobLabel(job),
    isDone,
    async () => {
      demandEngine(context, first);
      const minimizers: StoredWeights[] = [];
      for (const one of wanted.of) minimizers.push(await weightsOf(context, one, progress));
      const begun = performance.now();
      const isGradient = costOf(job).training > 0;
      const subject = {
        architecture: architectureOf(first),
        weights: minimizers.map(({ weights, running }) =>
          wanted.statistics === 'running' ? new Map([...weights, ...running]) : weights,
        ),
        data: context.data.of(first),
      };
      const { figures, perImage } = await computeMeasure(compute, subject, wanted, {
        signal: progress.signal,
        onImages: (count) => progress.onImages?.(count, isGradient ? 'training' : 'evaluation'),
      });
      const result: MeasureResult = {
        measure: compactMeasure(wanted),
        figures,
        weightsSha256: minimizers.map(({ sha256 }) => sha256),
        environment: environment(first.data.train),
        seconds: secondsSince(begun),
        finishedAt: now().toISOString(),
      };
      if (perImage) await store.write(imagesKey(wanted), encodePerImage(perImage));
      await store.write(key, encodeJson(result));
    },
    progress,
  );
}

async function weightsHash(context: JobContext, minimizer: Minimizer): Promise<string | undefined> {
  const result = await readMinimizer(context, minimizer);
  return result && 'weightsSha256' in result.figures ? result.figures.weightsSha256 : undefined;
}

/** The checkpoints of a training that is under way. */
interface Checkpoints {
  /** Where the training stood when it was last stored; undefined where that is behind a snapshot that is wanted. */
  resumed(snapshots: readonly number[]): TrainingState | undefined;
  write(state: TrainingState): void;
  /** Aborted, too, where a checkpoint could not be written. */
  signal(other?: AbortSignal): AbortSignal;
}

/** Does a training's work with checkpoints in the store; the newest is there when the work has ended. */
async function withCheckpoints<T>(
  { store, compute: { info }, say }: JobContext,
  training: Training,
  work: (checkpoints: Checkpoints) => Promise<T>,
): Promise<T> {
  const key = KEYS.checkpoint(trainingId(training));
  const bytes = await store.read(key);
  const earlier = bytes && usable(decodeCheckpoint(bytes));
  const failed = new AbortController();
  const writer = newestWriter(
    (content: Uint8Array) => store.write(key, content),
    () => failed.abort(new Interrupted('a checkpoint could not be stored')),
  );
  try {
    return await work({
      resumed: (snapshots) =>
        earlier && snapshots.every((step) => step >= stepsOf(earlier, training)) ? earlier : undefined,
      write: (state) => writer.write(encodeCheckpoint({ ...state, threads: info.threads })),
      signal: (other) => AbortSignal.any([failed.signal, ...(other ? [other] : [])]),
    });
  } finally {
    // Where the last one failed, that is the error that counts.
    await writer.settled();
  }

  /** Another number of threads rounds otherwise: a training is done with one number from start to end. */
  function usable({ threads, ...state }: Checkpoint): TrainingState | undefined {
    if (threads === undefined || threads === info.threads) return state;
    say(
      `${trainingLabel(training)}: its checkpoint was written with ${threads} threads and here are ${info.threads}: ` +
        'training starts anew.',
    );
    return undefined;
  }
}

/** A training before its first step. */
function beginningAt(weights: Weights): TrainingState {
  return { weights, optimizer: new Map(), history: [], stepsDone: 0, lossSum: 0, seconds: 0 };
}

/** Optimizer steps taken so far. */
function stepsOf({ history, stepsDone }: TrainingState, training: Training): number {
  return history.length * stepsPerEpoch(training) + stepsDone;
}

function placeText(state: TrainingState, training: Training): string {
  const { epochs } = trainingConfigOf(training);
  const { history, stepsDone } = state;
  if (stepsDone === 0) return `epoch ${history.length} of ${epochs}`;
  return `step ${stepsDone} of epoch ${history.length + 1} of ${epochs}`;
}

function secondsSince(begun: number): number {
  return (performance.now() - begun) / 1000;
}
