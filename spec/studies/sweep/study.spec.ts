import { beforeAll, describe, expect, test } from '@jest/globals';
import { inThisThread, type Compute } from '../../../src/compute/compute';
import { imagesBetween } from '../../../src/data/dataset';
import { resultsView } from '../../../src/executors/results-view';
import type { ResultStore } from '../../../src/executors/store';
import { KEYS } from '../../../src/jobs/result';
import { computeSharpnessCurve, rise } from '../../../src/landscape/curve';
import { normalizeDirection, randomDirection } from '../../../src/landscape/directions';
import { SIMPLE_VGG } from '../../../src/model/networks';
import { decodeSafetensors } from '../../../src/model/safetensors';
import { meanOf } from '../../../src/sharpness/estimate';
import { ascentSharpness } from '../../../src/sharpness/sam';
import type { SweepSetup } from '../../../src/studies/sweep/jobs';
import type { SweepReport } from '../../../src/studies/sweep/report/report';
import { sweepStudy } from '../../../src/studies/sweep/study';
import { summarize } from '../../../src/training/evaluate';
import { specEngine } from '../../helpers/engine';
import { freshStore, runHere, tinyData, tinySetup } from '../../helpers/kernel';
import { tinyPlan } from '../../helpers/sweeps';

const ALPHAS = [-1, 0, 0.5];
const IMAGES = 16;

describe('a tiny sweep', () => {
  const store: ResultStore = freshStore();
  const published: [SweepReport, boolean][] = [];
  let setup: SweepSetup;
  let report: SweepReport;
  let compute: Compute;

  beforeAll(async () => {
    const plan = tinyPlan({
      batchSizes: [16, 24],
      measures: [
        { kind: 'rise', directions: 2, alphas: ALPHAS, images: IMAGES },
        { kind: 'sam', images: IMAGES },
      ],
    });
    setup = await tinySetup({ plan, planFile: 'tiny plan.yaml' });
    compute = inThisThread(await specEngine());
    report = await runHere(sweepStudy, setup, store, {
      publishInterval: 0,
      publish: async (findings, isFinal) => void published.push([findings, isFinal]),
    });
  });

  test('ends where nothing is missing', async () => {
    const results = await resultsView(store);
    expect(await results.evaluate((current) => sweepStudy.next(setup, current))).toEqual([]);
    expect(report.groups[0].runs.map(({ batchSize, state }) => [batchSize, state])).toEqual([
      [16, 'done'],
      [24, 'done'],
    ]);
    expect(published.at(-1)).toEqual([report, true]);
  });

  test('was reported after every job, with what was there', () => {
    // Each run: a training, two evaluations and that of the rise, two curves and SAM.
    expect(published.map(([, isFinal]) => isFinal)).toEqual([
      ...Array.from({ length: 14 }, () => false),
      true,
    ]);
    const figures = published.map(([{ groups }]) => groups[0].runs.flatMap((run) => run.figures!).length);
    expect(figures).toEqual([...figures].sort((one, other) => one - other));
    expect(new Set(figures).size).toBeGreaterThan(8);
    const [[first]] = published;
    expect(first.groups[0].runs.map(({ state, end }) => [state, end])).toEqual([
      ['trained', null],
      ['waiting', null],
    ]);
  });

  test('has the figures that direct computation from the stored weights gives', async () => {
    const { train, test: testImages } = tinyData();
    const images = imagesBetween(train, 0, IMAGES);
    for (const { training, batchSize, seed, end, figures } of report.groups[0].runs) {
      const bytes = await store.read(KEYS.weights(training, 'end'));
      const weights = decodeSafetensors(bytes!).tensors;
      const whole = summarize(await compute.evaluateImages(SIMPLE_VGG, weights, train, {}));
      const tested = summarize(await compute.evaluateImages(SIMPLE_VGG, weights, testImages, {}));
      expect(end).toMatchObject({
        epochs: 2,
        trainingLoss: whole.loss,
        trainingAccuracy: whole.accuracy,
        testLoss: tested.loss,
        testAccuracy: tested.accuracy,
      });

      const rises: number[] = [];
      for (const directionSeed of [1000 * seed, 1000 * seed + 1]) {
        const noise = randomDirection(SIMPLE_VGG, directionSeed);
        const direction = normalizeDirection(SIMPLE_VGG, noise, weights, 'filter');
        const curve = await computeSharpnessCurve(compute, SIMPLE_VGG, images, weights, direction, ALPHAS);
        rises.push(
          rise(
            ALPHAS,
            curve.points.map(({ loss }) => loss),
          ),
        );
      }
      const expected = meanOf(rises);
      const found = (quantity: string) => figures!.find((one) => one.quantity.startsWith(quantity))!;
      expect(found('rise').value).toBeCloseTo(expected.value, 6);
      expect(found('rise').standardError).toBeCloseTo(expected.standardError, 6);
      expect(expected.value).toBeGreaterThan(0);

      const sam = await ascentSharpness(compute, SIMPLE_VGG, weights, images, {
        adaptive: false,
        rho: 0.05,
        batchSize: IMAGES,
      });
      expect(found('sam').value).toBeCloseTo(sam.rise, 6);
      const [, rises_, sams] = report.groups[0].quantities;
      for (const [{ points }, value] of [
        [rises_, found('rise').value],
        [sams, found('sam').value],
      ] as const) {
        expect(points).toContainEqual({ batchSize, seed, value, comparable: false });
      }
    }
    // The two batch sizes end at different minimizers.
    const [one, other] = report.groups[0].runs.map(({ end }) => end!.trainingLoss);
    expect(one).not.toBe(other);
  });

  test('is written with its table and the command that makes it again', async () => {
    const files = new Map((await sweepStudy.files(report)).map(({ name, content }) => [name, content]));
    const text = files.get('report.md') as string;
    expect(text).toContain("npx ts-node reproduce.ts sweep 'tiny plan.yaml'");
    expect(report.environments).toHaveLength(1);
    // Two epochs bring none to 99%.
    expect(text).toContain(
      '2 runs of SimpleVGG (sgd) on 48 training images: 2 not comparable by training loss.',
    );
    const { figures } = report.groups[0].runs[1];
    const { value, standardError } = figures!.find(({ quantity }) => quantity.startsWith('rise'))!;
    expect(files.get('sweep.csv')).toContain(
      `done,"rise filter, 2 directions, 3 alphas from -1 to 0.5, 16 images",${value},${standardError},`,
    );
    expect(sweepStudy.parse(files.get('report.json') as string, 'report.json')).toEqual(report);
  });
});
