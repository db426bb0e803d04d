import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import { paperTraining } from '../../src/paper/trainings';
import { openPaperFolder, reopenPaperFolder, type PaperFolder } from '../../src/paper/folder';
import { judgePaper } from '../../src/paper/judge';
import { paperMarkdown, paperText } from '../../src/paper/markdown';
import { EPSILONS, PUBLISHED, SPACES, type Space } from '../../src/paper/published';
import { paperSettingsOf } from '../../src/paper/settings';
import { REGIMES, type Regime } from '../../src/training/regime';
import { ENVIRONMENT } from '../helpers/environment';

const root = mkdtempSync(join(tmpdir(), 'paper judge '));
afterAll(() => rmSync(root, { recursive: true }));

const SEEDS = [42, 43, 44];
const ACCURACY: Readonly<Record<Regime, readonly number[]>> = {
  SB: [0.7, 0.71, 0.72],
  LB: [0.66, 0.68, 0.67],
};

/** φ: LB's is 8, 10 and 12.5 times SB's in the full space, and as large in the subspace. */
function sharpnessOf(regime: Regime, trial: number, space: Space, epsilon: number): number {
  const own = 100 * epsilon * 1000 * (trial + 1);
  if (regime === 'SB') return own;
  return space === 'full' ? own * [8, 10, 12.5][trial] : own * [0.5, 1, 2][trial];
}

describe("the report of the paper's experiment", () => {
  let folder: PaperFolder;
  let count = 0;
  const settings = paperSettingsOf('scaled', 42, {});
  beforeEach(() => {
    folder = openPaperFolder(join(root, String(count++)), { settings, environment: ENVIRONMENT });
    SEEDS.forEach((seed, trial) => {
      for (const regime of REGIMES) {
        const { name } = paperTraining(settings, 'C1', regime, seed);
        const evaluation = { loss: 0.01, accuracy: 0.999, lossStandardError: 0.001 };
        folder.run(name).write({
          train: evaluation,
          // By running statistics: not what is reported.
          test: { ...evaluation, accuracy: 0.1 },
          distanceFromStart: regime === 'SB' ? 30 : 10,
          weightsSha256: 'f'.repeat(64),
          seconds: 60,
          history: Array.from({ length: 8 }, (_, i) => ({
            epoch: i + 1,
            learningRate: 1e-3,
            trainingModeLoss: 1,
            test: null,
          })),
        });
        folder.evaluation(name).write({
          train: evaluation,
          test: { ...evaluation, accuracy: ACCURACY[regime][trial] },
        });
        folder.sharpness(name).write(
          SPACES.flatMap((space) =>
            EPSILONS.map((epsilon) => ({
              space,
              epsilon,
              sharpness: sharpnessOf(regime, trial, space, epsilon),
              standardError: 1,
              loss: 0.01,
              maximum: 1,
              fromCentre: 1,
              fromRandom: 1,
              evaluations: 25,
              seconds: 30,
            })),
          ),
        );
      }
      folder.pairedTest('C1', seed).write({
        images: 10_000,
        onlySmallBatchRight: 1000,
        onlyLargeBatchRight: 600,
        lossDifference: 0.1,
        lossDifferenceError: 0.01,
      });
    });
  });

  const claim = (id: string) => judgePaper(folder).networks[0].claims.find((one) => one.id === id)!;

  test('has a claim on sharpness for each space and box, over trials, as ratios', () => {
    for (const epsilon of EPSILONS) {
      const full = claim(`lb-sharper-full-${epsilon}`);
      expect(full.verdict).toBe('PASS');
      expect(full.estimate).toBeCloseTo(10, 9);
      // Student's t on log 8, log 10, log 12.5: 4.303 · log 1.25 / √3.
      expect(full.interval[0]).toBeCloseTo(10 * 1.25 ** (-4.302652729 / Math.sqrt(3)), 5);
      expect(full).toMatchObject({ n: 3, over: 'seeds' });
      const inside = claim(`lb-sharper-subspace-${epsilon}`);
      expect(inside.verdict).toBe('INCONCLUSIVE');
      expect(inside.estimate).toBeCloseTo(1, 9);
    }
  });

  test('says whether LB generalises worse, whether both ended at comparable losses, and which went farther', () => {
    expect(claim('lb-test-accuracy-lower').verdict).toBe('PASS');
    expect(claim('comparable-training-loss').verdict).toBe('PASS');
    expect(claim('sb-farther-from-start').estimate).toBeCloseTo(3, 9);
  });

  test("prints mean ± standard deviation over trials beside the paper's figures", () => {
    const report = judgePaper(folder);
    for (const text of [paperMarkdown(report), paperText(report)]) {
      expect(text).toContain('71.00% ± 1.00%');
      expect(text).toContain('67.00% ± 1.00%');
      expect(text).toContain('80.04%');
      // Of 100, 200 and 300.
      expect(text).toContain('200 ± 100');
      expect(text).toContain(String(PUBLISHED.C1.sharpness.full[0].SB));
      expect(text).toContain('Table 4: sharpness in a random subspace');
    }
    expect(paperMarkdown(report)).toContain(report.command);
  });

  test('tells trainings that ended because the loss stalled from those that ran out of epochs', () => {
    expect(judgePaper(folder).networks[0].runs.every(({ stalled }) => stalled)).toBe(true);
    const short = openPaperFolder(join(root, String(count++)), {
      settings: paperSettingsOf('scaled', 42, { seeds: 1, patience: 9 }),
      environment: ENVIRONMENT,
    });
    for (const regime of REGIMES) {
      const { name } = paperTraining(settings, 'C1', regime, 42);
      short.run(name).write(folder.run(name).read()!);
      short.evaluation(name).write(folder.evaluation(name).read()!);
      short.sharpness(name).write(folder.sharpness(name).read()!);
    }
    short.pairedTest('C1', 42).write(folder.pairedTest('C1', 42).read()!);
    const report = judgePaper(short);
    expect(report.networks[0].runs.some(({ stalled }) => stalled)).toBe(false);
    expect(paperMarkdown(report)).toContain('8 (the most allowed)');
    // One trial has neither a standard deviation nor an interval.
    expect(paperMarkdown(report)).not.toContain('NaN');
    expect(report.networks[0].claims.find(({ id }) => id === 'lb-sharper-full-0.001')!.verdict).toBe(
      'INCONCLUSIVE',
    );
  });

  test.each(['run', 'evaluation', 'sharpness', 'test'])('is refused while a %s is missing', (what) => {
    const { name } = paperTraining(settings, 'C1', 'LB', 43);
    if (what === 'run') folder.run(name).remove();
    if (what === 'evaluation') folder.evaluation(name).remove();
    if (what === 'sharpness') folder.sharpness(name).remove();
    if (what === 'test') folder.pairedTest('C1', 43).remove();
    expect(() => judgePaper(folder)).toThrow(UserError);
  });

  test('comes from the folder as another process finds it', () => {
    expect(judgePaper(reopenPaperFolder(folder.path)!)).toEqual(judgePaper(folder));
  });
});

describe('the folder of the experiment', () => {
  const open = (path: string, changes: object, environment = ENVIRONMENT) =>
    openPaperFolder(path, { settings: paperSettingsOf('scaled', 42, changes), environment });

  test('may grow by trials and networks, and by nothing else', () => {
    const path = join(root, 'grows');
    open(path, { seeds: 2 });
    expect(open(path, { seeds: 3 }).beginning.settings.seeds).toBe(3);
    expect(open(path, { seeds: 3, networks: ['C1', 'F1'] }).beginning.settings.networks).toEqual([
      'C1',
      'F1',
    ]);
    expect(() => open(path, { seeds: 2, networks: ['C1', 'F1'] })).toThrow(/--seeds 3, not 2/);
    expect(() => open(path, { seeds: 3, networks: ['F1'] })).toThrow(/--networks/);
    expect(() => open(path, { seeds: 3, networks: ['C1', 'F1'], epochs: 5 })).toThrow(/--epochs 200, not 5/);
  });

  test('names the data of networks that came later, and is not gone on with on other data', () => {
    const path = join(root, 'data');
    const on = (dataSha256: string) => ({ ...ENVIRONMENT, dataSha256 });
    open(path, {}, on('a'));
    const grown = open(path, { networks: ['C1', 'F1'] }, on('a, b'));
    expect(grown.beginning.environment.dataSha256).toBe('a, b');
    expect(reopenPaperFolder(path)!.beginning).toEqual(grown.beginning);
    expect(() => open(path, { networks: ['C1', 'F1'] }, on('a, c'))).toThrow(/other training data/);
  });

  test('is not gone on with on another engine', () => {
    const path = join(root, 'engine');
    open(path, {});
    expect(() => open(path, {}, { ...ENVIRONMENT, engine: 'another' })).toThrow(/begun with engine/);
  });
});
