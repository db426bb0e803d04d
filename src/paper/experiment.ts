import type { Compute } from '../compute/compute';
import { settled } from '../compute/settled';
import { firstImages, type Dataset, type Split } from '../data/dataset';
import type { DatasetName } from '../data/load';
import { findMinimizer, type Training } from '../experiment/minimizers';
import { parameterCount, type Architecture } from '../model/architecture';
import type { PaperNetwork } from '../model/networks';
import type { Weights } from '../model/weights';
import type { Progress } from '../progress';
import { randomStream } from '../random';
import { keskarSharpness } from '../sharpness/keskar';
import { lossObjective } from '../sharpness/objective';
import { fullSpace, randomSubspace, type Subspace } from '../sharpness/subspace';
import { REGIMES, type Regime } from '../training/regime';
import { pairTests } from '../verdict/generalization';
import type { PaperFolder } from './folder';
import { EPSILONS, SPACES, type Space } from './published';
import {
  datasetFor,
  largeBatchOf,
  paperTrainingConfig,
  sharpnessImagesOf,
  trainImagesOf,
  trialsOf,
  type PaperSettings,
} from './settings';

/** What the paper's experiment works with. */
export interface PaperContext {
  readonly compute: Compute;
  readonly settings: PaperSettings;
  readonly folder: PaperFolder;
  readonly architectureOf: (network: PaperNetwork) => Architecture;
  /** A data set's splits, whole. */
  readonly load: (name: DatasetName, split: Split) => Dataset;
  readonly progress: Progress;
  /** Aborted with an Interrupted where the work is to stop, with what was done stored. */
  readonly signal?: AbortSignal;
}

/** A regime's training of a trial. */
export function paperTraining(
  settings: PaperSettings,
  network: PaperNetwork,
  regime: Regime,
  seed: number,
): Training {
  return {
    name: trainingName(network, regime, seed),
    label: `${network} ${regime} of seed ${seed}`,
    seed,
    config: paperTrainingConfig(settings, network, regime),
  };
}

/** What a trial's files are called by. */
export function trainingName(network: PaperNetwork, regime: Regime, seed: number): string {
  return `${network}-${regime}-seed${seed}`;
}

/**
 * The paper's experiment: for each network and trial trains SB and LB from the same initial weights, tests both, and
 * measures how sharp both minimizers are in the full space and in a random subspace, the same for both. What the
 * folder holds already is not done again.
 *
 * @throws UserError if a training diverges or data is missing; Interrupted where the signal says so.
 */
export async function runPaper(context: PaperContext): Promise<void> {
  const { settings, load } = context;
  for (const network of settings.networks) {
    const name = datasetFor(network);
    const train = firstImages(load(name, 'train'), trainImagesOf(settings, network));
    const data = { train, test: load(name, 'test') };
    for (const seed of trialsOf(settings)) await runTrial(context, network, data, seed);
  }
}

async function runTrial(
  context: PaperContext,
  network: PaperNetwork,
  data: Readonly<Record<Split, Dataset>>,
  seed: number,
): Promise<void> {
  const { compute, settings, folder } = context;
  const architecture = context.architectureOf(network);
  const find = (regime: Regime) =>
    findMinimizer({ ...context, architecture, data }, paperTraining(settings, network, regime, seed));
  const weights =
    compute.info.workers === 1
      ? { SB: await find('SB'), LB: await find('LB') }
      : await settled([find('SB'), find('LB')]).then(([SB, LB]) => ({ SB, LB }));

  const paired = folder.pairedTest(network, seed);
  if (!paired.read()) {
    const options = { signal: context.signal };
    const small = await compute.evaluateImages(architecture, weights.SB, data.test, options);
    const large = await compute.evaluateImages(architecture, weights.LB, data.test, options);
    paired.write(pairTests(small, large));
  }
  await measureTrial(context, network, data.train, seed, weights);
}

/** Measures what the folder lacks, a space at a time, so that a subspace's large matrix is made once. */
async function measureTrial(
  context: PaperContext,
  network: PaperNetwork,
  train: Dataset,
  seed: number,
  weights: Readonly<Record<Regime, Weights>>,
): Promise<void> {
  const { settings, folder } = context;
  for (const space of SPACES) {
    let subspace: Subspace | undefined;
    for (const regime of REGIMES) {
      const stored = folder.sharpness(trainingName(network, regime, seed));
      for (const epsilon of EPSILONS) {
        const done = stored.read() ?? [];
        if (done.some((one) => one.space === space && one.epsilon === epsilon)) continue;
        subspace ??= subspaceOf(context, network, space, seed);
        const begun = performance.now();
        const measured = await measure(context, network, train, seed, weights[regime], regime, {
          space,
          subspace,
          epsilon,
        });
        const seconds = (performance.now() - begun) / 1000;
        stored.write([...done, { space, epsilon, ...measured, seconds }]);
      }
    }
  }
}

function subspaceOf(
  { architectureOf, settings: { dimension, orthonormal } }: PaperContext,
  network: PaperNetwork,
  space: Space,
  seed: number,
): Subspace {
  const size = parameterCount(architectureOf(network));
  return space === 'full'
    ? fullSpace(size)
    : randomSubspace(size, dimension, randomStream(seed, 'subspace', network), { orthonormal });
}

async function measure(
  { compute, architectureOf, settings, progress, signal }: PaperContext,
  network: PaperNetwork,
  train: Dataset,
  seed: number,
  weights: Weights,
  regime: Regime,
  where: { readonly space: Space; readonly subspace: Subspace; readonly epsilon: number },
) {
  const { space, subspace, epsilon } = where;
  const images = firstImages(train, sharpnessImagesOf(settings, network));
  const label = `${network} ${regime} of seed ${seed}, sharpness in the ${space === 'full' ? 'full space' : 'subspace'}, ε = ${epsilon}`;
  const stretch = progress.begin(label, USUAL_EVALUATIONS * images.count);
  const objective = lossObjective(compute, architectureOf(network), weights, images, {
    statistics: settings.statistics,
    batchSize: Math.min(images.count, largeBatchOf(settings, network)),
    onImages: stretch.advance,
    signal,
  });
  const random = randomStream(seed, 'box', network, space, epsilon);
  const { maximizer: _, ...measured } = await keskarSharpness(objective, subspace, epsilon, random);
  stretch.end();
  progress.say(`${label}: ${measured.sharpness.toPrecision(3)}`);
  return measured;
}

/** Two maximizations of ten iterations; the progress display counts by them. */
const USUAL_EVALUATIONS = 26;
