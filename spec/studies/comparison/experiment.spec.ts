import { beforeAll, describe, expect, test } from '@jest/globals';
import { inThisThread } from '../../../src/compute/compute';
import type { Engine } from '../../../src/engine/engine';
import { inThisProcess } from '../../../src/executors/executor';
import type { ResultStore } from '../../../src/executors/store';
import type { Job } from '../../../src/jobs/job';
import { directionSeedOf } from '../../../src/jobs/measure';
import { KEYS } from '../../../src/jobs/result';
import { trainingId } from '../../../src/jobs/training';
import { computeSharpnessCurve, evenAlphas } from '../../../src/landscape/curve';
import { normalizeDirection, randomDirection } from '../../../src/landscape/directions';
import { decodeSafetensors } from '../../../src/model/safetensors';
import { reportMarkdown } from '../../../src/report/markdown';
import { parseReport, reportJson, type Report } from '../../../src/report/report';
import { regimeTraining, type ComparisonSetup } from '../../../src/studies/comparison/jobs';
import {
  comparisonOf,
  settingsOf,
  type ComparisonSettings,
  type Settings,
} from '../../../src/studies/comparison/settings';
import { comparisonStudy } from '../../../src/studies/comparison/study';
import { evaluate } from '../../../src/training/evaluate';
import { TINY_VGG } from '../../helpers/arbitraries';
import { specEngine } from '../../helpers/engine';
import { freshStore, runHere, tinyContext, tinyData, tinySetup } from '../../helpers/kernel';

// The whole study on a tiny network and 48 real images.

const SETTINGS = settingsOf('recipe', 3, {
  trainSize: 48,
  smallBatch: 8,
  largeBatch: 24,
  smallEpochs: 2,
  largeEpochs: 3,
  directions: 2,
  alphas: [-1, 0, 1],
});

const setupOf = (
  settings: Settings = SETTINGS,
  changes: Partial<ComparisonSettings> = {},
): Promise<ComparisonSetup> => tinySetup(comparisonOf(settings, { architecture: TINY_VGG, ...changes }));

/** The report without what a clock says. */
function timeless(report: Report): unknown {
  return JSON.parse(reportJson(report), (key, value: unknown) => (key === 'seconds' ? 0 : value));
}

/** Runs a study, and tells which jobs were done. */
async function run(store: ResultStore, setup: ComparisonSetup): Promise<{ report: Report; jobs: Job[] }> {
  const jobs: Job[] = [];
  const executor = inThisProcess(await tinyContext(store));
  const report = await runHere(comparisonStudy, setup, store, {
    executor: { ...executor, run: (job, progress) => (jobs.push(job), executor.run(job, progress)) },
  });
  return { report, jobs };
}

describe('an experiment', () => {
  const store = freshStore();
  let engine: Engine;
  let report: Report;
  let setup: ComparisonSetup;
  beforeAll(async () => {
    engine = await specEngine();
    setup = await setupOf();
    ({ report } = await run(store, setup));
  });

  test('is reported in every form, report.json last', async () => {
    const files = await comparisonStudy.files(report);
    expect(files.map(({ name }) => name)).toEqual([
      'sharpness_comparison.png',
      'report.md',
      'report.html',
      'curves.csv',
      'report.json',
    ]);
    const text = String(files.at(-1)!.content);
    expect(comparisonStudy.parse(text, 'report.json')).toEqual(report);
    // Rendered again, it is the same text.
    expect(reportJson(comparisonStudy.parse(text, 'report.json'))).toBe(text);
    expect(parseReport(text, 'report.json')).toMatchObject({ study: 'comparison', format: 1 });
  });

  test("has each run's training loss as its curves at α = 0, to the last bit", () => {
    expect([report.curves.length, report.curvatureCurves.length]).toEqual([4, 4]);
    for (const { regime, alphas, loss } of [...report.curves, ...report.curvatureCurves]) {
      expect(loss[alphas.indexOf(0)]).toBe(report.runs.find((own) => own.regime === regime)!.train.loss);
    }
  });

  test('judges every claim of one seed by what is behind it', () => {
    expect(report.claims.map(({ id, n, over }) => [id, n, over])).toEqual([
      ['comparable-training-loss', 1, 'seeds'],
      ['lb-rises-faster', 2, 'directions'],
      ['lb-curvature', 2, 'directions'],
      ['lb-test-accuracy-lower', 16, 'images'],
      ['lb-test-loss-higher', 16, 'images'],
      ['loss-never-falls', 4 * 2 + 4 * 4, 'points'],
      ['sb-farther-from-start', 1, 'seeds'],
    ]);
  });

  test('pairs the same test images, so that the claims agree with the accuracies and losses of the runs', () => {
    const [sb, lb] = ['SB', 'LB'].map((regime) => report.runs.find((own) => own.regime === regime)!.test);
    const estimate = (id: string) => report.claims.find((claim) => claim.id === id)!.estimate;
    expect(estimate('lb-test-accuracy-lower')).toBeCloseTo(sb.accuracy - lb.accuracy, 12);
    expect(estimate('lb-test-loss-higher')).toBeCloseTo(lb.loss - sb.loss, 6);
  });

  test('pairs SB and LB along the same noise, another for each direction', () => {
    const seedsOf = (regime: string) =>
      report.curves.filter((curve) => curve.regime === regime).map(({ directionSeed }) => directionSeed);
    expect(seedsOf('SB')).toEqual(seedsOf('LB'));
    expect(seedsOf('SB')).toEqual([directionSeedOf(3, 0), directionSeedOf(3, 1)]);
  });

  test('has figures that are found again from the stored weights', async () => {
    const bytes = await store.read(KEYS.weights(trainingId(regimeTraining(setup, 'LB', 3)), 'end'));
    const weights = decodeSafetensors(bytes!).tensors;
    const { train, test: tested } = tinyData();
    const run = report.runs.find(({ regime }) => regime === 'LB')!;
    expect(run.test).toEqual(await evaluate(engine, TINY_VGG, weights, tested));
    const { directionSeed, normalization, alphas, loss } = report.curves.find(
      (curve) => curve.regime === 'LB' && curve.direction === 1,
    )!;
    const noise = randomDirection(TINY_VGG, directionSeed);
    const direction = normalizeDirection(TINY_VGG, noise, weights, normalization as 'filter');
    const compute = inThisThread(engine);
    const curve = await computeSharpnessCurve(compute, TINY_VGG, train, weights, direction, alphas);
    expect(curve.points.map((point) => point.loss)).toEqual(loss);
  });

  test('is done once: the same settings again need no job, and give the same report', async () => {
    const again = await run(store, setup);
    expect(again.jobs).toEqual([]);
    expect(again.report).toEqual(report);
  });

  test('grows by directions without training again, and keeps the curves that it has', async () => {
    const grown = await run(store, await setupOf({ ...SETTINGS, directions: 3 }));
    expect(grown.jobs).toHaveLength(2 * 2);
    expect(grown.jobs.every((job) => 'measure' in job && job.measure.kind === 'curve')).toBe(true);
    expect(grown.report.curves.filter(({ direction }) => direction < 2)).toEqual(report.curves);
  });

  test('over two seeds is the two seeds’ experiments, judged over seeds', async () => {
    const both = (await run(store, await setupOf({ ...SETTINGS, seeds: 2 }))).report;
    const second = (await run(freshStore(), await setupOf({ ...SETTINGS, seed: 4 }))).report;
    expect(both.runs.map(({ weightsSha256 }) => weightsSha256)).toEqual(
      [...report.runs, ...second.runs].map(({ weightsSha256 }) => weightsSha256),
    );
    expect(both.curves).toEqual([...report.curves, ...second.curves]);
    const headline = (from: Report) => from.claims.find(({ id }) => id === 'lb-rises-faster')!;
    expect(headline(both)).toMatchObject({ n: 2, over: 'seeds' });
    expect(headline(both).bySeed.map(({ estimate }) => estimate)).toEqual(
      [report, second].map((own) => headline(own).estimate),
    );
  });

  test('tells the standard error that a part of the images adds, and none where all were taken', async () => {
    expect(
      report.curves.flatMap(({ lossStandardError }) => lossStandardError).every((error) => error === 0),
    ).toBe(true);
    const part = await setupOf({ ...SETTINGS, curveImages: 36, directions: 1 });
    const [{ lossStandardError, loss, images }] = (await run(store, part)).report.curves;
    expect(images).toBe(36);
    // At most √(1 − 36/48) of a spread that is of the loss's own order over √36.
    lossStandardError.forEach((error, i) => {
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan((Math.sqrt(1 / 4) * 2 * loss[i]) / 6);
    });
  });

  test('with running statistics evaluates the same minimizers otherwise', async () => {
    const running = (await run(store, await setupOf({ ...SETTINGS, evaluationStatistics: 'running' })))
      .report;
    expect(running.runs.map(({ weightsSha256 }) => weightsSha256)).toEqual(
      report.runs.map(({ weightsSha256 }) => weightsSha256),
    );
    expect(running.runs[0].train.loss).not.toBe(report.runs[0].train.loss);
    expect(running.preset.changed).toContain('evaluationStatistics');
  });

  test('with test curves also has the test claim and the shift of the minimum', async () => {
    const { claims, measures, curves } = (await run(store, await setupOf({ ...SETTINGS, testCurves: true })))
      .report;
    expect(claims.map(({ id }) => id)).toContain('lb-rises-faster-test');
    expect(measures.filter(({ id }) => id === 'minimum-shift').map(({ regime }) => regime)).toEqual([
      'SB',
      'LB',
    ]);
    expect(curves.filter(({ split }) => split === 'test').map(({ images }) => images)).toEqual([
      16, 16, 16, 16,
    ]);
  });

  describe('with a control', () => {
    test('trains SB again from the same start in another order, and reports it beside the rest', async () => {
      const { report: controlled, jobs } = await run(store, await setupOf(SETTINGS, { parts: ['control'] }));
      expect(jobs.filter((job) => 'train' in job)).toHaveLength(1);
      const { rise, largestFactor, runs, curves } = controlled.control!;
      expect(rise).toMatchObject({ n: 2, over: 'directions' });
      expect(largestFactor).toBeGreaterThan(1);
      expect(runs.map(({ seed, regime }) => [seed, regime])).toEqual([[3, 'SB']]);
      expect(runs[0].weightsSha256).not.toBe(report.runs[0].weightsSha256);
      expect(curves.map(({ directionSeed }) => directionSeed)).toEqual([3000, 3001]);
      expect(timeless({ ...controlled, control: null })).toEqual(timeless(report));
    });

    test('keeps it as the directions grow, judged on those that it has, and says how many', async () => {
      const grown = (await run(store, await setupOf({ ...SETTINGS, directions: 3 }))).report;
      expect(grown.control!.rise.n).toBe(2);
      expect(reportMarkdown(grown)).toContain('along 2 of the 3 directions');
    });
  });

  describe('with its sensitivity', () => {
    test('has a row for every choice, and the row of the choices made is the headline’s own', async () => {
      const settings = { ...SETTINGS, alphas: evenAlphas(17), directions: 1, curveImages: 16 };
      const { report: whole } = await run(
        store,
        await setupOf(settings, { parts: ['experiment', 'sensitivity'], sensitivityImages: 16 }),
      );
      const { rows, images } = whole.sensitivity!;
      expect(images).toEqual({ train: 16, test: 16 });
      expect(rows).toHaveLength(4 * 2 * 3 * 3 + 1);
      expect(
        new Set(
          rows.map((row) =>
            JSON.stringify([row.normalization, row.split, row.range, row.rise, row.statistics]),
          ),
        ).size,
      ).toBe(73);
      const own = rows.find(
        ({ normalization, split, range, rise, statistics }) =>
          normalization === 'filter' &&
          split === 'train' &&
          range === 1 &&
          rise === 'mean' &&
          statistics === 'recomputed',
      )!;
      const headline = whole.claims.find(({ id }) => id === 'lb-rises-faster')!;
      expect(own.estimate).toBeCloseTo(headline.estimate, 10);
      const running = rows.find(({ statistics }) => statistics === 'running')!;
      expect(running.estimate).not.toBe(own.estimate);
    });

    test('to learning rates has a row for each, LB’s own among them', async () => {
      const settings = { ...SETTINGS, largeLearningRate: 0.04, directions: 1 };
      const { report: whole } = await run(
        store,
        await setupOf(settings, { parts: ['experiment', 'learningRates'] }),
      );
      const { rows } = whole.trainingSensitivity!;
      expect(rows.map(({ learningRate }) => learningRate)).toEqual([0.01, 0.04, 0.16]);
      const [slow, own] = rows;
      expect(own.train).toEqual(whole.runs.find(({ regime }) => regime === 'LB')!.train);
      expect(slow.train).not.toEqual(own.train);
    });
  });
});
