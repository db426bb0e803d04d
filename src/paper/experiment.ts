import type { Compute } from '../compute/compute';
import { settled } from '../compute/settled';
import { firstImages, type Dataset, type Split } from '../data/dataset';
import { findMinimizer, type Training } from '../experiment/minimizers';
import { imagesOfPoint, parametricPlot, PATHS } from '../landscape/parametric';
import { parameterCount, type Architecture } from '../model/architecture';
import type { PaperNetwork } from '../model/networks';
import type { Weights } from '../model/weights';
import { randomStream } from '../random';
import { keskarSharpness } from '../sharpness/keskar';
import { lossObjective } from '../sharpness/objective';
import { fullSpace, randomSubspace, type Subspace } from '../sharpness/subspace';
import { REGIMES, type Regime } from '../training/regime';
import { summarize } from '../training/evaluate';
import { pairTests } from '../verdict/generalization';
import type { PaperContext } from './context';
import type { PaperFolder } from './folder';
import { measureOthers } from './others';
import { paperTraining, trainingName } from './trainings';
import { EPSILONS, SPACES, type Space } from './published';
import {
  datasetFor,
  largeBatchOf,
  sharpnessImagesOf,
  trainImagesOf,
  trialsOf,
  type Remedy,
} from './settings';

/** Where a training of a trial ended. */
interface Minimizer {
  readonly training: Training;
  readonly weights: Weights;
}

/**
 * The paper's experiment: for each network and trial trains SB and LB, and LB with each remedy, from the same initial
 * weights, tests all, and measures how sharp the minimizers are in the full space and in a random subspace, the same
 * for all; in the first trial, too, what lies between SB and LB. What the folder holds already is not done again.
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
  if (isTrialDone(context, network, seed)) return;
  const { compute, settings, folder } = context;
  const architecture = context.architectureOf(network);
  const find = async (regime: Regime, remedy?: Remedy): Promise<Minimizer> => {
    const training = paperTraining(settings, network, regime, seed, remedy);
    const trained = await findMinimizer({ ...context, architecture, data }, training);
    // The networks of the paper have no running statistics: those that training has left behind are those of
    // its last few batches, and where there are few steps an epoch, of weights that have moved on.
    const weights = await compute.batchStatistics(architecture, trained, data.train, {
      batchSize: largeBatchOf(settings, network),
      signal: context.signal,
    });
    await evaluateBoth(context, training, architecture, data, weights);
    return { training, weights };
  };
  const remedies = settings.remedies.map((remedy) => () => find('LB', remedy));
  const minimizers = await allOf(compute, [() => find('SB'), () => find('LB'), ...remedies]);
  const [SB, LB, ...remedied] = minimizers;

  const pair = async (paired: ReturnType<PaperFolder['pairedTest']>, one: Minimizer, other: Minimizer) => {
    if (paired.read()) return;
    const test = ({ weights }: Minimizer) =>
      compute.evaluateImages(architecture, weights, data.test, { signal: context.signal });
    paired.write(pairTests(await test(one), await test(other)));
  };
  await pair(folder.pairedTest(network, seed), SB, LB);
  for (const [index, remedy] of settings.remedies.entries()) {
    await pair(folder.pairedTest(network, seed, remedy), remedied[index], LB);
  }
  await measureTrial(context, network, data.train, seed, minimizers);
  if (seed !== settings.seed) return;
  const ends = { SB: SB.weights, LB: LB.weights };
  await measureOthers(context, network, data, ends);
  await plotTrial(context, network, data, ends);
}

/** Whether the folder holds all of a trial, so that not even batch statistics need to be computed. */
function isTrialDone({ settings, folder }: PaperContext, network: PaperNetwork, seed: number): boolean {
  const { remedies } = settings;
  const name = (regime: Regime, remedy?: Remedy) => trainingName(network, regime, seed, remedy);
  const trainings = [name('SB'), name('LB'), ...remedies.map((remedy) => name('LB', remedy))];
  const pairs = [folder.pairedTest(network, seed)].concat(
    remedies.map((remedy) => folder.pairedTest(network, seed, remedy)),
  );
  const isMeasured = (training: string) =>
    folder.evaluation(training).read() !== undefined &&
    folder.sharpness(training).read()?.length === SPACES.length * EPSILONS.length;
  const ofFirstTrial = () =>
    PATHS.every((path) => folder.plot(network, path).read()?.length === settings.plotAlphas.length) &&
    REGIMES.every((regime) => folder.others(name(regime)).read() !== undefined);
  return (
    trainings.every(isMeasured) &&
    pairs.every((pair) => pair.read() !== undefined) &&
    (seed !== settings.seed || ofFirstTrial())
  );
}

/** How a minimizer does on its training images and on the test set, unless the folder knows. */
async function evaluateBoth(
  { compute, folder, signal }: PaperContext,
  { name }: Training,
  architecture: Architecture,
  data: Readonly<Record<Split, Dataset>>,
  weights: Weights,
): Promise<void> {
  const stored = folder.evaluation(name);
  if (stored.read()) return;
  const of = async (split: Split) =>
    summarize(await compute.evaluateImages(architecture, weights, data[split], { signal }));
  stored.write({ train: await of('train'), test: await of('test') });
}

/** Side by side where there are engines for it, else one after the other, so that one alone is left half done. */
async function allOf<T>({ info }: Compute, jobs: readonly (() => Promise<T>)[]): Promise<T[]> {
  if (info.workers > 1) return settled(jobs.map((job) => job()));
  const done: T[] = [];
  for (const job of jobs) done.push(await job());
  return done;
}

/** Measures what the folder lacks, a space at a time, so that a subspace's large matrix is made once. */
async function measureTrial(
  context: PaperContext,
  network: PaperNetwork,
  train: Dataset,
  seed: number,
  minimizers: readonly Minimizer[],
): Promise<void> {
  const { folder } = context;
  for (const space of SPACES) {
    let subspace: Subspace | undefined;
    for (const minimizer of minimizers) {
      const stored = folder.sharpness(minimizer.training.name);
      for (const epsilon of EPSILONS) {
        const done = stored.read() ?? [];
        if (done.some((one) => one.space === space && one.epsilon === epsilon)) continue;
        subspace ??= subspaceOf(context, network, space, seed);
        const begun = performance.now();
        const where = { space, subspace, epsilon };
        const measured = await measure(context, network, train, minimizer, where);
        const seconds = (performance.now() - begun) / 1000;
        stored.write([...done, { space, epsilon, ...measured, seconds }]);
      }
    }
  }
}

/** Loss and accuracy on both paths from SB to LB: the points that the folder lacks. */
async function plotTrial(
  { compute, architectureOf, settings, folder, progress, signal }: PaperContext,
  network: PaperNetwork,
  data: Readonly<Record<Split, Dataset>>,
  weights: Readonly<Record<Regime, Weights>>,
): Promise<void> {
  const { plotAlphas, plotStatistics } = settings;
  for (const path of PATHS) {
    const stored = folder.plot(network, path);
    const done = stored.read() ?? [];
    const missing = plotAlphas.filter((alpha) => !done.some((point) => point.alpha === alpha));
    if (missing.length === 0) continue;
    const label = `${network}, the ${path} path from SB to LB`;
    const stretch = progress.begin(label, missing.length * imagesOfPoint(data, plotStatistics));
    await parametricPlot(compute, architectureOf(network), data, weights, missing, {
      path,
      statistics: plotStatistics,
      batchSize: largeBatchOf(settings, network),
      onPoint(point) {
        done.push(point);
        stored.write(done);
        stretch.milestone(`α = ${point.alpha}: training loss ${point.train.loss.toPrecision(3)}`);
      },
      onImages: stretch.advance,
      signal,
    });
    stretch.end();
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
  { training: { label: whose, seed }, weights }: Minimizer,
  where: { readonly space: Space; readonly subspace: Subspace; readonly epsilon: number },
) {
  const { space, subspace, epsilon } = where;
  const images = firstImages(train, sharpnessImagesOf(settings, network));
  const label = `${whose}, sharpness in the ${space === 'full' ? 'full space' : 'subspace'}, ε = ${epsilon}`;
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
