import { distinctJobs, jobLabel, type Job } from '../../jobs/job';
import { figuresOf, jobState, minimizerOutcome, type Results } from '../../jobs/results';
import { stepsPerEpoch, type Minimizer, type Training } from '../../jobs/training';
import { PATHS } from '../../landscape/parametric';
import type { PaperNetwork } from '../../model/networks';
import { REGIMES, type Regime } from '../../training/regime';
import { endsTraining } from '../../training/stopping';
import type { Claim } from '../../verdict/claim';
import { comparableTrainingLoss } from '../../verdict/comparable';
import { generalisesWorse, moreTestImagesRight, pairTests } from '../../verdict/generalization';
import { smallBatchGoesFarther } from '../../verdict/minimizer';
import { largerForLb, ratioOf, type LargerWords } from '../../verdict/ratio';
import {
  afterEpochs,
  batchSizeTraining,
  epochsReached,
  firstTraining,
  laterMeasures,
  noiseMeasures,
  paperJobs,
  pathMeasures,
  phi,
  PHASES,
  regimeTraining,
  remedyTraining,
  trialTrainings,
  warmTraining,
  wholeEvaluation,
  type PaperSetup,
} from './jobs';
import { BOXES, FIGURE_BOX, type Box } from './published';
import {
  sharpnessIn,
  type LaterMeasures,
  type NetworkReport,
  type PaperReport,
  type PaperRun,
  type PlotReport,
  type RemedyReport,
  type TrainingReport,
} from './report';
import {
  otherBatchSizes,
  paperCommandOf,
  REMEDY_WORDS,
  sharpnessImagesOf,
  trainImagesOf,
  trialsOf,
} from './settings';

/** Maximum number of missing jobs that a report names. */
const MAX_NAMED = 20;

/** The trials of which everything is there come to tables; while anything of the study is missing there are no claims. */
export function judge(setup: PaperSetup, results: Results): PaperReport {
  const { settings } = setup.settings;
  const jobs = distinctJobs(paperJobs(setup, results));
  const open = jobs.filter((job) => jobState(results, job) !== 'done');
  const environment = environmentOf(setup, results);
  return {
    study: 'paper',
    format: 1,
    ...(open.length > 0 && {
      progress: { done: jobs.length - open.length, missing: missingLabels(results, open) },
    }),
    settings,
    environment,
    command: paperCommandOf(settings, environment.engine),
    networks: settings.networks.map((network) => networkReport(setup, results, network, open.length === 0)),
  };
}

/** The environment of the first training that is done; the data sets are those of all networks. */
function environmentOf(setup: PaperSetup, results: Results): PaperReport['environment'] {
  for (const network of setup.settings.settings.networks) {
    for (const regime of REGIMES) {
      const outcome = results.training(firstTraining(setup, network, regime));
      if (outcome.state !== 'done') continue;
      return { ...outcome.result.environment, dataSha256: setup.environment.dataSha256 };
    }
  }
  return setup.environment;
}

/** What is missing, in words: trainings that diverged first, since they leave the study without an end. */
function missingLabels(results: Results, open: readonly Job[]): string[] {
  const diverged = open.flatMap((job) => {
    const outcome = 'train' in job ? results.training(job.train) : undefined;
    return outcome?.state === 'diverged' ? [`${jobLabel(job)}, which diverged: ${outcome.reason}`] : [];
  });
  const missing = open.filter((job) => jobState(results, job) === 'missing').map(jobLabel);
  const all = [...diverged, ...missing];
  return all.length > MAX_NAMED ? [...all.slice(0, MAX_NAMED), `${all.length - MAX_NAMED} more`] : all;
}

/** SB, LB, and LB with each remedy, of one trial. */
interface Trial {
  readonly seed: number;
  readonly SB: PaperRun;
  readonly LB: PaperRun;
  /** In the order of the settings' remedies. */
  readonly remedied: readonly PaperRun[];
}

function networkReport(
  setup: PaperSetup,
  results: Results,
  network: PaperNetwork,
  isComplete: boolean,
): NetworkReport {
  const { settings } = setup.settings;
  const trials = trialsOf(settings).flatMap((seed) => trialReport(setup, results, network, seed) ?? []);
  const remedies = settings.remedies.map((remedy, index) => ({
    remedy,
    runs: trials.map(({ remedied }) => remedied[index]),
  }));
  return {
    network,
    trainImages: trainImagesOf(settings, network),
    sharpnessImages: sharpnessImagesOf(settings, network),
    runs: trials.flatMap(({ SB, LB }) => [SB, LB]),
    remedies,
    claims: isComplete ? claimsOf(setup, results, network, trials, remedies) : [],
    others: REGIMES.flatMap((regime) => laterReport(setup, results, network, regime) ?? []),
    plots: plotReports(setup, results, network),
    ...figureTrainings(setup, results, network),
  };
}

/** A trial; undefined where anything of it is missing. */
function trialReport(
  setup: PaperSetup,
  results: Results,
  network: PaperNetwork,
  seed: number,
): Trial | undefined {
  const trainings = trialTrainings(setup, network, seed);
  const runs = trainings.flatMap((training, index): PaperRun[] => {
    const report = trainingReport(setup, results, network, { training }, BOXES);
    return report ? [{ regime: index === 0 ? 'SB' : 'LB', seed, ...report }] : [];
  });
  if (runs.length < trainings.length) return undefined;
  const [SB, LB, ...remedied] = runs;
  return { seed, SB, LB, remedied };
}

/** What is known of a minimizer and of the training that leads to it; undefined where anything is missing. */
function trainingReport(
  setup: PaperSetup,
  results: Results,
  network: PaperNetwork,
  minimizer: Minimizer,
  boxes: readonly Box[],
): TrainingReport | undefined {
  const { training, at = 'end' } = minimizer;
  const whole = figuresOf(results.training(training));
  const place = minimizerOutcome(results, minimizer);
  const [train, test] = (['train', 'test'] as const).map((split) =>
    figuresOf(results.measure(wholeEvaluation(setup, network, minimizer, split))),
  );
  const sharpness = boxes.flatMap((box) => sharpnessReport(setup, results, network, minimizer, box) ?? []);
  if (!whole || place.state !== 'done' || !train || !test || sharpness.length < boxes.length)
    return undefined;
  const history = at === 'end' ? whole.history : whole.history.slice(0, at.step / stepsPerEpoch(training));
  return {
    batchSize: training.batchSize,
    epochs: history.length,
    stalled: training.until !== undefined && endsTraining(history, training.until),
    train,
    test,
    distanceFromStart: place.figures.distanceFromStart,
    sharpness,
    history,
    weightsSha256: place.figures.weightsSha256,
    seconds: place.result.seconds,
  };
}

function sharpnessReport(
  setup: PaperSetup,
  results: Results,
  network: PaperNetwork,
  minimizer: Minimizer,
  box: Box,
): TrainingReport['sharpness'][number] | undefined {
  const outcome = results.measure(phi(setup, network, minimizer, box));
  if (outcome.state !== 'done') return undefined;
  const { value, standardError, details } = outcome.figures;
  const { loss, maximum, fromCentre, fromRandom, evaluations } = details;
  return {
    ...box,
    sharpness: value,
    standardError,
    loss,
    maximum,
    fromCentre,
    fromRandom,
    evaluations,
    seconds: outcome.result.seconds,
  };
}

/** What was published after the paper, of SB or LB of the first trial; undefined where anything of it is missing. */
function laterReport(
  setup: PaperSetup,
  results: Results,
  network: PaperNetwork,
  regime: Regime,
): LaterMeasures | undefined {
  const training = firstTraining(setup, network, regime);
  const measures = laterMeasures(setup, network, training);
  const sam = figuresOf(results.measure(measures.sam));
  const adaptiveSam = figuresOf(results.measure(measures.adaptiveSam));
  const topEigenvalue = figuresOf(results.measure(measures.topEigenvalue));
  const trace = figuresOf(results.measure(measures.trace));
  const planned = noiseMeasures(results, training);
  const measured = planned.flatMap(({ phase, measure }) => {
    const figures = figuresOf(results.measure(measure));
    return figures ? [{ phase, signalToNoise: withError(figures) }] : [];
  });
  if (!sam || !adaptiveSam || !topEigenvalue || !trace || measured.length < planned.length) return undefined;
  const unknown = { value: NaN, standardError: NaN };
  return {
    regime,
    sam: withError(sam),
    adaptiveSam: withError(adaptiveSam),
    topEigenvalue: { value: topEigenvalue.value, residual: topEigenvalue.details.residual },
    trace: withError(trace),
    // Too few minibatches say nothing of their noise.
    noise: measured.length > 0 ? measured : PHASES.map((phase) => ({ phase, signalToNoise: unknown })),
  };
}

function withError({ value, standardError }: { readonly value: number; readonly standardError: number }) {
  return { value, standardError };
}

/** The plots that have a point at every α. */
function plotReports(setup: PaperSetup, results: Results, network: PaperNetwork): PlotReport[] {
  return PATHS.flatMap((path) => {
    const measures = pathMeasures(setup, network, path);
    const points = measures.flatMap((measure) => {
      const figures = figuresOf(results.measure(measure));
      return figures ? [{ alpha: measure.alpha, ...figures }] : [];
    });
    return points.length === measures.length ? [{ path, points }] : [];
  });
}

/** What Figures 2, 4, 5 and 6 show beside SB and LB of the first trial, as far as it is there. */
function figureTrainings(
  setup: PaperSetup,
  results: Results,
  network: PaperNetwork,
): Pick<NetworkReport, 'batchSizes' | 'snapshots' | 'warmStarts'> {
  const report = (minimizer: Minimizer) => trainingReport(setup, results, network, minimizer, [FIGURE_BOX]);
  const reached = (regime: Regime) => {
    const training = firstTraining(setup, network, regime);
    return epochsReached(setup, results, training).map((epochs) => ({ training, epochs }));
  };
  return {
    batchSizes: otherBatchSizes(setup.settings.settings, network).flatMap(
      (size) => report({ training: batchSizeTraining(setup, network, size) }) ?? [],
    ),
    snapshots: REGIMES.flatMap((regime) =>
      reached(regime).flatMap(({ training, epochs }) => {
        const own = report(afterEpochs(training, epochs));
        return own ? [{ regime, ...own }] : [];
      }),
    ),
    warmStarts: reached('SB').flatMap(({ epochs }) => {
      const own = report({ training: warmTraining(setup, network, epochs) });
      return own ? [{ warmEpochs: epochs, ...own }] : [];
    }),
  };
}

/** Every claim on a network, of all trials. */
function claimsOf(
  setup: PaperSetup,
  results: Results,
  network: PaperNetwork,
  trials: readonly Trial[],
  remedies: readonly RemedyReport[],
): Claim[] {
  /** How two trainings of each trial do on the same test images; the first stands in SB's place. */
  const paired = (first: (seed: number) => Training, second: (seed: number) => Training) =>
    trials.flatMap(({ seed }) => {
      const [one, other] = [first, second].map((training) =>
        results.perImage(wholeEvaluation(setup, network, { training: training(seed) }, 'test')),
      );
      return one && other ? [{ seed, ...pairTests(one, other) }] : [];
    });
  const trained = (regime: Regime) => (seed: number) => regimeTraining(setup, network, regime, seed);
  return [
    comparableTrainingLoss(
      trials.map(({ seed, SB, LB }) => ({ seed, smallBatch: SB.train, largeBatch: LB.train })),
    ),
    ...BOXES.map((box) => sharperClaim(trials, box)),
    ...generalisesWorse(paired(trained('SB'), trained('LB'))),
    smallBatchGoesFarther(
      trials.map(({ seed, SB, LB }) => ({
        seed,
        smallBatch: SB.distanceFromStart,
        largeBatch: LB.distanceFromStart,
      })),
    ),
    ...remedies.flatMap(({ remedy, runs }) => {
      const whose = `LB with ${REMEDY_WORDS[remedy]}`;
      return [
        // Section 5 of the paper: LB gains test accuracy by each remedy, and its minimizers stay sharp.
        moreTestImagesRight(
          {
            id: `${remedy}-test-accuracy-higher`,
            statement: `${whose} classifies more test images right than LB.`,
            first: `The test accuracy of ${whose}`,
            second: 'that of LB',
            shownBy: REMEDIES_TITLE,
          },
          paired((seed) => remedyTraining(setup, network, remedy, seed), trained('LB')),
        ),
        largerSharpness(
          trials.map(({ seed, SB }, index) => ({ seed, SB, LB: runs[index] })),
          FIGURE_BOX,
          {
            id: `${remedy}-still-sharp`,
            statement: `The minimizers of ${whose} are still sharper than SB's by Metric 2.1 in ${boxLabel(FIGURE_BOX)}.`,
            figure: 'sharpness',
            subject: `The sharpness of ${whose}`,
            shownBy: REMEDIES_TITLE,
          },
        ),
      ];
    }),
  ];
}

/** The section of the report that shows what the remedies do. */
export const REMEDIES_TITLE = 'Remedies (Appendix E)';

function boxLabel({ space, epsilon }: Box): string {
  return `${space === 'full' ? 'the full space' : 'a random subspace'}, ε = ${epsilon}`;
}

/** SB of a trial, and LB or what stands in its place. */
type Pair = Pick<Trial, 'seed' | 'SB' | 'LB'>;

function sharperClaim(pairs: readonly Pair[], box: Box): Claim {
  return largerSharpness(pairs, box, {
    id: `lb-sharper-${box.space}-${box.epsilon}`,
    statement: `LB's minimizers are sharper than SB's by Metric 2.1 in ${boxLabel(box)}.`,
    figure: 'sharpness',
    shownBy: box.space === 'full' ? 'Table 3' : 'Table 4',
  });
}

function largerSharpness(pairs: readonly Pair[], box: Box, words: LargerWords): Claim {
  const ratio = ratioOf(
    pairs.map(({ seed, SB, LB }) => ({
      seed,
      pairs: [{ smallBatch: sharpnessIn(SB, box), largeBatch: sharpnessIn(LB, box) }],
    })),
  );
  // One figure for each trial, so that with one trial the observation is the trial.
  return largerForLb(words, { ...ratio, over: 'seeds' });
}
