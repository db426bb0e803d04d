import type { Compute } from '../compute/compute';
import { settled } from '../support/settled';
import { firstImages, type Dataset, type Split } from '../data/dataset';
import { imagesOfPoint, parametricPlot, PATHS } from '../landscape/parametric';
import type { PaperNetwork } from '../model/networks';
import type { Weights } from '../model/weights';
import { REGIMES, type Regime } from '../training/regime';
import { pairTests } from '../verdict/generalization';
import type { PaperContext } from './context';
import { areFiguresTrained, trainForFigures } from './figure-trainings';
import type { PaperFolder } from './folder';
import { isMeasured, measureSharpness, type Where } from './metric';
import { paperMinimizer, type Minimizer } from './minimizers';
import { measureOthers } from './others';
import { paperTraining, trainingName } from './trainings';
import { EPSILONS, SPACES } from './published';
import { datasetFor, largeBatchOf, trainImagesOf, trialsOf, type Remedy } from './settings';

/** Where the tables have figures. */
const EVERYWHERE: readonly Where[] = SPACES.flatMap((space) =>
  EPSILONS.map((epsilon) => ({ space, epsilon })),
);

/**
 * The paper's experiment: for each network and trial trains SB and LB, and LB with each remedy, from the same initial
 * weights, tests all, and measures how sharp the minimizers are in the full space and in a random subspace, the same
 * for all; in the first trial, too, what lies between SB and LB, and what the figures want beside them. What the folder
 * holds already is not done again.
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
  const find = (regime: Regime, remedy?: Remedy) =>
    paperMinimizer(context, network, data, paperTraining(settings, network, regime, seed, remedy));
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
  await measureSharpness(context, network, data.train, seed, minimizers, EVERYWHERE);
  if (seed !== settings.seed) return;
  const ends = { SB: SB.weights, LB: LB.weights };
  await measureOthers(context, network, data, ends);
  await plotTrial(context, network, data, ends);
  await trainForFigures(context, network, data);
}

/** Whether the folder holds all of a trial, so that not even batch statistics need to be computed. */
function isTrialDone(context: PaperContext, network: PaperNetwork, seed: number): boolean {
  const { settings, folder } = context;
  const { remedies } = settings;
  const name = (regime: Regime, remedy?: Remedy) => trainingName(network, regime, seed, remedy);
  const trainings = [name('SB'), name('LB'), ...remedies.map((remedy) => name('LB', remedy))];
  const pairs = [folder.pairedTest(network, seed)].concat(
    remedies.map((remedy) => folder.pairedTest(network, seed, remedy)),
  );
  const ofFirstTrial = () =>
    PATHS.every((path) => folder.plot(network, path).read()?.length === settings.plotAlphas.length) &&
    REGIMES.every((regime) => folder.others(name(regime)).read() !== undefined) &&
    areFiguresTrained(context, network);
  return (
    trainings.every((training) => isMeasured(context, training, EVERYWHERE)) &&
    pairs.every((pair) => pair.read() !== undefined) &&
    (seed !== settings.seed || ofFirstTrial())
  );
}

/** Side by side where there are engines for it, else one after the other, so that one alone is left half done. */
async function allOf<T>({ info }: Compute, jobs: readonly (() => Promise<T>)[]): Promise<T[]> {
  if (info.workers > 1) return settled(jobs.map((job) => job()));
  const done: T[] = [];
  for (const job of jobs) done.push(await job());
  return done;
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
