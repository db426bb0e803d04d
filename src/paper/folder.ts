import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../support/errors';
import { finishedRunSchema, type RunFolder } from '../experiment/run-folder';
import {
  ANEW,
  guarded,
  refuseOtherEngine,
  removeUnfinishedFiles,
  resultWriter,
  sayOtherCommit,
  storedJson,
  storedTraining,
  type Stored,
} from '../experiment/stored';
import { flagOf } from '../experiment/settings';
import type { Path } from '../landscape/parametric';
import { environmentSchema, pairedTestSchema } from '../report/report';
import { anyNumber, evaluationSchema } from '../training/checkpoint';
import { SPACES } from './published';
import { paperSettingsSchema, type PaperSettings, type Remedy } from './settings';

const beginningSchema = z.object({ settings: paperSettingsSchema, environment: environmentSchema });
export type PaperBeginning = z.infer<typeof beginningSchema>;

/** A measurement of Metric 2.1, as files hold it: see keskarSharpness. */
export const sharpnessSchema = z.object({
  space: z.enum(SPACES),
  epsilon: z.number(),
  sharpness: anyNumber.describe('φ, 0 or more'),
  standardError: anyNumber.describe('of φ, over the batches of images'),
  loss: anyNumber.describe('f(x) in nats'),
  maximum: anyNumber.describe('the highest f found in the box'),
  fromCentre: anyNumber.describe("φ by the maximization from the box's centre alone"),
  fromRandom: anyNumber.describe('φ by the maximization from a random point alone'),
  evaluations: z.number().int(),
  seconds: z.number(),
});
export type StoredSharpness = z.infer<typeof sharpnessSchema>;

const bothSplitsSchema = z.object({ train: evaluationSchema, test: evaluationSchema });

/** A point of a parametric plot, as files hold it. */
export const plotPointSchema = z.object({
  alpha: z.number().describe('0 is SB, 1 is LB'),
  train: evaluationSchema,
  test: evaluationSchema,
});
type StoredPlotPoint = z.infer<typeof plotPointSchema>;

/** When in a training the noise of its gradients is measured. */
export const PHASES = ['start', 'middle', 'end'] as const;

const withError = z.object({ value: anyNumber, standardError: anyNumber });

/** What is measured of one training, as files hold it; all but the noise in evaluation mode. */
export const otherMeasuresSchema = z.object({
  sam: withError.describe(
    'rise of the loss by one step of ascent of length .05, in nats (Foret et al. 2021)',
  ),
  adaptiveSam: withError.describe('the same, each weight by its own size, length .5 (Kwon et al. 2021)'),
  topEigenvalue: z
    .object({ value: anyNumber, residual: anyNumber })
    .describe("of the loss's Hessian by Lanczos' method; an eigenvalue lies within the residual"),
  trace: withError.describe("of the loss's Hessian by Hutchinson's estimator"),
  noise: z
    .array(
      z.object({
        phase: z.enum(PHASES),
        signalToNoise: withError.describe(
          "‖gradient‖² over the trace of the minibatch gradient's covariance",
        ),
      }),
    )
    .describe('of minibatches of the size that it was trained with'),
});
export type OtherMeasures = z.infer<typeof otherMeasuresSchema>;

/** The folder of the paper's experiment. Trainings are named as their weights files are: `C1-SB-seed42`. */
export interface PaperFolder extends Pick<
  RunFolder,
  'path' | 'weightsFile' | 'checkpoint' | 'run' | 'write'
> {
  readonly beginning: PaperBeginning;
  /**
   * How the minimizer that a training ended at does by batch statistics of its training images, where the run has its
   * figures by the running ones.
   */
  evaluation(training: string): Stored<z.infer<typeof bothSplitsSchema>>;
  /** What was measured there. */
  sharpness(training: string): Stored<StoredSharpness[]>;
  /**
   * How the two minimizers of a network's trial do on the same test images.
   *
   * @param remedy where given, LB with it stands in SB's place.
   */
  pairedTest(network: string, seed: number, remedy?: Remedy): Stored<z.infer<typeof pairedTestSchema>>;
  /** What was measured beside it, of a network's first trial. */
  others(training: string): Stored<OtherMeasures>;
  /** The parametric plot of a network's first trial, possibly in part. */
  plot(network: string, path: Path): Stored<StoredPlotPoint[]>;
}

/**
 * Opens a folder, new or to go on with.
 *
 * @throws UserError if it cannot be written, or holds something else.
 */
export function openPaperFolder(
  path: string,
  beginning: PaperBeginning,
  { overwrite = false, say = () => {} }: { overwrite?: boolean; say?: (line: string) => void } = {},
): PaperFolder {
  if (overwrite) guarded(path, () => forget(path));
  const state = join(path, 'checkpoints');
  const notes = storedJson(join(state, 'paper.beginning'), beginningSchema, say);
  if (existsSync(join(state, 'experiment.beginning'))) {
    throw new UserError(`${path} holds another experiment: choose another --out.`);
  }
  guarded(path, () => mkdirSync(state, { recursive: true }));
  removeUnfinishedFiles(path, state);
  const earlier = notes.read();
  if (earlier) {
    refuseOtherSettings(path, earlier.settings, beginning.settings);
    refuseOtherEngine(path, earlier.environment, beginning.environment);
    refuseOtherData(path, earlier.environment.dataSha256, beginning.environment.dataSha256);
    sayOtherCommit(path, earlier.environment, beginning.environment, say);
  }
  // More networks may have brought more data.
  const { dataSha256 } = beginning.environment;
  const environment = { ...(earlier ?? beginning).environment, dataSha256 };
  const current = { settings: beginning.settings, environment };
  notes.write(current);
  return folderOf(path, current, say);
}

/** @param earlier hashes of the data sets that the networks were trained on, between commas. */
function refuseOtherData(path: string, earlier: string, now: string): void {
  const known = now.split(', ');
  if (earlier.split(', ').every((hash) => known.includes(hash))) return;
  throw new UserError(`${path} was begun with other training data than there are now: ${ANEW}.`);
}

/**
 * Opens a folder as it is.
 *
 * @returns undefined if it does not hold the paper's experiment.
 */
export function reopenPaperFolder(
  path: string,
  say: (line: string) => void = () => {},
): PaperFolder | undefined {
  const earlier = storedJson(join(path, 'checkpoints', 'paper.beginning'), beginningSchema, say).read();
  return earlier && folderOf(path, earlier, say);
}

function folderOf(path: string, beginning: PaperBeginning, say: (line: string) => void): PaperFolder {
  const state = (name: string) => join(path, 'checkpoints', name);
  return {
    path,
    beginning,
    weightsFile: (training) => join(path, `${training}.safetensors`),
    checkpoint: (training) => storedTraining(state(`${training}.training`), say),
    run: (training) => storedJson(state(`${training}.run`), finishedRunSchema, say),
    evaluation: (training) => storedJson(state(`${training}.evaluation`), bothSplitsSchema, say),
    sharpness: (training) => storedJson(state(`${training}.sharpness`), z.array(sharpnessSchema), say),
    pairedTest: (network, seed, remedy) =>
      storedJson(state(`${network}${remedy ? `-${remedy}` : ''}-seed${seed}.pairs`), pairedTestSchema, say),
    others: (training) => storedJson(state(`${training}.others`), otherMeasuresSchema, say),
    plot: (network, way) => storedJson(state(`${network}-${way}.plot`), z.array(plotPointSchema), say),
    write: resultWriter(path),
  };
}

/** An experiment may grow by more of these, and by more seeds. */
const GROWING: ReadonlySet<keyof PaperSettings> = new Set([
  'networks',
  'remedies',
  'batchSizes',
  'snapshotEpochs',
]);

function refuseOtherSettings(path: string, earlier: PaperSettings, now: PaperSettings): void {
  const other = (Object.keys(now) as (keyof PaperSettings)[]).find((key) => {
    if (key === 'seeds') return now.seeds < earlier.seeds;
    if (GROWING.has(key)) {
      const [before, after] = [earlier[key], now[key]] as (readonly unknown[])[];
      return !before.every((one) => after.includes(one));
    }
    return JSON.stringify(earlier[key]) !== JSON.stringify(now[key]);
  });
  if (!other) return;
  throw new UserError(
    `${path} holds an experiment with ${flagOf(other)} ${String(earlier[other])}, not ${String(now[other]) || 'none'}: ${ANEW}.`,
  );
}

const RESULTS = ['paper.json', 'paper.md', 'paper.html', 'checkpoints'];
const OF_A_NETWORK =
  /^(F|C)\d-((SB|LB|B\d+)(-[a-z]+\d*)?-seed-?\d+(-half)?\.safetensors|figure\d-[a-z]+\.png)$/;

/** Removes what this program writes, and nothing else. */
function forget(path: string): void {
  if (!existsSync(path)) return;
  const ofNetworks = readdirSync(path).filter((name) => OF_A_NETWORK.test(name));
  for (const name of [...RESULTS, ...ofNetworks]) rmSync(join(path, name), { recursive: true, force: true });
}
