import { beforeAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import { readWeights } from '../../src/model/safetensors';
import type { Weights } from '../../src/model/weights';
import type { PaperContext } from '../../src/paper/context';
import { runPaper } from '../../src/paper/experiment';
import { figuresOf } from '../../src/paper/figures/all';
import { paperHtml } from '../../src/paper/html';
import { judgePaper, sharpnessIn } from '../../src/paper/judge';
import { paperMarkdown } from '../../src/paper/markdown';
import type { NetworkReport, PaperReport } from '../../src/paper/report';
import { paperCommandOf, paperSettingsOf, type PaperSettings } from '../../src/paper/settings';
import { batchSizeTraining, paperTraining, snapshotTraining, warmTraining } from '../../src/paper/trainings';
import { keskarSharpness } from '../../src/sharpness/keskar';
import { lossObjective } from '../../src/sharpness/objective';
import { fullSpace } from '../../src/sharpness/subspace';
import { parameterCount } from '../../src/model/architecture';
import { firstImages } from '../../src/data/dataset';
import { randomStream } from '../../src/support/random';
import { readHtml, readMarkdown } from '../helpers/readings';
import { interruptAt, TINY_C1, tinyPaper } from '../helpers/paper';

/** Whole experiments take seconds, but minutes on a machine that is busy with something else. */
const PATIENCE = 300_000;

/** With SB 8 and LB 24, which are trained anyway, and an epoch that no training of three reaches before its end. */
const ASKED = { epochs: 3, batchSizes: [24, 12, 8, 4], snapshotEpochs: [2, 1, 3] };

/** Figures alone: what time took is left out. */
function withoutTimes({ networks }: PaperReport): unknown {
  return JSON.parse(
    JSON.stringify(networks, (key, value: unknown) => (key === 'seconds' ? undefined : value)),
  );
}

function idle(context: PaperContext): PaperContext {
  return { ...context, compute: { info: context.compute.info } as PaperContext['compute'] };
}

describe('batch sizes and snapshots', () => {
  const scaled = (changes: Partial<PaperSettings>) => paperSettingsOf('scaled', 5, changes);

  test('are none unless asked for, and are named by the command', () => {
    expect(scaled({})).toMatchObject({ batchSizes: [], snapshotEpochs: [] });
    expect(paperCommandOf(scaled({ batchSizes: [16, 64], snapshotEpochs: [1, 8] }), 'wasm')).toMatch(
      / --batch-sizes 16,64 --snapshot-epochs 1,8$/,
    );
  });

  test.each<[object, RegExp]>([
    [{ batchSizes: [16, 16] }, /^--batch-sizes names one twice/],
    [{ batchSizes: [1] }, /^--batch-sizes: /],
    [{ batchSizes: [2.5] }, /^--batch-sizes: /],
    [{ batchSizes: [5001] }, /^--batch-sizes: 5001 is more than the 5000 training images/],
    [{ batchSizes: [4999] }, /^--batch-sizes: batches of 4999 leave one of 5000 images/],
    [{ snapshotEpochs: [4, 4] }, /^--snapshot-epochs names one twice/],
    [{ snapshotEpochs: [0] }, /^--snapshot-epochs: /],
    [{ snapshotEpochs: [201] }, /^--snapshot-epochs: 201 is more than the 200 of --epochs/],
  ])('%j is refused', (changes, message) => {
    expect(() => scaled(changes)).toThrow(UserError);
    expect(() => scaled(changes)).toThrow(message);
  });

  test('change nothing of LB but the batch size, of SB and LB but the epochs, and of LB but where it begins', () => {
    const settings = scaled({});
    const [SB, LB] = (['SB', 'LB'] as const).map((regime) => paperTraining(settings, 'C1', regime, 5));
    expect(batchSizeTraining(settings, 'C1', 64)).toMatchObject({
      name: 'C1-B64-seed5',
      seed: 5,
      config: { ...LB.config, batchSize: 64 },
    });
    expect(snapshotTraining(settings, 'C1', 'SB', 8, 4)).toMatchObject({
      name: 'C1-SB-epoch8-seed5',
      goesOnFrom: 'C1-SB-epoch4-seed5',
      seed: 5,
      config: { ...SB.config, epochs: 8, stopping: undefined },
    });
    expect(warmTraining(settings, 'C1', 8)).toMatchObject({
      name: 'C1-LB-warm8-seed5',
      seed: 5,
      config: LB.config,
    });
  });
});

describe("an experiment with the figures' trainings", () => {
  let context: PaperContext;
  let network: NetworkReport;
  let report: PaperReport;
  beforeAll(async () => {
    context = await tinyPaper({ seeds: 2, ...ASKED });
    await runPaper(context);
    report = judgePaper(context.folder);
    [network] = report.networks;
  }, PATIENCE);
  const weightsOf = (name: string) => readWeights(context.folder.weightsFile(name), TINY_C1);
  const data = () => ({ train: context.load('cifar10', 'train'), test: context.load('cifar10', 'test') });

  test('trains each other batch size, and each snapshot before the end, once', () => {
    expect(network.batchSizes.map(({ batchSize }) => batchSize)).toEqual([4, 12]);
    const along = network.snapshots.map(({ regime, batchSize, epochs }) => [regime, batchSize, epochs]);
    expect(along).toEqual([
      ['SB', 8, 1],
      ['SB', 8, 2],
      ['LB', 24, 1],
      ['LB', 24, 2],
    ]);
    expect(network.warmStarts.map(({ warmEpochs, batchSize }) => [warmEpochs, batchSize])).toEqual([
      [1, 24],
      [2, 24],
    ]);
    const all = [...network.runs, ...network.batchSizes, ...network.snapshots, ...network.warmStarts];
    expect(new Set(all.map(({ weightsSha256 }) => weightsSha256)).size).toBe(12);
  });

  test('has as snapshots the weights that the whole training went through, to the last bit', async () => {
    for (const regime of ['SB', 'LB'] as const) {
      const { config, seed } = paperTraining(context.settings, 'C1', regime, 7);
      const passed: Weights[] = [];
      await context.compute.train(TINY_C1, data(), config, seed, {
        onEpoch: async (_, state) => void passed.push((await state()).weights),
      });
      for (const epochs of [1, 2]) {
        expect(weightsOf(`C1-${regime}-epoch${epochs}-seed7`)).toEqual(passed[epochs - 1]);
      }
    }
  });

  test("has as snapshots' histories the beginnings of the whole one's", () => {
    for (const { regime, epochs, history } of network.snapshots) {
      const whole = network.runs.find((run) => run.regime === regime && run.seed === 7)!;
      const losses = (records: typeof history) => records.map(({ trainingModeLoss }) => trainingModeLoss);
      expect(losses(history)).toEqual(losses(whole.history.slice(0, epochs)));
    }
  });

  test('leaves no checkpoint behind', () => {
    for (const epochs of [1, 2]) {
      for (const regime of ['SB', 'LB']) {
        expect(context.folder.checkpoint(`C1-${regime}-epoch${epochs}-seed7`).read()).toBeUndefined();
      }
    }
  });

  test('warm-starts LB with one step from where SB was: its first loss is the one there', async () => {
    // In training mode with the same dropout masks and batch, the loss before the first step tells the weights.
    const { config, seed } = paperTraining(context.settings, 'C1', 'LB', 7);
    const lossOfFirstStep = async (weights: Weights) => {
      const losses: number[] = [];
      const beginning = { weights, optimizer: new Map(), history: [], stepsDone: 0, lossSum: 0, seconds: 0 };
      const progress = { onStep: ({ loss }: { loss: number }) => void losses.push(loss) };
      await context.compute.train(TINY_C1, data(), { ...config, epochs: 1 }, seed, progress, beginning);
      return losses;
    };
    for (const { warmEpochs, history } of network.warmStarts) {
      const [first, second] = await lossOfFirstStep(weightsOf(`C1-SB-epoch${warmEpochs}-seed7`));
      expect(history[0].trainingModeLoss).toBeCloseTo((first + second) / 2, 6);
    }
  });

  test('measures each in the full space and the larger box, as Table 3 would', async () => {
    const { compute, settings } = context;
    const train = firstImages(data().train, 24);
    const [run] = network.batchSizes;
    const weights = await compute.batchStatistics(TINY_C1, weightsOf('C1-B4-seed7'), data().train, {
      batchSize: 24,
    });
    const objective = lossObjective(compute, TINY_C1, weights, train, {
      statistics: settings.statistics,
      batchSize: 24,
    });
    const random = randomStream(7, 'box', 'C1', 'full', 1e-3);
    const measured = await keskarSharpness(objective, fullSpace(parameterCount(TINY_C1)), 1e-3, random);
    expect(sharpnessIn(run, 'full', 1e-3)).toBe(measured.sharpness);
    for (const one of [...network.batchSizes, ...network.snapshots, ...network.warmStarts]) {
      expect(one.sharpness.map(({ space, epsilon }) => [space, epsilon])).toEqual([['full', 0.001]]);
    }
  });

  test('draws Figures 2, 4, 5 and 6 of it, in the order of the paper, in Markdown as on the page', () => {
    const figures = figuresOf(report);
    expect(figures.map(({ id }) => id)).toEqual([2, 3, 4, 5, 6, 7].map((n) => `C1-figure${n}`));
    expect(readHtml(paperHtml(report))).toEqual(readMarkdown(paperMarkdown(report)));
    const linesOf = (n: number) => figures.find(({ id }) => id === `C1-figure${n}`)!.chart.lines;
    const [SB, LB] = (['SB', 'LB'] as const).map((regime) =>
      network.runs.find((run) => run.regime === regime && run.seed === 7)!,
    );
    const phi = (run: typeof SB | (typeof network.batchSizes)[number]) => sharpnessIn(run, 'full', 1e-3);
    const percent = (share: number) => 100 * share;

    const [small, large] = [network.snapshots.slice(0, 2), network.snapshots.slice(2)];
    const along = [...small, SB];
    expect(linesOf(2).map(({ label, xs }) => [label, xs])).toEqual([
      ['SB training accuracy', [1, 2, 3]],
      ['SB test accuracy', [1, 2, 3]],
      ['LB training accuracy', [1, 2, 3]],
      ['LB test accuracy', [1, 2, 3]],
    ]);
    expect(linesOf(2)[0].ys).toEqual(along.map(({ train }) => percent(train.accuracy)));
    expect(linesOf(2)[1].ys).toEqual(along.map(({ test: tested }) => percent(tested.accuracy)));

    const [b4, b12] = network.batchSizes;
    const sizes = [b4, SB, b12, LB];
    expect(linesOf(4).map(({ xs }) => xs)).toEqual([
      [4, 8, 12, 24],
      [4, 8, 12, 24],
    ]);
    expect(linesOf(4).map(({ ys }) => ys)).toEqual([
      sizes.map((run) => percent(run.test.accuracy)),
      sizes.map(phi),
    ]);

    const warm = [LB, ...network.warmStarts];
    const [accuracy, sharpness, accuracyOfSb, sharpnessOfSb] = linesOf(5);
    expect([accuracy.xs, sharpness.xs]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(accuracy.ys).toEqual(warm.map((run) => percent(run.test.accuracy)));
    expect(sharpness.ys).toEqual(warm.map(phi));
    expect([accuracyOfSb.xs, accuracyOfSb.ys]).toEqual([
      [0, 2],
      [percent(SB.test.accuracy), percent(SB.test.accuracy)],
    ]);
    expect(sharpnessOfSb.ys).toEqual([phi(SB), phi(SB)]);

    expect(linesOf(6).map(({ label, xs, ys }) => [label, xs, ys])).toEqual([
      ['SB', along.map(({ train }) => train.loss), along.map(phi)],
      ['LB', [...large, LB].map(({ train }) => train.loss), [...large, LB].map(phi)],
    ]);
  });

  test('does nothing again', async () => {
    await runPaper(idle(await tinyPaper({ seeds: 2, ...ASKED }, context.folder.path)));
    expect(judgePaper(context.folder)).toEqual(report);
  });

  test(
    'comes to the same figures where it was interrupted in trainings of every kind, and grew out of one without',
    async () => {
      const plain = await tinyPaper({ seeds: 2, epochs: 3 });
      await runPaper(plain);
      const before = judgePaper(plain.folder).networks[0];
      expect([before.batchSizes, before.snapshots, before.warmStarts]).toEqual([[], [], []]);
      const { path } = plain.folder;
      for (const label of [
        'C1 with batch size 12 of seed 7',
        'C1 SB (to epoch 2) of seed 7',
        "C1 LB (from SB's epoch 2) of seed 7",
      ]) {
        const begun = await tinyPaper({ seeds: 2, ...ASKED }, path);
        await interruptAt(begun, label);
        expect(() => judgePaper(begun.folder)).toThrow(UserError);
      }
      const resumed = await tinyPaper({ seeds: 2, ...ASKED }, path);
      await runPaper(resumed);
      expect(withoutTimes(judgePaper(resumed.folder))).toEqual(withoutTimes(report));

      // More of them between: no checkpoint is left to go on from.
      const more = await tinyPaper({ seeds: 2, ...ASKED, batchSizes: [4, 6, 8, 12, 24] }, path);
      await runPaper(more);
      const after = judgePaper(more.folder).networks[0];
      expect(after.batchSizes.map(({ batchSize }) => batchSize)).toEqual([4, 6, 12]);
      expect(after.snapshots).toEqual(judgePaper(resumed.folder).networks[0].snapshots);
      const fewer = tinyPaper({ ...more.settings, snapshotEpochs: [1] }, path);
      await expect(fewer).rejects.toThrow(/with --snapshot-epochs 2,1,3, not 1:/);
    },
    PATIENCE,
  );
});
