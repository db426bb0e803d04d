import type { Split } from '../../data/dataset';
import type { DatasetName } from '../../data/load';
import type { Job } from '../../jobs/job';
import {
  directionSeedOf,
  type CurveMeasure,
  type EigenvalueMeasure,
  type EvaluationMeasure,
  type Measure,
  type NoiseMeasure,
  type PhiMeasure,
  type SamMeasure,
  type TraceMeasure,
} from '../../jobs/measure';
import { networkContent, type Training } from '../../jobs/training';
import type { Setup } from '../study';
import type { RiseMeasure, SweepMeasure } from './measures';
import { architectureNamed, datasetOf, type SweepNetwork } from './networks';
import { learningRateFor, measuresOf, type Plan, type Protocol } from './plan';

// Which jobs a sweep consists of.

/** A sweep's plan, and the file that it is in, for the command that the report prints. */
export interface SweepSettings {
  readonly plan: Plan;
  readonly planFile: string;
}

export type SweepSetup = Setup<SweepSettings>;

/** The data sets of the plan's networks, each once. */
export function datasetsOf({ networks }: Plan): DatasetName[] {
  return [...new Set(networks.map(datasetOf))];
}

/** A training of a plan, by the plan's names for its network and its protocol. */
export interface PlannedRun {
  readonly network: SweepNetwork;
  readonly protocol: string;
  readonly training: Training;
}

/**
 * Every run of a plan, seed by seed, so that whole curves over the batch size are there first. Two protocols may have the
 * same training at some batch size; it is a run of both, and done once.
 */
export function plannedRuns(setup: SweepSetup): PlannedRun[] {
  const { networks, batchSizes, seeds, protocols } = setup.settings.plan;
  return seeds.flatMap((seed) =>
    networks.flatMap((network) =>
      protocols.flatMap((protocol) =>
        batchSizes.map((batchSize) => ({
          network,
          protocol: protocol.name,
          training: trainingOf(setup, network, protocol, batchSize, seed),
        })),
      ),
    ),
  );
}

function trainingOf(
  { settings: { plan }, engine, data }: SweepSetup,
  network: SweepNetwork,
  protocol: Protocol,
  batchSize: number,
  seed: number,
): Training {
  const { train, test } = data[datasetOf(network)]!;
  const { optimizer, schedule, augment, epochs, until } = protocol;
  return {
    network: networkContent(architectureNamed(network)),
    data: { train, test, images: plan.trainSize },
    engine,
    batchSize,
    seed,
    optimizer,
    learningRate: learningRateFor(protocol, batchSize),
    schedule,
    stopAfter: { epochs: until?.epochs ?? epochs! },
    ...(until && { until: stoppingRule(until) }),
    augment,
  };
}

/** Where a plan does not say it, the loss has ceased to improve after five epochs of less than 1% each. */
function stoppingRule({ loss, patience = 5, improvement = 0.01 }: NonNullable<Protocol['until']>) {
  return loss === undefined ? { patience, improvement } : { loss };
}

/** How a minimizer does on all training images of its training, or on the plan's test images. */
export function wholeEvaluation({ settings: { plan } }: SweepSetup, training: Training, split: Split) {
  return evaluationOf(training, split, split === 'train' ? plan.trainSize : plan.testSize);
}

function evaluationOf(training: Training, split: Split, images: number): EvaluationMeasure {
  return { kind: 'evaluation', of: [{ training }], split, images: { to: images } };
}

/** The curves of a rise, one for each direction, and the evaluation that is their point at α = 0. */
export interface RiseJobs {
  readonly atMinimizer: EvaluationMeasure;
  readonly curves: readonly CurveMeasure[];
}

export function riseJobs(
  training: Training,
  { directions, alphas, normalization, images }: RiseMeasure,
): RiseJobs {
  return {
    atMinimizer: evaluationOf(training, 'train', images),
    curves: Array.from({ length: directions }, (_, direction) => ({
      kind: 'curve',
      of: [{ training }],
      images: { to: images },
      directionSeed: directionSeedOf(training.seed, direction),
      normalization,
      alphas: alphas.filter((alpha) => alpha !== 0),
    })),
  };
}

/** The job of a measure other than a rise. */
export function valueJob(
  training: Training,
  planned: Exclude<SweepMeasure, { kind: 'rise' }>,
): PhiMeasure | SamMeasure | EigenvalueMeasure | TraceMeasure | NoiseMeasure {
  const to = planned.kind === 'noise' ? training.data.images : planned.images;
  const common = { of: [{ training }], images: { to } };
  switch (planned.kind) {
    case 'keskar': {
      const { space, epsilon, dimension } = planned;
      return { kind: 'phi', ...common, space, epsilon, ...(dimension !== undefined && { dimension }) };
    }
    case 'sam':
      return { kind: 'sam', ...common, adaptive: planned.adaptive, rho: planned.rho };
    case 'eigenvalue':
      return { kind: 'eigenvalue', ...common };
    case 'trace':
      return { kind: 'trace', ...common, samples: planned.samples };
    case 'noise':
      return { kind: 'noise', ...common, batchSize: planned.batchSize, batches: planned.batches };
  }
}

function measureJobs(training: Training, planned: SweepMeasure): Measure[] {
  if (planned.kind !== 'rise') return [valueJob(training, planned)];
  const { atMinimizer, curves } = riseJobs(training, planned);
  return [atMinimizer, ...curves];
}

/** Every job of a sweep, run by run. */
export function sweepJobs(setup: SweepSetup): Job[] {
  const measures = measuresOf(setup.settings.plan);
  return plannedRuns(setup).flatMap(({ training }) => [
    { train: training },
    ...(['train', 'test'] as const).map((split) => ({ measure: wholeEvaluation(setup, training, split) })),
    ...measures.flatMap((planned) => measureJobs(training, planned).map((measure) => ({ measure }))),
  ]);
}
