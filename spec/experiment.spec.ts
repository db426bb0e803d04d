import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Engine } from '../src/engine/engine';
import { UserError } from '../src/errors';
import { directionSeedOf, runExperiment } from '../src/experiment';
import { computeSharpnessCurve } from '../src/landscape/curve';
import { normalizeDirection, randomDirection } from '../src/landscape/directions';
import { SIMPLE_VGG } from '../src/model/architecture';
import { readWeights } from '../src/model/safetensors';
import type { Progress } from '../src/progress';
import { reportJson, type Report } from '../src/report/report';
import { openRunFolder } from '../src/run-folder';
import { settingsOf, type Settings } from '../src/settings';
import { ENVIRONMENT } from './support/environment';
import { specEngine } from './support/engine';
import { sampleImages } from './support/fixtures';

const images = sampleImages();
const data = { train: images, test: images };
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
  begin: () => ({ advance: () => {}, note: () => {}, milestone: () => {}, end: () => {} }),
};

/** The report without what a clock says. */
function timeless(report: Report): unknown {
  return JSON.parse(reportJson({ ...report, runs: report.runs.map((run) => ({ ...run, seconds: 0 })) }));
}

describe('an experiment', () => {
  const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
  let engine: Engine;
  let report: Report;
  const open = (name: string, settings: Settings = SETTINGS, overwrite = false) =>
    openRunFolder(join(root, name), { settings, environment: ENVIRONMENT }, overwrite);
  beforeAll(async () => {
    engine = await specEngine();
    report = await runExperiment(engine, data, SETTINGS, open('whole'), silent);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('leaves its picture, report and weights', () => {
    for (const name of [
      'sharpness_comparison.png',
      'report.json',
      'report.md',
      'small_batch.safetensors',
      'large_batch.safetensors',
    ]) {
      expect(existsSync(join(root, 'whole', name))).toBe(true);
    }
    expect(readFileSync(join(root, 'whole/report.json'), 'utf8')).toBe(reportJson(report));
  });

  test("reports each run's training loss as its curves at α = 0, to the last bit", () => {
    expect(report.curves.length).toBe(4);
    for (const { regime, alphas, loss } of report.curves) {
      expect(loss[alphas.indexOf(0)]).toBe(report.runs.find((run) => run.regime === regime)!.train.loss);
    }
  });

  test('pairs SB and LB along the same noise, another for each direction', () => {
    const seedsOf = (regime: string) =>
      report.curves.filter((curve) => curve.regime === regime).map(({ directionSeed }) => directionSeed);
    expect(seedsOf('SB')).toEqual(seedsOf('LB'));
    expect(new Set(seedsOf('SB')).size).toBe(2);
    expect(seedsOf('SB')[1]).toBe(directionSeedOf(3, 1));
  });

  test('tells with each curve how it can be drawn again from the stored weights', async () => {
    const [, , , { directionSeed, normalization, alphas, loss, regime }] = report.curves;
    expect(regime).toBe('LB');
    const weights = readWeights(join(root, 'whole/large_batch.safetensors'), SIMPLE_VGG);
    const noise = randomDirection(SIMPLE_VGG, directionSeed);
    const direction = normalizeDirection(SIMPLE_VGG, noise, weights, normalization as 'filter');
    const first = {
      count: 48,
      images: images.images.subarray(0, 48 * 3072),
      labels: images.labels.subarray(0, 48),
    };
    const curve = await computeSharpnessCurve(engine, SIMPLE_VGG, first, weights, direction, alphas);
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
    const { curves } = await runExperiment(engine, data, part, open('part', part), silent);
    const [{ lossStandardError, loss, images: taken }] = curves;
    expect(taken).toBe(36);
    // At most √(1 − 36/48) of a spread that is of the loss's own order over √36.
    lossStandardError.forEach((error, i) => {
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan((Math.sqrt(1 / 4) * 2 * loss[i]) / 6);
    });
  });

  test('that is done is reported again, not trained again', async () => {
    const noEngine = { ...engine, kernels: {} as Engine['kernels'] };
    expect(await runExperiment(noEngine, data, SETTINGS, open('whole'), silent)).toEqual(report);
  });

  test('interrupted at any milestone goes on to the same figures', async () => {
    for (const stop of [1, 4, 7]) {
      let milestones = 0;
      const fragile: Progress = {
        ...silent,
        begin: () => ({
          ...silent.begin('', 0),
          milestone: () => {
            if (++milestones === stop) throw new Error('power cut');
          },
        }),
      };
      const name = `interrupted ${stop}`;
      await expect(runExperiment(engine, data, SETTINGS, open(name), fragile)).rejects.toThrow('power cut');
      const resumed = await runExperiment(engine, data, SETTINGS, open(name), silent);
      expect(timeless(resumed)).toEqual(timeless(report));
    }
  });

  test('of other settings is refused the folder, naming the flag, and touches nothing', () => {
    const before = readFileSync(join(root, 'whole/report.json'));
    const other = { ...SETTINGS, smallBatch: 16 };
    expect(() => open('whole', other)).toThrow(UserError);
    expect(() => open('whole', other)).toThrow(/holds an experiment with --small-batch 8, not 16/);
    expect(readFileSync(join(root, 'whole/report.json'))).toEqual(before);
  });

  test('that is unfinished may go on with other curves, around the same minimizers', async () => {
    const dying: Progress = {
      ...silent,
      begin: (title) => {
        if (title === 'Curves') throw new Error('power cut');
        return silent.begin(title, 0);
      },
    };
    await expect(runExperiment(engine, data, SETTINGS, open('curves'), dying)).rejects.toThrow('power cut');
    const fewer = { ...SETTINGS, directions: 1 };
    const { runs, curves, preset } = await runExperiment(engine, data, fewer, open('curves', fewer), silent);
    expect(runs.map(({ weightsSha256 }) => weightsSha256)).toEqual(
      report.runs.map((run) => run.weightsSha256),
    );
    expect(curves).toEqual(report.curves.slice(0, 2));
    expect(preset.directions).toBe(1);
    expect(() => open('curves')).toThrow(/--directions 1, not 2/);
  });

  test('that is unfinished does not go on with another number of threads, one that is done may be reported', () => {
    const other = { ...ENVIRONMENT, threads: 64 };
    open('threads');
    expect(() =>
      openRunFolder(join(root, 'threads'), { settings: SETTINGS, environment: other }, false),
    ).toThrow(/was begun with threads 2, and here it is 64/);
    const { beginning } = openRunFolder(
      join(root, 'whole'),
      { settings: SETTINGS, environment: other },
      false,
    );
    expect(beginning.environment.threads).toBe(2);
  });

  test('does not write over a report whose checkpoints are gone', () => {
    mkdirSync(join(root, 'published'));
    writeFileSync(join(root, 'published/report.json'), '{}');
    expect(() => open('published')).toThrow(/holds a report without its checkpoints/);
    expect(readFileSync(join(root, 'published/report.json'), 'utf8')).toBe('{}');
  });

  test('takes the folder over when told to overwrite', () => {
    writeFileSync(join(root, 'mine.txt'), '');
    open('another');
    open('another', { ...SETTINGS, smallBatch: 16 }, true);
    expect(() => open('another')).toThrow(/--small-batch 16, not 8/);
    expect(existsSync(join(root, 'mine.txt'))).toBe(true);
  });

  test('does not go on from weights that were changed since, nor from a damaged note', async () => {
    await runExperiment(engine, data, SETTINGS, open('spoilt'), silent);
    const file = join(root, 'spoilt/small_batch.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    await expect(runExperiment(engine, data, SETTINGS, open('spoilt'), silent)).rejects.toThrow(
      /were changed/,
    );
    rmSync(file);
    await expect(runExperiment(engine, data, SETTINGS, open('spoilt'), silent)).rejects.toThrow(
      /are missing/,
    );
    writeFileSync(join(root, 'spoilt/checkpoints/beginning.json'), '{');
    expect(() => open('spoilt')).toThrow(/beginning\.json is damaged/);
  });

  test('cannot begin in a folder that is a file', () => {
    writeFileSync(join(root, 'file'), 'mine');
    expect(() => open('file')).toThrow(/file cannot be written .* choose another --out/);
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('mine');
  });
});
