import { beforeAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import type { Stored } from '../../src/experiment/stored';
import type { PaperContext } from '../../src/paper/context';
import { runPaper } from '../../src/paper/experiment';
import { paperTraining } from '../../src/paper/trainings';
import { openPaperFolder, type PaperBeginning } from '../../src/paper/folder';
import { judgePaper, sharpnessIn } from '../../src/paper/judge';
import { paperMarkdown, paperText } from '../../src/paper/markdown';
import { EPSILONS, SPACES } from '../../src/paper/published';
import type { NetworkReport, PaperReport } from '../../src/paper/report';
import {
  paperCommandOf,
  paperSettingsOf,
  paperTrainingConfig,
  REMEDIES,
  type Remedy,
} from '../../src/paper/settings';
import { pairTests } from '../../src/verdict/generalization';
import { readWeights } from '../../src/model/safetensors';
import { ENVIRONMENT } from '../helpers/environment';
import { interruptAt, TINY_C1, tinyPaper } from '../helpers/paper';

/** Whole experiments take seconds, but minutes on a machine that is busy with something else. */
const PATIENCE = 300_000;

const ALL: Remedy[] = [...REMEDIES];

/** Figures alone: what time took is left out. */
function figuresOf({ networks }: PaperReport): unknown {
  return JSON.parse(
    JSON.stringify(networks, (key, value: unknown) => (key === 'seconds' ? undefined : value)),
  );
}

describe('the remedies of the paper', () => {
  const scaled = (changes: object) => paperSettingsOf('scaled', 5, changes);

  test('are none unless asked for', () => {
    expect(scaled({}).remedies).toEqual([]);
  });

  test('change nothing of LB but what they are: λ = .001 and three iterations, 2/255, crops and flips', () => {
    const settings = scaled({ remedies: ALL });
    const plain = paperTrainingConfig(settings, 'C1', 'LB');
    const config = (remedy: Remedy) => paperTrainingConfig(settings, 'C1', 'LB', remedy);
    expect(config('augmentation')).toEqual({ ...plain, augment: true });
    expect(config('conservative')).toEqual({ ...plain, conservative: { lambda: 0.001, iterations: 3 } });
    expect(config('adversarial')).toEqual({ ...plain, adversarial: { epsilon: 2 / 255 } });
  });

  test('have files of their own, and the seed of LB, which gives the initial weights', () => {
    const training = (remedy?: Remedy) => paperTraining(scaled({}), 'C1', 'LB', 42, remedy);
    expect(ALL.map((remedy) => training(remedy).seed)).toEqual([42, 42, 42]);
    expect([training(), ...ALL.map(training)].map(({ name }) => name)).toEqual([
      'C1-LB-seed42',
      'C1-LB-augmentation-seed42',
      'C1-LB-conservative-seed42',
      'C1-LB-adversarial-seed42',
    ]);
  });

  test('are named by the command', () => {
    expect(paperCommandOf(scaled({ remedies: ['conservative', 'adversarial'] }), 'wasm')).toMatch(
      / --remedies conservative,adversarial$/,
    );
  });

  test.each<[object, RegExp]>([
    [{ remedies: ['dropout'] }, /--remedies/],
    [{ remedies: ['adversarial', 'adversarial'] }, /--remedies names one twice/],
    [{ remedies: ['augmentation'], networks: ['C1', 'F1'] }, /--remedies augmentation .*digit.*F1/],
  ])('%j is refused', (changes, message) => {
    expect(() => scaled(changes)).toThrow(UserError);
    expect(() => scaled(changes)).toThrow(message);
  });

  test('but for flips are for digits too', () => {
    expect(scaled({ remedies: ['conservative', 'adversarial'], networks: ['F1'] }).networks).toEqual(['F1']);
  });
});

describe('an experiment with all remedies', () => {
  let context: PaperContext;
  let network: NetworkReport;
  let report: PaperReport;
  beforeAll(async () => {
    context = await tinyPaper({ remedies: ALL });
    await runPaper(context);
    report = judgePaper(context.folder);
    [network] = report.networks;
  }, PATIENCE);
  const claim = (id: string) => network.claims.find((one) => one.id === id)!;

  test('ends at other weights with each, and measures each in every space and box', () => {
    const runs = [...network.runs, ...network.remedies.flatMap((own) => own.runs)];
    expect(network.remedies.map(({ remedy }) => remedy)).toEqual(ALL);
    expect(new Set(runs.map(({ weightsSha256 }) => weightsSha256)).size).toBe(5);
    for (const { sharpness, batchSize, regime } of runs) {
      expect(sharpness.map(({ space, epsilon }) => [space, epsilon])).toEqual(
        SPACES.flatMap((space) => EPSILONS.map((epsilon) => [space, epsilon])),
      );
      expect(batchSize).toBe(regime === 'SB' ? 8 : 24);
    }
  });

  test('claims of each that LB with it classifies more test images right than LB, image by image', async () => {
    const images = context.load('cifar10', 'test');
    const { compute, settings, folder } = context;
    const results = async (remedy?: Remedy) => {
      const file = folder.weightsFile(paperTraining(settings, 'C1', 'LB', 7, remedy).name);
      const trained = readWeights(file, TINY_C1);
      const train = context.load('cifar10', 'train');
      const weights = await compute.batchStatistics(TINY_C1, trained, train, { batchSize: 24 });
      return compute.evaluateImages(TINY_C1, weights, images);
    };
    const plain = await results();
    for (const remedy of ALL) {
      const own = await results(remedy);
      expect(context.folder.pairedTest('C1', 7, remedy).read()).toEqual(pairTests(own, plain));
      const right = (correct: Uint8Array) => correct.reduce((sum, one) => sum + one, 0);
      expect(claim(`${remedy}-test-accuracy-higher`).estimate).toBeCloseTo(
        (right(own.correct) - right(plain.correct)) / 16,
        12,
      );
    }
  });

  test('passes the claim on accuracy where more images are right with the remedy alone than without it alone', () => {
    const stored = context.folder.pairedTest('C1', 7, 'conservative');
    const held = stored.read()!;
    stored.write({ ...held, images: 1000, onlySmallBatchRight: 40, onlyLargeBatchRight: 10 });
    const [{ claims }] = judgePaper(context.folder).networks;
    stored.write(held);
    const own = claims.find(({ id }) => id === 'conservative-test-accuracy-higher')!;
    expect(own).toMatchObject({ verdict: 'PASS', unit: 'share', n: 1000, over: 'images' });
    expect(own.estimate).toBeCloseTo(0.03, 12);
    expect(own.reason).toMatch(
      /^The test accuracy of LB with conservative training is 3.00 points above that of LB \(/,
    );
  });

  test('claims of each that it is still sharper than SB, in the full space and the larger box', () => {
    const [small] = network.runs.filter(({ regime }) => regime === 'SB');
    for (const { remedy, runs } of network.remedies) {
      const { estimate, reason } = claim(`${remedy}-still-sharp`);
      expect(estimate).toBeCloseTo(sharpnessIn(runs[0], 'full', 1e-3) / sharpnessIn(small, 'full', 1e-3), 9);
      expect(reason).toContain(
        `The sharpness of LB with ${remedy === 'augmentation' ? 'data ' : ''}${remedy}`,
      );
    }
  });

  test('shows SB, LB and each remedy in one table, in Markdown and on the terminal', () => {
    const texts = { markdown: paperMarkdown(report), terminal: paperText(report) };
    for (const text of Object.values(texts)) {
      expect(text).toContain('Remedies (Appendix E)');
      for (const remedy of ALL) {
        const row = text.split('\n').find((line) => line.includes(`LB, ${remedy}`))!;
        const [run] = network.remedies.find((own) => own.remedy === remedy)!.runs;
        expect(row).toContain(`${(100 * run.test.accuracy).toFixed(2)}%`);
        expect(row).toContain(String(Number(sharpnessIn(run, 'subspace', 5e-4).toPrecision(4))));
      }
    }
    expect(texts.markdown).toContain('3 steps of Adam a batch, held by λ = 0.001');
    expect(texts.markdown).toContain('ε = 2/255');
    expect(texts.markdown.split('\n').filter((line) => /^\| C1 \| LB, \w+ \| 7 \|/.test(line))).toHaveLength(
      3,
    );
  });

  test('does nothing again', async () => {
    const again = await tinyPaper({ remedies: ALL }, context.folder.path);
    const compute = {
      info: context.compute.info,
    } as PaperContext['compute'];
    await runPaper({ ...again, compute });
    expect(judgePaper(again.folder)).toEqual(report);
  });

  test(
    'comes to the same figures where it was interrupted in every training with a remedy',
    async () => {
      let path: string | undefined;
      for (const remedy of ALL) {
        const begun = await tinyPaper({ remedies: ALL }, path);
        path = begun.folder.path;
        const { label } = paperTraining(begun.settings, 'C1', 'LB', 7, remedy);
        await interruptAt(begun, label);
        const checkpoint = begun.folder.checkpoint(paperTraining(begun.settings, 'C1', 'LB', 7, remedy).name);
        expect(checkpoint.read()!.stepsDone).toBe(1);
      }
      const resumed = await tinyPaper({ remedies: ALL }, path);
      await runPaper(resumed);
      expect(figuresOf(judgePaper(resumed.folder))).toEqual(figuresOf(report));
    },
    PATIENCE,
  );

  test(
    'grew out of one without, whose figures stay, and out of one that knew no remedies',
    async () => {
      const plain = await tinyPaper({});
      await runPaper(plain);
      const before = judgePaper(plain.folder);
      expect(before.networks[0].remedies).toEqual([]);
      expect(paperMarkdown(before)).not.toContain('Remedies');

      // As a version wrote it that knew no remedies.
      const { remedies: _, ...settings } = plain.settings;
      const older = { settings, environment: ENVIRONMENT } as unknown as PaperBeginning;
      const { path } = plain.folder;
      openPaperFolder(path, older);
      const grown = await tinyPaper({ remedies: ['conservative'] }, path);
      await runPaper(grown);
      const after = judgePaper(grown.folder);
      expect(after.networks[0].runs).toEqual(before.networks[0].runs);
      expect(after.networks[0].remedies[0].runs[0].weightsSha256).toBe(
        network.remedies.find(({ remedy }) => remedy === 'conservative')!.runs[0].weightsSha256,
      );
      await expect(tinyPaper({ remedies: ['adversarial'] }, path)).rejects.toThrow(/--remedies conservative/);
      await expect(tinyPaper({}, path)).rejects.toThrow(/--remedies conservative, not none/);
    },
    PATIENCE,
  );

  test.each(['run', 'sharpness', 'test'])('is not judged while a %s is missing', (what) => {
    const { folder } = context;
    const { name } = paperTraining(context.settings, 'C1', 'LB', 7, 'adversarial');
    const stored: Stored<unknown> =
      what === 'run'
        ? folder.run(name)
        : what === 'sharpness'
          ? folder.sharpness(name)
          : folder.pairedTest('C1', 7, 'adversarial');
    const held = stored.read();
    stored.remove();
    expect(() => judgePaper(folder)).toThrow(UserError);
    stored.write(held);
    expect(judgePaper(folder)).toEqual(report);
  });
});
