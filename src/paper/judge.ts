import type { Training } from '../experiment/minimizers';
import { required, trainedRun } from '../experiment/stored-results';
import { PATHS } from '../landscape/parametric';
import type { PaperNetwork } from '../model/networks';
import { REGIMES, type Regime } from '../training/regime';
import { endsTraining } from '../training/stopping';
import type { Claim } from '../verdict/claim';
import { comparableTrainingLoss } from '../verdict/comparable';
import { generalisesWorse, moreTestImagesRight } from '../verdict/generalization';
import { smallBatchGoesFarther } from '../verdict/minimizer';
import { largerForLb, ratioOf, type LargerWords } from '../verdict/ratio';
import { snapshotTrainings } from './figure-trainings';
import type { PaperFolder } from './folder';
import { batchSizeTraining, paperTraining, warmTraining } from './trainings';
import { EPSILONS, SPACES, type Space } from './published';
import type {
  NetworkReport,
  PaperReport,
  PaperRun,
  PlotReport,
  RemedyReport,
  TrainingReport,
} from './report';
import {
  otherBatchSizes,
  paperCommandOf,
  sharpnessImagesOf,
  trainImagesOf,
  trialsOf,
  REMEDY_WORDS,
  type Remedy,
} from './settings';

/**
 * The report of what a folder holds: nothing is trained or measured.
 *
 * @throws UserError if a training or a measurement is not done yet.
 */
export function judgePaper(folder: PaperFolder): PaperReport {
  const { settings, environment } = folder.beginning;
  return {
    settings,
    environment,
    command: paperCommandOf(settings, environment.engine),
    networks: settings.networks.map((network) => networkReport(folder, network)),
  };
}

function networkReport(folder: PaperFolder, network: PaperNetwork): NetworkReport {
  const { settings } = folder.beginning;
  const seeds = trialsOf(settings);
  const runs = seeds.flatMap((seed) => REGIMES.map((regime) => runReport(folder, network, regime, seed)));
  const of = (regime: Regime, seed: number) =>
    runs.find((run) => run.regime === regime && run.seed === seed)!;
  const both = seeds.map((seed) => ({ seed, SB: of('SB', seed), LB: of('LB', seed) }));
  const remedies = settings.remedies.map((remedy) => ({
    remedy,
    runs: seeds.map((seed) => runReport(folder, network, 'LB', seed, remedy)),
  }));
  return {
    network,
    trainImages: trainImagesOf(settings, network),
    sharpnessImages: sharpnessImagesOf(settings, network),
    runs,
    remedies,
    claims: [
      comparableTrainingLoss(
        both.map(({ seed, SB, LB }) => ({ seed, smallBatch: SB.train, largeBatch: LB.train })),
      ),
      ...SPACES.flatMap((space) => EPSILONS.map((epsilon) => sharperClaim(both, space, epsilon))),
      ...generalisesWorse(
        seeds.map((seed) => ({ seed, ...required(folder.pairedTest(network, seed).read()) })),
      ),
      smallBatchGoesFarther(
        both.map(({ seed, SB, LB }) => ({
          seed,
          smallBatch: SB.distanceFromStart,
          largeBatch: LB.distanceFromStart,
        })),
      ),
      ...remedies.flatMap((report) => remedyClaims(folder, network, both, report)),
    ],
    others: REGIMES.flatMap((regime) => {
      const { name } = paperTraining(settings, network, regime, settings.seed);
      const measured = folder.others(name).read();
      return measured ? [{ regime, ...measured }] : [];
    }),
    plots: plotReports(folder, network),
    ...figureTrainings(folder, network),
  };
}

/** What was trained for Figures 2, 4, 5 and 6. */
function figureTrainings(
  folder: PaperFolder,
  network: PaperNetwork,
): Pick<NetworkReport, 'batchSizes' | 'snapshots' | 'warmStarts'> {
  const { settings } = folder.beginning;
  const along = (regime: Regime) => snapshotTrainings({ settings, folder }, network, regime);
  return {
    batchSizes: otherBatchSizes(settings, network).map((size) =>
      trainingReport(folder, batchSizeTraining(settings, network, size)),
    ),
    snapshots: REGIMES.flatMap((regime) =>
      along(regime).map(({ training }) => ({ regime, ...trainingReport(folder, training) })),
    ),
    warmStarts: along('SB').map(({ epochs }) => ({
      warmEpochs: epochs,
      ...trainingReport(folder, warmTraining(settings, network, epochs)),
    })),
  };
}

/** The plots that have a point at every α; folders of earlier versions have none. */
function plotReports(folder: PaperFolder, network: PaperNetwork): PlotReport[] {
  const { plotAlphas } = folder.beginning.settings;
  return PATHS.flatMap((path) => {
    const stored = folder.plot(network, path).read() ?? [];
    const points = plotAlphas.flatMap((alpha) => stored.find((point) => point.alpha === alpha) ?? []);
    return points.length === plotAlphas.length ? [{ path, points }] : [];
  });
}

function runReport(
  folder: PaperFolder,
  network: PaperNetwork,
  regime: Regime,
  seed: number,
  remedy?: Remedy,
): PaperRun {
  const training = paperTraining(folder.beginning.settings, network, regime, seed, remedy);
  return { regime, seed, ...trainingReport(folder, training) };
}

function trainingReport(folder: PaperFolder, training: Training): TrainingReport {
  const { batchSize, stopping } = training.config;
  const run = trainedRun(folder, training);
  return {
    batchSize,
    epochs: run.history.length,
    stalled: stopping !== undefined && endsTraining(run.history, stopping),
    sharpness: required(folder.sharpness(training.name).read()),
    ...run,
    ...required(folder.evaluation(training.name).read()),
  };
}

/** What a space and a box are called. */
function whereOf(space: Space, epsilon: number): string {
  return `${space === 'full' ? 'the full space' : 'a random subspace'}, ε = ${epsilon}`;
}

/** φ of a minimizer in a space and box. */
export function sharpnessIn({ sharpness }: TrainingReport, space: Space, epsilon: number): number {
  return required(sharpness.find((one) => one.space === space && one.epsilon === epsilon)).sharpness;
}

/** The runs of one trial that a claim compares. */
interface Pair {
  readonly seed: number;
  readonly SB: PaperRun;
  readonly LB: PaperRun;
}

function sharperClaim(both: readonly Pair[], space: Space, epsilon: number): Claim {
  return largerSharpness(both, space, epsilon, {
    id: `lb-sharper-${space}-${epsilon}`,
    statement: `LB's minimizers are sharper than SB's by Metric 2.1 in ${whereOf(space, epsilon)}.`,
    figure: 'sharpness',
    shownBy: space === 'full' ? 'Table 3' : 'Table 4',
  });
}

function largerSharpness(both: readonly Pair[], space: Space, epsilon: number, words: LargerWords): Claim {
  const ratio = ratioOf(
    both.map(({ seed, SB, LB }) => ({
      seed,
      pairs: [{ smallBatch: sharpnessIn(SB, space, epsilon), largeBatch: sharpnessIn(LB, space, epsilon) }],
    })),
  );
  // One figure a trial, so that with one trial the observation is the trial.
  return largerForLb(words, { ...ratio, over: 'seeds' });
}

/** Where the report shows what the remedies do. */
export const REMEDIES_TITLE = 'Remedies (Appendix E)';

/** The paper's finding of each remedy (Section 5): LB gains test accuracy by it, and its minimizers stay sharp. */
function remedyClaims(
  folder: PaperFolder,
  network: PaperNetwork,
  both: readonly Pair[],
  { remedy, runs }: RemedyReport,
): Claim[] {
  const [space, epsilon] = [SPACES[0], EPSILONS[0]];
  const whose = `LB with ${REMEDY_WORDS[remedy]}`;
  return [
    moreTestImagesRight(
      {
        id: `${remedy}-test-accuracy-higher`,
        statement: `${whose} classifies more test images right than LB.`,
        first: `The test accuracy of ${whose}`,
        second: 'that of LB',
        shownBy: REMEDIES_TITLE,
      },
      both.map(({ seed }) => ({ seed, ...required(folder.pairedTest(network, seed, remedy).read()) })),
    ),
    largerSharpness(
      both.map(({ seed, SB }, index) => ({ seed, SB, LB: runs[index] })),
      space,
      epsilon,
      {
        id: `${remedy}-still-sharp`,
        statement: `The minimizers of ${whose} are still sharper than SB's by Metric 2.1 in ${whereOf(space, epsilon)}.`,
        figure: 'sharpness',
        subject: `The sharpness of ${whose}`,
        shownBy: REMEDIES_TITLE,
      },
    ),
  ];
}
