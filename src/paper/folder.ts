import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
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
import { environmentSchema, pairedTestSchema } from '../report/report';
import { anyNumber } from '../training/checkpoint';
import { SPACES } from './published';
import { paperSettingsSchema, type PaperSettings } from './settings';

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

/** The folder of the paper's experiment. Trainings are named as their weights files are: `C1-SB-seed42`. */
export interface PaperFolder extends Pick<
  RunFolder,
  'path' | 'weightsFile' | 'checkpoint' | 'run' | 'write'
> {
  readonly beginning: PaperBeginning;
  /** What was measured at the minimizer that a training ended at. */
  sharpness(training: string): Stored<StoredSharpness[]>;
  /** How the two minimizers of a network's trial do on the same test images. */
  pairedTest(network: string, seed: number): Stored<z.infer<typeof pairedTestSchema>>;
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
  if (!earlier) notes.write(beginning);
  else {
    refuseOtherSettings(path, earlier.settings, beginning.settings);
    refuseOtherEngine(path, earlier.environment, beginning.environment);
    sayOtherCommit(path, earlier.environment, beginning.environment, say);
    notes.write({ ...earlier, settings: beginning.settings });
  }
  return folderOf(path, { ...(earlier ?? beginning), settings: beginning.settings }, say);
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
    sharpness: (training) => storedJson(state(`${training}.sharpness`), z.array(sharpnessSchema), say),
    pairedTest: (network, seed) =>
      storedJson(state(`${network}-test-seed${seed}.pair`), pairedTestSchema, say),
    write: resultWriter(path),
  };
}

/** An experiment may grow by more of these. */
function refuseOtherSettings(path: string, earlier: PaperSettings, now: PaperSettings): void {
  const other = (Object.keys(now) as (keyof PaperSettings)[]).find((key) => {
    if (key === 'seeds') return now.seeds < earlier.seeds;
    if (key === 'networks') return !earlier.networks.every((network) => now.networks.includes(network));
    return JSON.stringify(earlier[key]) !== JSON.stringify(now[key]);
  });
  if (!other) return;
  throw new UserError(
    `${path} holds an experiment with ${flagOf(other)} ${String(earlier[other])}, not ${String(now[other])}: ${ANEW}.`,
  );
}

const RESULTS = ['paper.json', 'paper.md', 'checkpoints'];

/** Removes what this program writes, and nothing else. */
function forget(path: string): void {
  if (!existsSync(path)) return;
  const weights = readdirSync(path).filter((name) => /^(F|C)\d-(SB|LB)-seed-?\d+\.safetensors$/.test(name));
  for (const name of [...RESULTS, ...weights]) rmSync(join(path, name), { recursive: true, force: true });
}
