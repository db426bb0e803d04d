import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { writeChecked } from '../../src/support/checked-file';
import { UserError } from '../../src/support/errors';
import { resultWriter } from '../../src/experiment/stored';
import { parametricPlot, PATHS, PLOT_ALPHAS } from '../../src/landscape/parametric';
import { readWeights } from '../../src/model/safetensors';
import type { PaperContext } from '../../src/paper/context';
import { runPaper } from '../../src/paper/experiment';
import { paperTraining } from '../../src/paper/trainings';
import { figuresOf } from '../../src/paper/figures/all';
import { epochsFigure } from '../../src/paper/figures/epochs';
import { parametricFigure } from '../../src/paper/figures/parametric';
import { openPaperFolder } from '../../src/paper/folder';
import { paperHtml } from '../../src/paper/html';
import { judgePaper } from '../../src/paper/judge';
import { paperMarkdown } from '../../src/paper/markdown';
import type { NetworkReport, PaperReport, PlotReport } from '../../src/paper/report';
import { paperSettingsOf } from '../../src/paper/settings';
import { writePaperReport } from '../../src/paper/write-report';
import { ENVIRONMENT } from '../helpers/environment';
import { readHtml, readMarkdown } from '../helpers/readings';
import { SILENT, TINY_C1, tinyPaper } from '../helpers/paper';

jest.setTimeout(300_000);

const root = mkdtempSync(join(tmpdir(), 'paper figures '));
afterAll(() => rmSync(root, { recursive: true }));

const ALPHAS = [-1, 0, 0.5, 1, 2];

/** What cannot train or evaluate. */
function idle(context: PaperContext): PaperContext {
  const refuse = () => Promise.reject(new Error('this was done before'));
  return {
    ...context,
    compute: { ...context.compute, train: refuse, evaluateImages: refuse, lossGradient: refuse },
  };
}

describe("the experiment's parametric plots", () => {
  let context: PaperContext;
  let report: PaperReport;
  beforeAll(async () => {
    context = await tinyPaper({ seeds: 2, sharpnessImages: 8, plotAlphas: ALPHAS });
    await runPaper(context);
    report = judgePaper(context.folder);
  });

  test('are of the first trial, along both paths, at every α, over training and test images', async () => {
    const [network] = report.networks;
    expect(network.plots.map(({ path }) => path)).toEqual([...PATHS]);
    const { compute, folder, load } = context;
    const weightsOf = (regime: 'SB' | 'LB') =>
      readWeights(folder.weightsFile(paperTraining(context.settings, 'C1', regime, 7).name), TINY_C1);
    const weights = { SB: weightsOf('SB'), LB: weightsOf('LB') };
    const data = { train: load('cifar10', 'train'), test: load('cifar10', 'test') };
    for (const { path, points } of network.plots) {
      const options = { path, statistics: 'recomputed', batchSize: 24 } as const;
      expect(points).toEqual(await parametricPlot(compute, TINY_C1, data, weights, ALPHAS, options));
    }
  });

  test('are not made again once they are stored', async () => {
    await runPaper(
      idle(await tinyPaper({ seeds: 2, sharpnessImages: 8, plotAlphas: ALPHAS }, context.folder.path)),
    );
    expect(judgePaper(context.folder)).toEqual(report);
  });

  test('go on after an interruption from the last point, and end at the same figures', async () => {
    const points = context.folder.plot('C1', 'curved').read()!;
    context.folder.plot('C1', 'curved').write(points.slice(0, 3));
    expect(judgePaper(context.folder).networks[0].plots.map(({ path }) => path)).toEqual(['straight']);
    const made: string[] = [];
    const progress = {
      ...SILENT,
      begin: () => ({ ...SILENT.begin('', 0), milestone: (line: string) => void made.push(line) }),
    };
    await runPaper({ ...context, progress });
    expect(made.map((line) => /α = (\S+):/.exec(line)?.[1])).toEqual(['1', '2']);
    expect(judgePaper(context.folder)).toEqual(report);
  });

  test("with fixed statistics begin at SB's own evaluation", async () => {
    const fixed = await tinyPaper({ sharpnessImages: 8, plotAlphas: [0, 1], plotStatistics: 'fixed' });
    await runPaper(fixed);
    const [network] = judgePaper(fixed.folder).networks;
    const SB = network.runs.find(({ regime }) => regime === 'SB')!;
    for (const { points } of network.plots) {
      expect(points[0]).toEqual({ alpha: 0, train: SB.train, test: SB.test });
    }
    expect(paperMarkdown(judgePaper(fixed.folder))).toContain("batch statistics fixed at SB's");
  });

  test('and all other figures are files beside the report, which Markdown leads to', async () => {
    const path = join(root, 'written');
    mkdirSync(path);
    await writePaperReport(resultWriter(path), report);
    const pictures = [...readFileSync(join(path, 'paper.md'), 'utf8').matchAll(/!\[.*\]\((.*)\)/g)].map(
      ([, file]) => file,
    );
    expect(pictures).toEqual([
      'C1-figure2-accuracy.png',
      'C1-figure3-parametric.png',
      'C1-figure7-curved.png',
    ]);
    for (const file of pictures) {
      expect(PNG.sync.read(readFileSync(join(path, file)))).toMatchObject({ width: 1600, height: 800 });
    }
    expect(readdirSync(path).sort()).toEqual([...pictures, 'paper.html', 'paper.json', 'paper.md'].sort());
  });

  test('stand on the page as they do in Markdown, between the same tables', () => {
    const [markdown, html] = [paperMarkdown(report), paperHtml(report)];
    expect(readHtml(html)).toEqual(readMarkdown(markdown));
    for (const { id, chart, caption } of figuresOf(report)) {
      expect(html).toContain(`id="chart-${id}"`);
      expect(markdown).toContain(`## ${chart.title}\n`);
      expect(markdown).toContain(caption);
    }
    // The page is all there is.
    expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)="(?!data:)/);
  });
});

describe('a folder that was begun without the settings of the plots', () => {
  const path = join(root, 'earlier');
  const FURTHER = [
    'C1-figure4-batchsize.png',
    'C1-B64-seed42.safetensors',
    'C1-SB-epoch16-seed-3.safetensors',
    'C1-LB-warm16-seed42.safetensors',
    'C1-LB-seed42-half.safetensors',
    'C1-LB-adversarial-seed42.safetensors',
  ];
  const beginWith = (settings: object) => {
    mkdirSync(join(path, 'checkpoints'), { recursive: true });
    const beginning = { settings, environment: ENVIRONMENT };
    writeChecked(join(path, 'checkpoints', 'paper.beginning'), Buffer.from(JSON.stringify(beginning)));
  };
  const open = (changes: object) =>
    openPaperFolder(path, { settings: paperSettingsOf('scaled', 42, changes), environment: ENVIRONMENT });

  test('is gone on with, as if it had been begun with their defaults', () => {
    const { plotAlphas: _, plotStatistics: __, ...earlier } = paperSettingsOf('scaled', 42, {});
    beginWith(earlier);
    const { settings } = open({}).beginning;
    expect(settings.plotAlphas).toEqual([...PLOT_ALPHAS]);
    expect(settings.plotStatistics).toBe('recomputed');
    beginWith(earlier);
    expect(() => open({ plotStatistics: 'fixed' })).toThrow(UserError);
    expect(() => open({ plotStatistics: 'fixed' })).toThrow(/--plot-statistics recomputed, not fixed/);
  });

  test('loses its pictures and its page, and nothing else, where it is overwritten', () => {
    const write = resultWriter(path);
    const names = [
      'C1-figure3-parametric.png',
      'C2-figure2-accuracy.png',
      'paper.html',
      'mine.png',
      ...FURTHER,
    ];
    for (const name of names) write(name, 'x');
    openPaperFolder(
      path,
      { settings: paperSettingsOf('scaled', 42, {}), environment: ENVIRONMENT },
      { overwrite: true },
    );
    expect(names.filter((name) => existsSync(join(path, name)))).toEqual(['mine.png']);
  });
});

describe('the figures', () => {
  const evaluation = (loss: number, accuracy: number) => ({ loss, accuracy, lossStandardError: 0 });
  const settings = paperSettingsOf('scaled', 42, {});
  const run = (regime: 'SB' | 'LB', seed: number, start: number) =>
    ({
      regime,
      seed,
      batchSize: regime === 'SB' ? 26 : 500,
      history: Array.from({ length: 7 }, (_, i) => ({
        epoch: i + 1,
        learningRate: 0.001,
        trainingModeLoss: start - i / 10,
        test: i === 4 || i === 6 ? evaluation(1, (start + i) / 10) : null,
      })),
    }) as unknown as NetworkReport['runs'][number];
  const network = {
    network: 'C1',
    trainImages: 5000,
    runs: [run('SB', 42, 2), run('LB', 42, 3), run('SB', 43, 8), run('LB', 43, 9)],
  } as unknown as NetworkReport;

  test("Figure 2 has the first trial's test accuracies where they were measured, and its training losses", () => {
    const { chart, file, caption } = epochsFigure(settings, network);
    expect(file).toBe('C1-figure2-accuracy.png');
    const lines = chart.lines.map(({ label, side, dashed, xs, ys }) => [label, side, dashed, xs, ys]);
    const epochs = [1, 2, 3, 4, 5, 6, 7];
    const losses = (start: number) => epochs.map((epoch) => start - (epoch - 1) / 10);
    expect(lines).toEqual([
      ['SB test accuracy', 'right', true, [5, 7], [60, 80]],
      ['LB test accuracy', 'right', true, [5, 7], [70, 90]],
      ['SB training loss', 'left', false, epochs, losses(2)],
      ['LB training loss', 'left', false, epochs, losses(3)],
    ]);
    expect(chart.subtitle).toContain('SB: batch size 26, LB: batch size 500, seed 42');
    expect(caption).toMatch(/training accuracy .* is not\s+measured/);
  });

  test('Figures 3 and 7 have losses on the left and accuracies in per cent on the right, of test images dashed', () => {
    const points = [-1, 0, 1].map((alpha) => ({
      alpha,
      train: evaluation(alpha + 2, 0.75),
      test: evaluation(alpha + 4, 0.5),
    }));
    const titles = PATHS.map((path) => {
      const { chart, file } = parametricFigure(settings, network, { path, points } as PlotReport);
      expect(file).toBe(path === 'straight' ? 'C1-figure3-parametric.png' : 'C1-figure7-curved.png');
      expect(chart.lines.map(({ side, dashed, hue, xs, ys }) => [side, dashed, hue, xs, ys])).toEqual([
        ['left', false, 'loss', [-1, 0, 1], [1, 2, 3]],
        ['left', true, 'loss', [-1, 0, 1], [3, 4, 5]],
        ['right', false, 'accuracy', [-1, 0, 1], [75, 75, 75]],
        ['right', true, 'accuracy', [-1, 0, 1], [50, 50, 50]],
      ]);
      expect(chart.marks).toEqual([
        { x: 0, name: 'SB' },
        { x: 1, name: 'LB' },
      ]);
      return chart.title;
    });
    expect(titles).toEqual([
      'C1, Figure 3: f(α·LB + (1 − α)·SB), batch statistics recomputed at each α',
      'C1, Figure 7: f(sin(απ/2)·LB + cos(απ/2)·SB), batch statistics recomputed at each α',
    ]);
  });

  test('name the batch statistics in the title and say in the caption what they are', () => {
    const plot = { path: 'straight', points: [] } as unknown as PlotReport;
    const fixed = parametricFigure({ ...settings, plotStatistics: 'fixed' }, network, plot);
    expect(fixed.chart.title).toContain("batch statistics fixed at SB's");
    expect(fixed.caption).toContain("SB's throughout");
    expect(parametricFigure(settings, network, plot).caption).toContain('taken anew');
  });

  test('are Figure 2 alone where no plot is done', () => {
    const report = {
      settings,
      networks: [{ ...network, plots: [], snapshots: [], batchSizes: [], warmStarts: [] }],
    } as unknown as PaperReport;
    expect(figuresOf(report).map(({ id }) => id)).toEqual(['C1-figure2']);
  });
});
