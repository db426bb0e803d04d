import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { firstImages } from '../../src/data/dataset';
import { inThisThread } from '../../src/compute/compute';
import type { Engine } from '../../src/engine/engine';
import { Interrupted, UserError } from '../../src/support/errors';
import { runControl, runExperiment, type Extras } from '../../src/experiment/experiment';
import { isDone, judge } from '../../src/experiment/judge';
import { openRunFolder, reopenRunFolder, type OpenOptions } from '../../src/experiment/run-folder';
import { directionSeedOf, settingsOf, type Settings } from '../../src/experiment/settings';
import { writeReport } from '../../src/experiment/write-report';
import { computeSharpnessCurve, evenAlphas } from '../../src/landscape/curve';
import { normalizeDirection, randomDirection } from '../../src/landscape/directions';
import { readWeights } from '../../src/model/safetensors';
import type { Progress } from '../../src/support/progress';
import { reportMarkdown } from '../../src/report/markdown';
import { parseReport, reportJson, type Report } from '../../src/report/report';
import { TINY_VGG } from '../helpers/arbitraries';
import { ENVIRONMENT } from '../helpers/environment';
import { specEngine } from '../helpers/engine';
import { sampleImages } from '../helpers/fixtures';

const images = sampleImages();
/** The first 48 images of the sample, and all 64. */
const train = firstImages(images, 48);
const data = { train, test: images };
const SETTINGS = settingsOf('recipe', 3, {
  trainSize: 48,
  smallBatch: 8,
  largeBatch: 24,
  smallEpochs: 2,
  largeEpochs: 3,
  directions: 2,
  alphas: [-1, 0, 1],
  testEvery: 1,
});
const silent: Progress = {
  say: () => {},
  begin: () => ({ advance: () => {}, skip: () => {}, note: () => {}, milestone: () => {}, end: () => {} }),
  close: () => {},
};

/** Power is cut at a milestone, counted from 1. */
function dyingAt(milestone: number): Progress {
  let reached = 0;
  return {
    ...silent,
    begin: () => ({
      ...silent.begin('', 0),
      milestone: () => {
        if (++reached === milestone) throw new Error('power cut');
      },
    }),
  };
}

/** The report without what a clock says. */
function timeless(report: Report): unknown {
  return JSON.parse(reportJson({ ...report, runs: report.runs.map((run) => ({ ...run, seconds: 0 })) }));
}

describe('an experiment', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  let engine: Engine;
  let report: Report;
  const open = (name: string, settings: Settings = SETTINGS, options: OpenOptions = {}) =>
    openRunFolder(join(root, name), { settings, environment: ENVIRONMENT }, options);
  const contextOf = (name: string, settings: Settings, options: OpenOptions, changes: object = {}) => {
    const folder = open(name, settings, options);
    return {
      compute: inThisThread(engine),
      architecture: TINY_VGG,
      data,
      folder,
      progress: silent,
      ...changes,
      settings: folder.beginning.settings,
    };
  };
  const run = (name: string, settings = SETTINGS, changes: object = {}, extras: Extras = {}) =>
    runExperiment(contextOf(name, settings, {}, changes), extras);
  const finish = async (name: string, settings = SETTINGS) => {
    const context = contextOf(name, settings, {});
    const result = await runExperiment(context);
    await writeReport(context.folder.write, result);
    return result;
  };
  /** An engine that cannot compute. */
  const idle = () => ({ compute: inThisThread({ ...engine, kernels: {} as Engine['kernels'] }) });

  beforeAll(async () => {
    engine = await specEngine();
    report = await finish('whole');
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('leaves its picture, its report in every form, its curves and weights', () => {
    for (const name of [
      'sharpness_comparison.png',
      'report.json',
      'report.md',
      'report.html',
      'curves.csv',
      'small_batch.safetensors',
      'large_batch.safetensors',
    ]) {
      expect(existsSync(join(root, 'whole', name))).toBe(true);
    }
    expect(readFileSync(join(root, 'whole/report.json'), 'utf8')).toBe(reportJson(report));
    expect(readdirSync(join(root, 'whole/checkpoints')).some((name) => name.includes('training'))).toBe(
      false,
    );
  });

  test("reports each run's training loss as its curves at α = 0, to the last bit", () => {
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
      ['lb-test-accuracy-lower', 64, 'images'],
      ['lb-test-loss-higher', 64, 'images'],
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
    expect(new Set(seedsOf('SB')).size).toBe(2);
    expect(seedsOf('SB')[1]).toBe(directionSeedOf(3, 1));
  });

  test('tells with each curve how it can be drawn again from the stored weights', async () => {
    const { directionSeed, normalization, alphas, loss, direction } = report.curves.find(
      (curve) => curve.regime === 'LB' && curve.direction === 1,
    )!;
    expect(direction).toBe(1);
    const weights = readWeights(join(root, 'whole/large_batch.safetensors'), TINY_VGG);
    const noise = randomDirection(TINY_VGG, directionSeed);
    const normalized = normalizeDirection(TINY_VGG, noise, weights, normalization as 'filter');
    const curve = await computeSharpnessCurve(
      inThisThread(engine),
      TINY_VGG,
      train,
      weights,
      normalized,
      alphas,
    );
    expect(curve.points.map((point) => point.loss)).toEqual(loss);
  });

  test('tells the standard error that a part of the images adds, and none where all were taken', async () => {
    expect(
      report.curves.every(({ lossStandardError }) => lossStandardError.every((error) => error === 0)),
    ).toBe(true);
    const part = settingsOf('recipe', 3, {
      ...SETTINGS,
      curveImages: 36,
      directions: 1,
      smallEpochs: 1,
      largeEpochs: 1,
    });
    const { curves } = await run('part', part);
    const [{ lossStandardError, loss, images: taken }] = curves;
    expect(taken).toBe(36);
    // At most √(1 − 36/48) of a spread that is of the loss's own order over √36.
    lossStandardError.forEach((error, i) => {
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan((Math.sqrt(1 / 4) * 2 * loss[i]) / 6);
    });
  });

  test('that is done is reported again, not trained again', async () => {
    expect(isDone(reopenRunFolder(join(root, 'whole'))!)).toBe(true);
    expect(await run('whole', SETTINGS, idle())).toEqual(report);
    expect(judge(reopenRunFolder(join(root, 'whole'))!)).toEqual(report);
    expect(parseReport(readFileSync(join(root, 'whole/report.json'), 'utf8'), 'report.json')).toEqual(report);
  });

  test('that is not done cannot be judged', () => {
    open('empty');
    const folder = reopenRunFolder(join(root, 'empty'))!;
    expect(isDone(folder)).toBe(false);
    expect(() => judge(folder)).toThrow(/is not finished/);
    expect(reopenRunFolder(join(root, 'nowhere'))).toBeUndefined();
  });

  test('that dies at any milestone goes on to the same figures', async () => {
    for (const stop of [1, 4, 7, 10]) {
      const name = `dead ${stop}`;
      await expect(run(name, SETTINGS, { progress: dyingAt(stop) })).rejects.toThrow('power cut');
      expect(timeless(await run(name))).toEqual(timeless(report));
    }
  });

  test('that is interrupted at any image goes on to the same figures, without a step done twice', async () => {
    for (const stop of [3, 20, 100, 500]) {
      const controller = new AbortController();
      let seen = 0;
      let began = 0;
      const counting: Progress = {
        ...silent,
        begin: (title, total) => ({
          ...silent.begin(title, total),
          advance: (more) => {
            if (title.includes('training')) began += more;
            seen += more;
            if (seen >= stop) controller.abort(new Interrupted());
          },
        }),
      };
      const name = `interrupted ${stop}`;
      const interrupted = run(name, SETTINGS, { progress: counting, signal: controller.signal });
      await expect(interrupted).rejects.toThrow(Interrupted);
      expect(timeless(await run(name, SETTINGS, { progress: { ...counting } }))).toEqual(timeless(report));
      expect(began).toBe(48 * (SETTINGS.smallEpochs + SETTINGS.largeEpochs));
    }
  });

  test('goes on from the checkpoint before where the newest is damaged, and says so', async () => {
    const longer = { ...SETTINGS, smallEpochs: 3 };
    await expect(run('damaged', longer, { progress: dyingAt(2) })).rejects.toThrow('power cut');
    const file = join(root, 'damaged/checkpoints/small_batch.training');
    const bytes = readFileSync(file);
    bytes[bytes.length - 5] ^= 1;
    writeFileSync(file, bytes);
    const said: string[] = [];
    const say = (line: string) => void said.push(line);
    const context = contextOf('damaged', longer, { say }, { progress: { ...silent, say } });
    const resumed = await runExperiment(context);
    expect(said).toContain(`${file} is damaged: going on from the one before it.`);
    expect(said).toContain('SB: going on after epoch 1 of 3.');
    expect(timeless(resumed)).toEqual(timeless(await run('undamaged', longer)));
  });

  test('of other settings is refused the folder, naming the flag, and touches nothing', () => {
    const before = readFileSync(join(root, 'whole/report.json'));
    const other = { ...SETTINGS, smallBatch: 16 };
    expect(() => open('whole', other)).toThrow(UserError);
    expect(() => open('whole', other)).toThrow(/holds an experiment with --small-batch 8, not 16/);
    expect(() => open('whole', { ...SETTINGS, normalization: 'layer' })).toThrow(
      /--normalization filter, not layer/,
    );
    expect(() => open('whole', { ...SETTINGS, directions: 1 })).toThrow(/--directions 2, not 1/);
    expect(readFileSync(join(root, 'whole/report.json'))).toEqual(before);
  });

  test('without a curve yet may go on with another grid, around the same minimizers', async () => {
    const dying: Progress = {
      ...silent,
      begin: (title) => {
        if (title === 'Curves') throw new Error('power cut');
        return silent.begin(title, 0);
      },
    };
    const other: Settings = { ...SETTINGS, alphas: [-0.5, 0, 0.5], normalization: 'layer' };
    await expect(run('curves', other, { progress: dying })).rejects.toThrow('power cut');
    const trained: string[] = [];
    const noting: Progress = { ...silent, say: (line) => void trained.push(line) };
    expect(timeless(await run('curves', SETTINGS, { progress: noting }))).toEqual(timeless(report));
    expect(trained).toEqual([]);
  });

  test('that is done may grow by directions, keeping the curves that it has', async () => {
    await finish('growing', { ...SETTINGS, directions: 1 });
    const drawn: string[] = [];
    const noting: Progress = {
      ...silent,
      begin: () => ({ ...silent.begin('', 0), milestone: (text) => void drawn.push(text) }),
    };
    expect(timeless(await run('growing', SETTINGS, { progress: noting }))).toEqual(timeless(report));
    expect(drawn.filter((text) => text.includes('direction'))).toEqual([
      'SB train, direction 2/2',
      'SB train, near the minimizer, direction 2/2',
      'LB train, direction 2/2',
      'LB train, near the minimizer, direction 2/2',
    ]);
  });

  test('over two seeds is the two seeds’ experiments, judged over seeds', async () => {
    const both = await run('seeds', { ...SETTINGS, seeds: 2 });
    const second = await run('second', { ...SETTINGS, seed: 4 });
    expect(both.runs.map(({ weightsSha256 }) => weightsSha256)).toEqual(
      [...report.runs, ...second.runs].map(({ weightsSha256 }) => weightsSha256),
    );
    expect(both.curves).toEqual([...report.curves, ...second.curves]);
    const headline = (from: Report) => from.claims.find(({ id }) => id === 'lb-rises-faster')!;
    expect(headline(both)).toMatchObject({ n: 2, over: 'seeds' });
    expect(headline(both).bySeed.map(({ estimate }) => estimate)).toEqual(
      [report, second].map((own) => headline(own).estimate),
    );
    for (const name of ['small_batch', 'large_batch', 'small_batch-seed4', 'large_batch-seed4']) {
      expect(existsSync(join(root, 'seeds', `${name}.safetensors`))).toBe(true);
    }
  });

  test('with test curves also has the test claim and the shift of the minimum', async () => {
    const { claims, measures, curves } = await run('test curves', {
      ...SETTINGS,
      smallEpochs: 1,
      largeEpochs: 1,
      testCurves: true,
    });
    expect(claims.map(({ id }) => id)).toContain('lb-rises-faster-test');
    expect(measures.filter(({ id }) => id === 'minimum-shift').map(({ regime }) => regime)).toEqual([
      'SB',
      'LB',
    ]);
    expect(curves.filter(({ split }) => split === 'test')).toHaveLength(4);
    expect(curves.find(({ split }) => split === 'test')!.images).toBe(64);
  });

  test('that is unfinished does not go on with another number of threads, one that is done may be reported', () => {
    const elsewhere = (name: string, options: OpenOptions = { isFinished: isDone }) =>
      openRunFolder(
        join(root, name),
        { settings: SETTINGS, environment: { ...ENVIRONMENT, threads: 64 } },
        options,
      );
    open('threads');
    expect(() => elsewhere('threads')).toThrow(/was begun with threads 2, and here it is 64/);
    expect(elsewhere('whole').beginning.environment.threads).toBe(2);
    expect(() => elsewhere('whole', {})).toThrow(/begun with threads/);
  });

  test('that was done and grows needs the threads of before, whether or not the growth has begun', async () => {
    await finish('grown', { ...SETTINGS, directions: 1 });
    const elsewhere = () =>
      openRunFolder(
        join(root, 'grown'),
        { settings: SETTINGS, environment: { ...ENVIRONMENT, threads: 64 } },
        { isFinished: isDone },
      );
    expect(elsewhere).toThrow(/begun with threads/);
    expect(reopenRunFolder(join(root, 'grown'))!.beginning.settings.directions).toBe(1);
    open('grown');
    expect(existsSync(join(root, 'grown/report.json'))).toBe(true);
    expect(elsewhere).toThrow(/begun with threads/);
  });

  test('does not write over a report whose checkpoints are gone, unless told to overwrite', () => {
    mkdirSync(join(root, 'published'));
    writeFileSync(join(root, 'published/report.json'), '{}');
    expect(() => open('published')).toThrow(/holds a report without its checkpoints/);
    expect(readFileSync(join(root, 'published/report.json'), 'utf8')).toBe('{}');
    open('published', SETTINGS, { overwrite: true });
    expect(existsSync(join(root, 'published/report.json'))).toBe(false);
  });

  test('takes the folder over when told to overwrite, and removes nothing of others', () => {
    open('another');
    const mine = ['mine.txt', 'mine.tmp', 'mine.safetensors'].map((name) => join(root, 'another', name));
    const old = ['small_batch-seed7.safetensors', 'report.html', 'control.safetensors'].map((name) =>
      join(root, 'another', name),
    );
    for (const file of [...mine, ...old]) writeFileSync(file, '');
    open('another', { ...SETTINGS, smallBatch: 16 }, { overwrite: true });
    expect(() => open('another')).toThrow(/--small-batch 16, not 8/);
    expect(mine.every(existsSync)).toBe(true);
    expect(old.some(existsSync)).toBe(false);
  });

  test('does not go on from weights that were changed since, nor from a damaged note', async () => {
    await run('spoilt', { ...SETTINGS, smallEpochs: 1, largeEpochs: 1 });
    const again = () => run('spoilt', { ...SETTINGS, smallEpochs: 1, largeEpochs: 1 });
    const file = join(root, 'spoilt/small_batch.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    await expect(again()).rejects.toThrow(/were changed/);
    rmSync(file);
    await expect(again()).rejects.toThrow(/are missing/);
    writeFileSync(join(root, 'spoilt/checkpoints/experiment.beginning'), '{');
    expect(() => open('spoilt')).toThrow(/experiment\.beginning is damaged/);
  });

  test('cannot begin in a folder that is a file', () => {
    writeFileSync(join(root, 'file'), 'mine');
    expect(() => open('file')).toThrow(/file cannot be written .* choose another --out/);
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('mine');
  });

  describe('with a control', () => {
    const control = (name: string, pairs: number) =>
      runControl(contextOf(name, SETTINGS, { adopt: ['seeds'] }), pairs);

    test('trains SB again from the same start, in another order, and reports it beside the rest', async () => {
      await finish('controlled');
      const { rise, largestFactor, runs, curves } = await control('controlled', 2);
      expect(rise).toMatchObject({ n: 2, over: 'seeds' });
      expect(largestFactor).toBeGreaterThan(1);
      expect(runs.map(({ seed, regime }) => [seed, regime])).toEqual([
        [3, 'SB'],
        [4, 'SB'],
      ]);
      expect(runs[0].weightsSha256).not.toBe(report.runs[0].weightsSha256);
      expect(curves.map(({ directionSeed }) => directionSeed)).toEqual([3000, 3001, 4000, 4001]);
      const { control: reported, ...rest } = judge(reopenRunFolder(join(root, 'controlled'))!);
      const { controlCommand } = report;
      expect(timeless({ ...rest, controlCommand, control: null })).toEqual(timeless(report));
      expect(reported!.rise).toEqual(rise);
    });

    test('may come first, and what it trained of SB is not trained again', async () => {
      await control('control first', 1);
      const folder = reopenRunFolder(join(root, 'control first'))!;
      expect(isDone(folder)).toBe(false);
      const { control: reported, ...rest } = await run('control first');
      expect(reported).not.toBeNull();
      expect(rest.runs[0].weightsSha256).toBe(report.runs[0].weightsSha256);
      expect(rest.runs[0].seconds).toBe(judge(folder).runs[0].seconds);
    });

    test('keeps it as the directions grow, judged on those that it holds, and says how many', async () => {
      await run('grown control', { ...SETTINGS, directions: 1 });
      const settings = { ...SETTINGS, directions: 1 };
      const { rise } = await runControl(contextOf('grown control', settings, {}), 1);
      const grown = await run('grown control');
      expect(grown.runs[0].weightsSha256).toBe(report.runs[0].weightsSha256);
      expect(grown.control!.rise).toEqual(rise);
      expect(grown.control!.curves.map(({ direction }) => direction)).toEqual([0]);
      expect(reportMarkdown(grown)).toContain('along 1 of the 2 directions');
      const whole = await control('grown control', 1);
      expect(whole.rise.n).toBe(2);
      expect(reportMarkdown(judge(reopenRunFolder(join(root, 'grown control'))!))).not.toContain(
        'of the 2 directions',
      );
    });
  });

  describe('with its sensitivity', () => {
    test('has a row for every choice, and the row of the choices made is the headline’s own', async () => {
      const settings = {
        ...SETTINGS,
        ...{ trainSize: 24, curveImages: 24, smallEpochs: 1, largeEpochs: 1, directions: 1 },
        alphas: evenAlphas(17),
      };
      const few = { data: { train: firstImages(images, 24), test: firstImages(images, 30) } };
      const { sensitivity, claims } = await run('sensitivity', settings, few, {
        sensitivityImages: 26,
      });
      expect(sensitivity!.rows).toHaveLength(4 * 2 * 3 * 3);
      expect(
        new Set(
          sensitivity!.rows.map((row) => JSON.stringify([row.normalization, row.split, row.range, row.rise])),
        ).size,
      ).toBe(72);
      expect(sensitivity!.images).toEqual({ train: 24, test: 26 });
      const own = sensitivity!.rows.find(
        ({ normalization, split, range, rise }) =>
          normalization === 'filter' && split === 'train' && range === 1 && rise === 'mean',
      )!;
      const headline = claims.find(({ id }) => id === 'lb-rises-faster')!;
      expect(own.estimate).toBeCloseTo(headline.estimate, 10);
      expect(own.verdict).toBe(headline.verdict);
      expect((await run('sensitivity', settings, idle())).sensitivity).toEqual(sensitivity);
    });

    test('to learning rates has a row for each, LB’s own among them, and says where one diverged', async () => {
      const settings = {
        ...SETTINGS,
        largeLearningRate: 0.04,
        smallEpochs: 1,
        largeEpochs: 1,
        directions: 1,
      };
      const folder = open('rates', settings);
      folder.run('large_batch-lr0.16').write({ diverged: 'The loss became NaN in epoch 1.' });
      const { trainingSensitivity, runs } = await run('rates', settings, {}, { learningRates: true });
      const [slow, own, diverged] = trainingSensitivity!.rows;
      expect(trainingSensitivity!.rows.map(({ learningRate }) => learningRate)).toEqual([0.01, 0.04, 0.16]);
      expect(own.train).toEqual(runs.find(({ regime }) => regime === 'LB')!.train);
      expect(slow.train).not.toEqual(own.train);
      expect(diverged).toMatchObject({
        diverged: 'The loss became NaN in epoch 1.',
        verdict: 'INCONCLUSIVE',
      });
      const grown = await run('rates', { ...settings, directions: 2 });
      expect(grown.claims.find(({ id }) => id === 'lb-rises-faster')!.n).toBe(2);
      expect(grown.trainingSensitivity).toEqual(trainingSensitivity);
      expect(reportMarkdown(grown)).toContain('They rest on 1 of the 2 directions.');
    });
  });
});
