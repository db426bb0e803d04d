import type { Split } from '../../data/dataset';
import type { Job } from '../../jobs/job';
import {
  SAM_RHO,
  type EvaluationMeasure,
  type Measure,
  type NoiseMeasure,
  type PathMeasure,
  type PhiMeasure,
} from '../../jobs/measure';
import { figuresOf, type Results } from '../../jobs/results';
import { networkContent, stepOf, stepsPerEpoch, type Minimizer, type Training } from '../../jobs/training';
import { PATHS, type Path } from '../../landscape/parametric';
import { paperNetwork, type PaperNetwork } from '../../model/networks';
import { REGIMES, type Regime } from '../../training/regime';
import type { KnownData, Setup } from '../study';
import { BOXES, FIGURE_BOX, type Box } from './published';
import {
  datasetFor,
  largeBatchOf,
  otherBatchSizes,
  REMEDY_CHANGES,
  sharpnessImagesOf,
  snapshotsBefore,
  trainImagesOf,
  trialsOf,
  type PaperStudySettings,
  type Remedy,
} from './settings';

// Which jobs the paper's study consists of.

export type PaperSetup = Setup<PaperStudySettings>;

/** Number of random vectors for the Hessian trace. */
const TRACE_SAMPLES = 20;
/** Maximum number of minibatches for the gradient noise: LB's share of the data leaves no more. */
const NOISE_BATCHES = 10;
/** Fewer minibatches have no standard error. */
const MIN_NOISE_BATCHES = 3;

function dataOf({ data }: PaperSetup, network: PaperNetwork): KnownData {
  return data[datasetFor(network)]!;
}

/** A regime's training of a trial: Adam with a constant learning rate, until the loss ceases to improve. */
export function regimeTraining(
  setup: PaperSetup,
  network: PaperNetwork,
  regime: Regime,
  seed: number,
): Training {
  const { settings, architectureOf = paperNetwork } = setup.settings;
  const { epochs, patience, improvement, learningRate } = settings;
  const { train, test } = dataOf(setup, network);
  return {
    network: networkContent(architectureOf(network)),
    data: { train, test, images: trainImagesOf(settings, network) },
    engine: setup.engine,
    batchSize: regime === 'SB' ? settings.smallBatch : largeBatchOf(settings, network),
    seed,
    optimizer: { kind: 'adam', weightDecay: 0 },
    learningRate,
    stopAfter: { epochs },
    until: { patience, improvement },
  };
}

/** LB's training of a trial with a remedy. */
export function remedyTraining(
  setup: PaperSetup,
  network: PaperNetwork,
  remedy: Remedy,
  seed: number,
): Training {
  return { ...regimeTraining(setup, network, 'LB', seed), ...REMEDY_CHANGES[remedy] };
}

/** SB, LB, and LB with each remedy, of a trial. */
export function trialTrainings(setup: PaperSetup, network: PaperNetwork, seed: number): Training[] {
  return [
    ...REGIMES.map((regime) => regimeTraining(setup, network, regime, seed)),
    ...setup.settings.settings.remedies.map((remedy) => remedyTraining(setup, network, remedy, seed)),
  ];
}

/** SB's or LB's training of the first trial, of which all figures are. */
export function firstTraining(setup: PaperSetup, network: PaperNetwork, regime: Regime): Training {
  return regimeTraining(setup, network, regime, setup.settings.settings.seed);
}

/** LB of the first trial with another batch size (Figure 4). */
export function batchSizeTraining(setup: PaperSetup, network: PaperNetwork, batchSize: number): Training {
  return { ...firstTraining(setup, network, 'LB'), batchSize };
}

/** LB of the first trial, warm-started with the weights of SB after some epochs, the optimizer's moments at 0 (Figure 5). */
export function warmTraining(setup: PaperSetup, network: PaperNetwork, epochs: number): Training {
  return {
    ...firstTraining(setup, network, 'LB'),
    start: afterEpochs(firstTraining(setup, network, 'SB'), epochs),
  };
}

/** A training after a number of whole epochs. */
export function afterEpochs(training: Training, epochs: number) {
  return { training, at: { step: epochs * stepsPerEpoch(training) } } satisfies Minimizer;
}

/** Number of epochs that a training took; undefined until it is done. */
function epochsTaken(results: Results, training: Training): number | undefined {
  return figuresOf(results.training(training))?.history.length;
}

/** The epochs of `snapshotEpochs` that a training reached before its end; none until it is done. */
export function epochsReached(
  { settings: { settings } }: PaperSetup,
  results: Results,
  training: Training,
): number[] {
  return snapshotsBefore(settings, epochsTaken(results, training) ?? 0);
}

/** How a minimizer does on all training images of its training, or on the whole test set. */
export function wholeEvaluation(
  setup: PaperSetup,
  network: PaperNetwork,
  minimizer: Minimizer,
  split: Split,
): EvaluationMeasure {
  const to = split === 'train' ? minimizer.training.data.images : dataOf(setup, network).testImages;
  return { kind: 'evaluation', of: [minimizer], split, images: { to } };
}

/** Metric 2.1 of a minimizer. */
export function phi(
  { settings: { settings } }: PaperSetup,
  network: PaperNetwork,
  minimizer: Minimizer,
  { space, epsilon }: Box,
): PhiMeasure {
  const { dimension, orthonormal, statistics } = settings;
  return {
    kind: 'phi',
    of: [minimizer],
    images: { to: sharpnessImagesOf(settings, network) },
    space,
    epsilon,
    ...(space === 'subspace' && { dimension, orthonormal }),
    batchNorm: statistics,
  };
}

/** Measures of sharpness that were published after the paper, of SB or LB of the first trial. */
export function laterMeasures(
  { settings: { settings } }: PaperSetup,
  network: PaperNetwork,
  training: Training,
) {
  const common = { of: [{ training }], images: { to: sharpnessImagesOf(settings, network) } };
  return {
    sam: { kind: 'sam', ...common, rho: SAM_RHO.plain },
    adaptiveSam: { kind: 'sam', ...common, adaptive: true, rho: SAM_RHO.adaptive },
    topEigenvalue: { kind: 'eigenvalue', ...common },
    trace: { kind: 'trace', ...common, samples: TRACE_SAMPLES },
  } as const satisfies Record<string, Measure>;
}

/** When the noise of the gradients is measured: there are no stored weights before the first step. */
export const PHASES = ['first step', 'middle', 'end'] as const;
type Phase = (typeof PHASES)[number];

/**
 * Where SB or LB of the first trial is in each phase.
 *
 * @returns undefined for the middle until the training is done, since only then its number of epochs is known.
 */
function placeOf(results: Results, training: Training, phase: Phase): Minimizer | undefined {
  if (phase === 'first step') return { training, at: { step: 1 } };
  if (phase === 'end') return { training };
  const epochs = epochsTaken(results, training);
  if (epochs === undefined) return undefined;
  const half = Math.ceil(epochs / 2);
  return half === epochs ? { training } : afterEpochs(training, half);
}

/**
 * The noise of the gradients of SB or LB of the first trial in each phase that is known, at the batch size that it is
 * trained with; none where its batches are too few.
 */
export function noiseMeasures(
  results: Results,
  training: Training,
): { readonly phase: Phase; readonly measure: NoiseMeasure }[] {
  const { batchSize, data } = training;
  const batches = Math.min(NOISE_BATCHES, Math.floor(data.images / batchSize));
  if (batches < MIN_NOISE_BATCHES) return [];
  return PHASES.flatMap((phase) => {
    const place = placeOf(results, training, phase);
    if (!place) return [];
    return [
      { phase, measure: { kind: 'noise', of: [place], images: { to: data.images }, batchSize, batches } },
    ];
  });
}

/** The points of the path from SB to LB of the first trial (Figures 3 and 7), one for each α of the settings. */
export function pathMeasures(setup: PaperSetup, network: PaperNetwork, path: Path): PathMeasure[] {
  const { plotAlphas, plotStatistics } = setup.settings.settings;
  const [SB, LB] = REGIMES.map((regime) => firstTraining(setup, network, regime));
  return plotAlphas.map((alpha) => ({
    kind: 'path',
    of: [{ training: SB }, { training: LB }],
    images: { to: SB.data.images },
    testImages: { to: dataOf(setup, network).testImages },
    path,
    alpha,
    pathStatistics: plotStatistics,
  }));
}

/** The optimizer steps after which SB or LB of the first trial is stored, as far as they are known. */
function snapshotSteps(setup: PaperSetup, results: Results, training: Training): number[] {
  const { settings } = setup.settings;
  const epochs = snapshotsBefore(settings, epochsTaken(results, training) ?? settings.epochs);
  const places = [
    ...epochs.map((count) => afterEpochs(training, count)),
    ...noiseMeasures(results, training).map(({ measure }) => measure.of[0]),
  ];
  const steps = places.flatMap((place) => stepOf(place) ?? []);
  return [...new Set(steps)].sort((one, other) => one - other);
}

/** What is measured of every minimizer: evaluations on both splits, and φ in some boxes. */
function minimizerMeasures(
  setup: PaperSetup,
  network: PaperNetwork,
  minimizer: Minimizer,
  boxes: readonly Box[],
): Job[] {
  const splits: Split[] = ['train', 'test'];
  return [
    ...splits.map((split) => ({ measure: wholeEvaluation(setup, network, minimizer, split) })),
    ...boxes.map((box) => ({ measure: phi(setup, network, minimizer, box) })),
  ];
}

/** The trainings of a trial, and what Tables 2, 3 and 4 show of them. */
function trialJobs(setup: PaperSetup, results: Results, network: PaperNetwork, seed: number): Job[] {
  const isFirst = seed === setup.settings.settings.seed;
  const trainings = trialTrainings(setup, network, seed);
  return [
    ...trainings.map((train, index) =>
      isFirst && index < REGIMES.length
        ? { train, snapshots: snapshotSteps(setup, results, train) }
        : { train },
    ),
    ...trainings.flatMap((training) => minimizerMeasures(setup, network, { training }, BOXES)),
  ];
}

/** What the first trial is measured for beside the tables, as far as it is known. */
function firstTrialJobs(setup: PaperSetup, results: Results, network: PaperNetwork): Job[] {
  const { settings } = setup.settings;
  const pair = REGIMES.map((regime) => firstTraining(setup, network, regime));
  const [SB] = pair;
  const measures: Measure[] = [
    ...pair.flatMap((training) => [
      ...Object.values<Measure>(laterMeasures(setup, network, training)),
      ...noiseMeasures(results, training).map(({ measure }) => measure),
    ]),
    ...PATHS.flatMap((path) => pathMeasures(setup, network, path)),
  ];
  const trainings = [
    ...otherBatchSizes(settings, network).map((size) => batchSizeTraining(setup, network, size)),
    ...epochsReached(setup, results, SB).map((epochs) => warmTraining(setup, network, epochs)),
  ];
  const minimizers: Minimizer[] = [
    ...trainings.map((training) => ({ training })),
    ...pair.flatMap((training) =>
      epochsReached(setup, results, training).map((epochs) => afterEpochs(training, epochs)),
    ),
  ];
  return [
    ...trainings.map((train) => ({ train })),
    ...measures.map((measure) => ({ measure })),
    ...minimizers.flatMap((minimizer) => minimizerMeasures(setup, network, minimizer, [FIGURE_BOX])),
  ];
}

/** Every job of the study that is known by the results so far, network by network and trial by trial. */
export function paperJobs(setup: PaperSetup, results: Results): Job[] {
  const { settings } = setup.settings;
  return settings.networks.flatMap((network) => [
    ...trialsOf(settings).flatMap((seed) => trialJobs(setup, results, network, seed)),
    ...firstTrialJobs(setup, results, network),
  ]);
}
