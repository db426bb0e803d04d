import { beforeAll, describe, expect, test } from '@jest/globals';
import { inThisThread, type Compute } from '../../../src/compute/compute';
import { firstImages } from '../../../src/data/dataset';
import { inThisProcess } from '../../../src/executors/executor';
import type { Job } from '../../../src/jobs/job';
import { KEYS } from '../../../src/jobs/result';
import { trainingConfigOf, trainingId, type Minimizer, type Training } from '../../../src/jobs/training';
import { parametricPlot } from '../../helpers/parametric';
import { parameterCount } from '../../../src/model/architecture';
import { decodeSafetensors } from '../../../src/model/safetensors';
import type { Weights } from '../../../src/model/weights';
import { measureGradientNoise } from '../../../src/sharpness/gradient-noise';
import { keskarSharpness } from '../../../src/sharpness/keskar';
import { lossObjective } from '../../../src/sharpness/objective';
import { ascentSharpness } from '../../../src/sharpness/sam';
import { fullSpace, randomSubspace } from '../../../src/sharpness/subspace';
import { figuresOf } from '../../../src/studies/paper/figures/all';
import { paperHtml } from '../../../src/studies/paper/html';
import { firstTraining, remedyTraining, type PaperSetup } from '../../../src/studies/paper/jobs';
import { paperMarkdown } from '../../../src/studies/paper/markdown';
import { BOXES, FIGURE_BOX } from '../../../src/studies/paper/published';
import { sharpnessIn, type NetworkReport, type PaperReport } from '../../../src/studies/paper/report';
import { paperSettingsOf, type PaperSettings } from '../../../src/studies/paper/settings';
import { paperStudy } from '../../../src/studies/paper/study';
import { randomStream } from '../../../src/support/random';
import { summarize } from '../../../src/training/evaluate';
import type { TrainingConfig } from '../../../src/training/train';
import { pairTests } from '../../../src/verdict/generalization';
import { specEngine } from '../../helpers/engine';
import { freshStore, runHere, tinyContext, tinyData, tinySetup } from '../../helpers/kernel';
import { TINY_C1 } from '../../helpers/paper-study';
import { readHtml, readMarkdown } from '../../helpers/readings';

// The whole study on C1 with few channels and 48 real images: one trial of four epochs, which then grows by a remedy
// and what Figures 2, 4, 5 and 6 show.

const PLAIN: Partial<PaperSettings> = {
  seeds: 1,
  trainSize: 48,
  smallBatch: 8,
  largeShare: 1 / 3,
  epochs: 4,
  sharpnessImages: 24,
  dimension: 3,
  plotAlphas: [-1, 0, 1],
};
/** With SB 8 and LB 16, which are trained anyway, and the end as an epoch. */
const GROWN: Partial<PaperSettings> = {
  ...PLAIN,
  remedies: ['conservative'],
  batchSizes: [16, 12, 8],
  snapshotEpochs: [4, 1],
};

const store = freshStore();
const data = tinyData();
let compute: Compute;
let setup: PaperSetup;
let plain: { reports: PaperReport[]; jobs: Job[] };
let grown: typeof plain;
let report: PaperReport;
let network: NetworkReport;

async function run(changes: Partial<PaperSettings>) {
  const settings = { settings: paperSettingsOf('scaled', 7, changes), architectureOf: () => TINY_C1 };
  setup = await tinySetup(settings);
  const [jobs, reports]: [Job[], PaperReport[]] = [[], []];
  const executor = inThisProcess(await tinyContext(store));
  await runHere(paperStudy, setup, store, {
    executor: { ...executor, run: (job, progress) => (jobs.push(job), executor.run(job, progress)) },
    publish: async (findings) => void reports.push(findings),
    publishInterval: 0,
  });
  return { reports, jobs };
}

beforeAll(async () => {
  compute = inThisThread(await specEngine());
  plain = await run(PLAIN);
  grown = await run(GROWN);
  report = grown.reports.at(-1)!;
  [network] = report.networks;
}, 300_000);

const runOf = (regime: 'SB' | 'LB') => network.runs.find((one) => one.regime === regime && one.seed === 7)!;
const trainingsIn = (jobs: readonly Job[]) => jobs.flatMap((job) => ('train' in job ? [job] : []));

/** A minimizer's weights, as they are stored. */
async function weightsOf({ training, at = 'end' }: Minimizer): Promise<Weights> {
  return decodeSafetensors((await store.read(KEYS.weights(trainingId(training), at)))!).tensors;
}

/** Trains by the training loop alone. */
function trained(training: Training, changes: Partial<TrainingConfig>, start?: Weights) {
  const config = { ...trainingConfigOf(training), stopping: undefined, ...changes };
  const state = start && {
    weights: start,
    optimizer: new Map(),
    history: [],
    stepsDone: 0,
    lossSum: 0,
    seconds: 0,
  };
  return compute.train(TINY_C1, data, config, training.seed, {}, state);
}

async function noiseAt(weights: Weights, batchSize: number) {
  const options = { statistics: 'batch', batchSize, batches: Math.floor(48 / batchSize) } as const;
  const random = randomStream(7, 'noise');
  const { signalToNoise } = await measureGradientNoise(
    compute,
    TINY_C1,
    weights,
    data.train,
    random,
    options,
  );
  return signalToNoise;
}

describe('a study', () => {
  test('has no claims until all is there, and its trial from when it is complete', () => {
    const partial = plain.reports.filter(({ progress }) => progress);
    const done = partial.map(({ progress }) => progress!.done);
    expect(done).toEqual([...done].sort((one, other) => one - other));
    for (const { networks } of partial) expect(networks[0].claims).toEqual([]);
    expect(partial[0].networks[0].runs).toEqual([]);
    expect(partial.at(-1)!.networks[0].runs).toHaveLength(2);
    expect(plain.reports.at(-1)!.progress).toBeUndefined();
    expect(plain.reports.at(-1)!.networks[0].claims).toHaveLength(8);
  });

  test('trains once, and again half of SB and LB, whose middle is known only then', () => {
    const jobs = trainingsIn(plain.jobs).map(({ train, snapshots }) => [train.batchSize, snapshots]);
    expect(jobs.filter(([batchSize]) => batchSize === 8)).toEqual([
      [8, [1]],
      [8, [1, 12]],
    ]);
    expect(jobs.filter(([batchSize]) => batchSize === 16)).toEqual([
      [16, [1]],
      [16, [1, 6]],
    ]);
  });

  test('grows: what was there stays, and is trained again for new snapshots alone', () => {
    const [before] = plain.reports.at(-1)!.networks;
    const same = ({ runs, others, plots }: NetworkReport) => ({ runs, others, plots });
    expect(same(network)).toEqual(same(before));
    const again = trainingsIn(grown.jobs).map(({ train, snapshots }) => [
      train.batchSize,
      train.start ? 'warm' : train.conservative ? 'conservative' : 'plain',
      snapshots,
    ]);
    expect(again).toEqual([
      [8, 'plain', [1, 6, 12]],
      [16, 'plain', [1, 3, 6]],
      [16, 'conservative', undefined],
      [12, 'plain', undefined],
      [16, 'warm', undefined],
    ]);
  });

  test('does nothing again', async () => {
    const again = await run(GROWN);
    expect(again.jobs).toEqual([]);
    expect(again.reports).toEqual([report]);
  });

  test('ends every training at other weights, and measures each trial in every box', () => {
    const trial = [...network.runs, ...network.remedies.flatMap(({ runs }) => runs)];
    const others = [...network.batchSizes, ...network.snapshots, ...network.warmStarts];
    expect(trial.map(({ batchSize }) => batchSize)).toEqual([8, 16, 16]);
    const hashes = [...trial, ...others].map(({ weightsSha256 }) => weightsSha256);
    expect(new Set(hashes).size).toBe(3 + 1 + 2 + 1);
    const boxesOf = ({ sharpness }: (typeof others)[number]) =>
      sharpness.map(({ space, epsilon }) => ({ space, epsilon }));
    for (const one of trial) expect(boxesOf(one)).toEqual(BOXES);
    for (const one of others) expect(boxesOf(one)).toEqual([FIGURE_BOX]);
  });
});

describe('its figures are those that are computed without the kernel:', () => {
  test('φ in the full space and in the subspace, which is the same for all of a trial', async () => {
    const images = firstImages(data.train, 24);
    const size = parameterCount(TINY_C1);
    for (const [regime, box] of [
      ['SB', BOXES[0]],
      ['LB', BOXES[3]],
    ] as const) {
      const weights = await weightsOf({ training: firstTraining(setup, 'C1', regime) });
      const options = { statistics: 'batch', batchSize: 24 } as const;
      const objective = lossObjective(compute, TINY_C1, weights, images, options);
      const space =
        box.space === 'full' ? fullSpace(size) : randomSubspace(size, 3, randomStream(7, 'subspace'));
      const random = randomStream(7, 'box', box.space, box.epsilon);
      const { sharpness } = await keskarSharpness(objective, space, box.epsilon, random);
      expect(sharpnessIn(runOf(regime), box)).toBe(sharpness);
    }
  });

  test('gradient noise after the first step and after half of the epochs', async () => {
    for (const regime of ['SB', 'LB'] as const) {
      const training = firstTraining(setup, 'C1', regime);
      const { noise } = network.others.find((one) => one.regime === regime)!;
      const places = [{ steps: 1 }, { epochs: 2 }, { epochs: 4 }];
      expect(noise.map(({ phase }) => phase)).toEqual(['first step', 'middle', 'end']);
      for (const [index, changes] of places.entries()) {
        const { weights } = await trained(training, changes);
        expect(noise[index].signalToNoise).toEqual(await noiseAt(weights, training.batchSize));
      }
    }
  });

  test("SAM's rise, with the step lengths of the papers", async () => {
    const weights = await weightsOf({ training: firstTraining(setup, 'C1', 'LB') });
    const { sam, adaptiveSam } = network.others[1];
    for (const [found, adaptive, rho] of [
      [sam, false, 0.05],
      [adaptiveSam, true, 0.5],
    ] as const) {
      const images = firstImages(data.train, 24);
      const direct = await ascentSharpness(compute, TINY_C1, weights, images, {
        adaptive,
        rho,
        batchSize: 250,
      });
      expect(found.value).toBe(direct.rise);
    }
  });

  test('snapshots, which are trainings of so many epochs', async () => {
    const along = network.snapshots.map(({ regime, batchSize, epochs }) => [regime, batchSize, epochs]);
    expect(along).toEqual([
      ['SB', 8, 1],
      ['LB', 16, 1],
    ]);
    for (const { regime, epochs, history, test: tested, stalled } of network.snapshots) {
      const direct = await trained(firstTraining(setup, 'C1', regime), { epochs });
      const losses = (records: typeof history) => records.map(({ trainingModeLoss }) => trainingModeLoss);
      expect([losses(history), stalled]).toEqual([losses([...direct.history]), false]);
      const weights = await compute.batchStatistics(TINY_C1, direct.weights, data.train, { batchSize: 48 });
      expect(tested).toEqual(summarize(await compute.evaluateImages(TINY_C1, weights, data.test)));
    }
  });

  test("LB warm-started from SB's snapshots, with Adam's moments at 0", async () => {
    expect(network.warmStarts.map(({ warmEpochs }) => warmEpochs)).toEqual([1]);
    for (const { warmEpochs, train } of network.warmStarts) {
      const start = await trained(firstTraining(setup, 'C1', 'SB'), { epochs: warmEpochs });
      const { weights } = await trained(firstTraining(setup, 'C1', 'LB'), {}, start.weights);
      const settled = await compute.batchStatistics(TINY_C1, weights, data.train, { batchSize: 48 });
      expect(train).toEqual(summarize(await compute.evaluateImages(TINY_C1, settled, data.train)));
    }
  });

  test('both paths from SB to LB', async () => {
    const [SB, LB] = await Promise.all(
      (['SB', 'LB'] as const).map((regime) => weightsOf({ training: firstTraining(setup, 'C1', regime) })),
    );
    expect(network.plots.map(({ path }) => path)).toEqual(['straight', 'curved']);
    for (const { path, points } of network.plots) {
      const options = { path, statistics: 'recomputed', batchSize: 48 } as const;
      expect(points).toEqual(await parametricPlot(compute, TINY_C1, data, { SB, LB }, [-1, 0, 1], options));
    }
  });

  test('the claim on the remedy, image by image', async () => {
    const imagesOf = async (training: Training) =>
      compute.evaluateImages(TINY_C1, await weightsOf({ training }), data.test);
    const remedy = await imagesOf(remedyTraining(setup, 'C1', 'conservative', 7));
    const pairs = pairTests(remedy, await imagesOf(firstTraining(setup, 'C1', 'LB')));
    const { estimate } = network.claims.find(({ id }) => id === 'conservative-test-accuracy-higher')!;
    expect(estimate).toBeCloseTo((pairs.onlySmallBatchRight - pairs.onlyLargeBatchRight) / 16, 12);
  });
});

test("paths with fixed statistics begin at SB's own evaluation, and need no training", async () => {
  const { jobs, reports } = await run({ ...PLAIN, plotStatistics: 'fixed' });
  expect(jobs).toHaveLength(2 * 3);
  const [{ plots }] = reports.at(-1)!.networks;
  const { train, test: tested } = runOf('SB');
  for (const { points } of plots) expect(points[1]).toEqual({ alpha: 0, train, test: tested });
});

test('all figures are drawn in the order of the paper, in Markdown as on the page', () => {
  const figures = figuresOf(report);
  expect(figures.map(({ id }) => id)).toEqual([2, 3, 4, 5, 6, 7].map((n) => `C1-figure${n}`));
  expect(readHtml(paperHtml(report))).toEqual(readMarkdown(paperMarkdown(report)));
  const linesOf = (n: number) => figures.find(({ id }) => id === `C1-figure${n}`)!.chart.lines;
  const [SB, LB] = [runOf('SB'), runOf('LB')];
  type One = NetworkReport['batchSizes'][number];
  const phi = (one: One) => sharpnessIn(one, FIGURE_BOX);
  const accuracy = (one: One) => 100 * one.test.accuracy;

  const small = [...network.snapshots.slice(0, 1), SB];
  const large = [...network.snapshots.slice(1), LB];
  expect(linesOf(2).map(({ label, xs, ys }) => [label, xs, ys])).toEqual([
    ['SB training accuracy', [1, 4], small.map(({ train }) => 100 * train.accuracy)],
    ['SB test accuracy', [1, 4], small.map(accuracy)],
    ['LB training accuracy', [1, 4], large.map(({ train }) => 100 * train.accuracy)],
    ['LB test accuracy', [1, 4], large.map(accuracy)],
  ]);

  const sizes = [SB, network.batchSizes[0], LB];
  expect(linesOf(4).map(({ xs, ys }) => [xs, ys])).toEqual([
    [[8, 12, 16], sizes.map(accuracy)],
    [[8, 12, 16], sizes.map(phi)],
  ]);

  const warm = [LB, ...network.warmStarts];
  expect(linesOf(5).map(({ xs, ys }) => [xs, ys])).toEqual([
    [[0, 1], warm.map(accuracy)],
    [[0, 1], warm.map(phi)],
    [[0, 1], [SB, SB].map(accuracy)],
    [[0, 1], [SB, SB].map(phi)],
  ]);

  expect(linesOf(6).map(({ label, xs, ys }) => [label, xs, ys])).toEqual([
    ['SB', small.map(({ train }) => train.loss), small.map(phi)],
    ['LB', large.map(({ train }) => train.loss), large.map(phi)],
  ]);
});

test('the weights of every trial are found by name', () => {
  const { settings } = setup.settings;
  const both = { ...setup, settings: { settings: { ...settings, ...GROWN, seeds: 2 } } };
  const found = paperStudy.minimizers!(both);
  expect(found.map(({ name }) => name)).toEqual([
    'C1-SB-seed7',
    'C1-LB-seed7',
    'C1-LB-conservative-seed7',
    'C1-SB-seed8',
    'C1-LB-seed8',
    'C1-LB-conservative-seed8',
  ]);
  expect(found[2].minimizer).toEqual({ training: remedyTraining(both, 'C1', 'conservative', 7) });
});
