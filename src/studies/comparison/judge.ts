import { jobState, type Results } from '../../jobs/results';
import { distinctJobs, jobId } from '../../jobs/job';
import { firstTraining } from '../../jobs/measure';
import type { CurveReport, Report, RunReport } from '../../report/report';
import { REGIMES } from '../../training/regime';
import { comparableTrainingLoss } from '../../verdict/comparable';
import { besideControl, heldAgainstControl } from '../../verdict/control';
import { generalisesWorse, pairTests, type SeedTest } from '../../verdict/generalization';
import { lossNeverFalls, smallBatchGoesFarther } from '../../verdict/minimizer';
import { overallVerdict, whyOpen } from '../../verdict/overall';
import { largerForLb, ratioOf } from '../../verdict/ratio';
import {
  comparisonJobs,
  GRIDS,
  regimeTraining,
  wholeEvaluation,
  type ComparisonSetup,
  type Grid,
} from './jobs';
import { judgeControl } from './judge-control';
import { judgeLearningRates, judgeSensitivity } from './judge-sensitivity';
import { measuresOf, POWER_RATIO, powerOf } from './measures';
import { changedFromPreset, commandOf, controlCommandOf, presetRules, seedsOf } from './settings';
import { curvesAround, pairs, runReport } from './stored-curves';

/** The claims on ratios: one seed is about its own two minimizers, several are about the methods. */
function ratioClaims(seeds: readonly number[]) {
  const where =
    seeds.length === 1
      ? 'around this LB minimizer than around this SB minimizer'
      : 'around LB minimizers than around SB minimizers';
  return {
    rise: {
      id: 'lb-rises-faster',
      statement: `The training loss rises faster ${where}.`,
      figure: 'rise',
      shownBy: 'The curves',
    },
    testRise: {
      id: 'lb-rises-faster-test',
      statement: `The test loss rises faster ${where}.`,
      figure: 'rise of the test loss',
      shownBy: 'The curves',
    },
    curvature: {
      id: 'lb-curvature',
      statement: `Close by, the training loss curves more ${where}.`,
      figure: 'curvature',
      shownBy: 'Near the minimizer',
    },
  };
}

/** What of the experiment itself is stored: runs, curves, and paired tests of the seeds that have both runs. */
interface Stored {
  readonly runs: readonly RunReport[];
  readonly curves: readonly CurveReport[];
  readonly curvatureCurves: readonly CurveReport[];
  readonly generalization: readonly SeedTest[];
  readonly environment: Report['environment'];
  /** What is not there yet, in words; empty at the end. */
  readonly missing: readonly string[];
  readonly done: number;
}

function storedOf(setup: ComparisonSetup, results: Results): Stored {
  const { settings } = setup.settings;
  const seeds = seedsOf(settings);
  const everyRun = seeds.flatMap((seed) =>
    REGIMES.map((regime) => ({ regime, seed, training: regimeTraining(setup, regime, seed) })),
  );
  const splits = settings.testCurves ? (['train', 'test'] as const) : (['train'] as const);
  const drawn = (grid: Grid) =>
    everyRun.flatMap(({ regime, training }) =>
      splits.flatMap((split) => curvesAround(setup, results, regime, training, grid, split)),
    );
  const [curves, curvatureCurves] = GRIDS.map(drawn);
  const generalization = seeds.flatMap((seed) => {
    const [small, large] = REGIMES.map((regime) =>
      results.perImage(wholeEvaluation(setup, regimeTraining(setup, regime, seed), 'test')),
    );
    return small && large ? [{ seed, ...pairTests(small, large) }] : [];
  });
  const first = everyRun
    .map(({ training }) => results.training(training))
    .find(({ state }) => state === 'done');
  return {
    runs: everyRun.flatMap(({ regime, training }) => runReport(setup, results, regime, training) ?? []),
    curves,
    curvatureCurves,
    generalization,
    environment: first?.state === 'done' ? first.result.environment : setup.environment,
    ...missingOf(setup, results),
  };
}

/** How many jobs of the experiment are done, and how many of which kind are missing, run by run. */
function missingOf(setup: ComparisonSetup, results: Results): Pick<Stored, 'missing' | 'done'> {
  const { settings } = setup.settings;
  const missing: string[] = [];
  let done = 0;
  const jobs = distinctJobs(
    comparisonJobs({ ...setup, settings: { ...setup.settings, parts: ['experiment'] } }),
  );
  for (const seed of seedsOf(settings)) {
    for (const regime of REGIMES) {
      const id = jobId({ train: regimeTraining(setup, regime, seed) });
      const own = jobs.filter(
        (job) => jobId({ train: 'train' in job ? job.train : firstTraining(job.measure) }) === id,
      );
      const open = own.filter((job) => jobState(results, job) !== 'done');
      done += own.length - open.length;
      if (open.length === 0) continue;
      const trainings = open.filter((job) => 'train' in job).length;
      const curves = open.filter((job) => 'measure' in job && job.measure.kind === 'curve').length;
      const evaluations = open.length - trainings - curves;
      const parts = [
        ...(trainings > 0 ? ['training'] : []),
        ...(evaluations > 0 ? [`${evaluations} evaluations`] : []),
        ...(curves > 0 ? [`${curves} curves`] : []),
      ];
      missing.push(`${regime}, seed ${seed}: ${parts.join(', ')}`);
    }
  }
  return { missing, done };
}

/** Seeds of which everything is there come to claims; while anything is missing there are none. */
export function judge(setup: ComparisonSetup, results: Results): Report {
  const stored = storedOf(setup, results);
  const diverged = divergedOf(setup, results);
  return stored.missing.length > 0 ? partial(setup, stored, diverged) : judged(setup, results, stored);
}

/** Why the experiment cannot come to its end; undefined where nothing stands in its way. */
function divergedOf(setup: ComparisonSetup, results: Results): string | undefined {
  for (const seed of seedsOf(setup.settings.settings)) {
    for (const regime of REGIMES) {
      const outcome = results.training(regimeTraining(setup, regime, seed));
      if (outcome.state === 'diverged') return `${regime} of seed ${seed} diverged: ${outcome.reason}`;
    }
  }
  return undefined;
}

/** A report before the end: counts, runs and curves, but no interval and no verdict over seeds. */
function partial(setup: ComparisonSetup, stored: Stored, diverged: string | undefined): Report {
  const { missing, done, ...shown } = stored;
  return {
    ...common(setup, stored),
    ...shown,
    verdict: 'INCONCLUSIVE',
    reason:
      diverged ??
      `the experiment is under way: ${done} of its jobs are done, and there is no verdict before its end`,
    claims: [],
    measures: [],
    power: {
      ratio: POWER_RATIO,
      n: 0,
      over: 'directions',
      spread: NaN,
      power: NaN,
      open: null,
      deciding: NaN,
    },
    control: null,
    sensitivity: null,
    trainingSensitivity: null,
    progress: { done, missing: [...missing] },
    command: commandOf(setup.settings.settings, stored.environment.engine, {
      sensitivityImages: null,
      learningRates: false,
    }),
  };
}

function common({ settings: { settings } }: ComparisonSetup, { environment }: Stored) {
  const { preset, ...values } = settings;
  return {
    study: 'comparison' as const,
    format: 1 as const,
    environment,
    preset: { preset, changed: changedFromPreset(settings), ...values },
  };
}

function judged(setup: ComparisonSetup, results: Results, stored: Stored): Report {
  const { settings } = setup.settings;
  const seeds = seedsOf(settings);
  const { runs, curves, curvatureCurves, generalization, environment } = stored;
  const control = judgeControl(setup, results);
  const bothRuns = seeds.map((seed) => ({
    seed,
    smallBatch: runs.find((run) => run.seed === seed && run.regime === 'SB')!,
    largeBatch: runs.find((run) => run.seed === seed && run.regime === 'LB')!,
  }));

  const claims = ratioClaims(seeds);
  const ratio = ratioOf(pairs(seeds, curves, 'train', 'rise'));
  const headline = heldAgainstControl(largerForLb(claims.rise, ratio), control && control.ratio);
  const testRise = settings.testCurves
    ? [largerForLb(claims.testRise, ratioOf(pairs(seeds, curves, 'test', 'rise')))]
    : [];
  const curvature = besideControl(
    largerForLb(claims.curvature, ratioOf(pairs(seeds, curvatureCurves, 'train', 'curvature'))),
    control && control.curvature,
  );
  const comparable = comparableTrainingLoss(
    bothRuns.map(({ seed, smallBatch, largeBatch }) => ({
      seed,
      smallBatch: smallBatch.train,
      largeBatch: largeBatch.train,
    })),
  );
  const rules = presetRules(settings.preset);
  const sensitivity = judgeSensitivity(setup, results);
  const trainingSensitivity = judgeLearningRates(setup, results);
  return {
    ...common(setup, stored),
    ...overallVerdict(headline, comparable, curvature, rules),
    claims: [
      comparable,
      headline,
      ...testRise,
      curvature,
      ...generalisesWorse(generalization),
      lossNeverFalls([...curves, ...curvatureCurves].filter(({ split }) => split === 'train')),
      smallBatchGoesFarther(
        bothRuns.map(({ seed, smallBatch, largeBatch }) => ({
          seed,
          smallBatch: smallBatch.distanceFromStart,
          largeBatch: largeBatch.distanceFromStart,
        })),
      ),
    ],
    measures: measuresOf(seeds, curves, curvatureCurves),
    power: powerOf(ratio, whyOpen(headline, comparable, rules)),
    runs,
    curves,
    curvatureCurves,
    generalization: [...generalization],
    control: control && control.report,
    sensitivity,
    trainingSensitivity,
    command: commandOf(settings, environment.engine, {
      sensitivityImages: sensitivity && Math.max(sensitivity.images.train, sensitivity.images.test),
      learningRates: trainingSensitivity !== null,
    }),
    controlCommand: controlCommandOf(
      settings,
      environment.engine,
      control ? control.report.runs.length : settings.seeds,
    ),
  };
}
