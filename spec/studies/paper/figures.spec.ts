import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { PNG } from 'pngjs';
import { PATHS } from '../../../src/landscape/parametric';
import { figuresOf } from '../../../src/studies/paper/figures/all';
import { epochsFigure } from '../../../src/studies/paper/figures/epochs';
import { parametricFigure } from '../../../src/studies/paper/figures/parametric';
import type { NetworkReport, PaperReport, PlotReport } from '../../../src/studies/paper/report';
import { paperSettingsOf } from '../../../src/studies/paper/settings';
import { paperStudy } from '../../../src/studies/paper/study';
import type { ReportFile } from '../../../src/studies/study';
import { readHtml, readMarkdown } from '../../helpers/readings';

describe('the figures', () => {
  const evaluation = (loss: number, accuracy: number) => ({ loss, accuracy, lossStandardError: 0 });
  const settings = paperSettingsOf('scaled', 42, {});
  /** @param tested the epochs after which earlier versions evaluated the test set. */
  const networkOf = (tested: readonly number[]) => {
    const run = (regime: 'SB' | 'LB', seed: number, start: number) => ({
      regime,
      seed,
      batchSize: regime === 'SB' ? 26 : 500,
      history: Array.from({ length: 7 }, (_, index) => ({
        epoch: index + 1,
        learningRate: 0.001,
        trainingModeLoss: start - index / 10,
        test: tested.includes(index + 1) ? evaluation(1, (start + index) / 10) : null,
      })),
    });
    const runs = [run('SB', 42, 2), run('LB', 42, 3), run('SB', 43, 8), run('LB', 43, 9)];
    return { network: 'C1', trainImages: 5000, runs } as unknown as NetworkReport;
  };
  const network = networkOf([]);
  const epochs = [1, 2, 3, 4, 5, 6, 7];
  const losses = (start: number) => epochs.map((epoch) => start - (epoch - 1) / 10);
  const linesOf = ({ chart }: ReturnType<typeof epochsFigure>) =>
    chart.lines.map(({ label, side, dashed, xs, ys }) => [label, side, dashed, xs, ys]);

  test("Figure 2 has the first trial's training losses, and says what test accuracies need", () => {
    const figure = epochsFigure(settings, network);
    expect(linesOf(figure)).toEqual([
      ['SB training loss', 'left', false, epochs, losses(2)],
      ['LB training loss', 'left', false, epochs, losses(3)],
    ]);
    expect(figure.file).toBe('C1-figure2-accuracy.png');
    expect(figure.chart.right).toBeUndefined();
    expect(figure.chart.title).toBe('C1, Figure 2: training loss against epochs');
    expect(figure.chart.subtitle).toContain('SB: batch size 26, LB: batch size 500, seed 42');
    expect(figure.caption).toContain('--snapshot-epochs');
  });

  test('Figure 2 has test accuracies where an earlier version measured them', () => {
    const figure = epochsFigure(settings, networkOf([5, 7]));
    expect(linesOf(figure)).toEqual([
      ['SB test accuracy', 'right', true, [5, 7], [60, 80]],
      ['LB test accuracy', 'right', true, [5, 7], [70, 90]],
      ['SB training loss', 'left', false, epochs, losses(2)],
      ['LB training loss', 'left', false, epochs, losses(3)],
    ]);
    expect(figure.chart.right!.label).toBe('test accuracy (%)');
    expect(figure.chart.title).toBe('C1, Figure 2: accuracy against epochs');
    expect(figure.caption).not.toContain('--snapshot-epochs');
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
    expect(fixed.caption).toContain("SB's everywhere");
    expect(parametricFigure(settings, network, plot).caption).toContain('recomputed');
  });

  test('are Figure 2 alone where no plot is done, and none where the first trial is not', () => {
    const ids = (runs: NetworkReport['runs']) => {
      const bare = { ...network, runs, plots: [], snapshots: [], batchSizes: [], warmStarts: [] };
      return figuresOf({ settings, networks: [bare] } as unknown as PaperReport).map(({ id }) => id);
    };
    expect(ids(network.runs)).toEqual(['C1-figure2']);
    expect(ids(network.runs.slice(2))).toEqual([]);
  });
});

describe('the published report, which an earlier version wrote', () => {
  const folder = join(__dirname, '../../../results/published/paper-C1-scaled');
  const report = paperStudy.parse(readFileSync(join(folder, 'paper.json'), 'utf8'), 'paper.json');
  let files: readonly ReportFile[];
  beforeAll(async () => {
    files = await paperStudy.files(report);
  });
  const textOf = (name: string) => String(files.find((file) => file.name === name)!.content);

  test('is rendered again, each figure in a file to which Markdown leads', () => {
    const [markdown, html] = [textOf('paper.md'), textOf('paper.html')];
    const pictures = [...markdown.matchAll(/!\[.*\]\((.*)\)/g)].map(([, file]) => file);
    expect(pictures).toEqual([
      'C1-figure2-accuracy.png',
      'C1-figure3-parametric.png',
      'C1-figure4-batchsize.png',
      'C1-figure5-warmstart.png',
      'C1-figure6-crossentropy.png',
      'C1-figure7-curved.png',
    ]);
    expect(files.map(({ name }) => name)).toEqual([...pictures, 'paper.md', 'paper.html', 'paper.json']);
    for (const { content } of files.slice(0, 6)) {
      expect(PNG.sync.read(Buffer.from(content))).toMatchObject({ width: 1600, height: 800 });
    }
    expect(readHtml(html)).toEqual(readMarkdown(markdown));
    for (const { id, chart, caption } of figuresOf(report)) {
      expect(html).toContain(`id="chart-${id}"`);
      expect(markdown).toContain(`## ${chart.title}\n`);
      expect(markdown).toContain(caption);
    }
    // The page needs no other file.
    expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)="(?!data:)/);
  });

  test('says what is there as it was measured, and keeps every figure', () => {
    const markdown = textOf('paper.md');
    expect(markdown).toContain('65.04% ± 0.52%');
    expect(markdown).toContain('‖gradient‖² / tr covariance, start of training');
    expect(markdown).toContain("of LB's batch size");
    expect(markdown).not.toContain('What is missing');
    expect(markdown).not.toContain('NaN');
    const published = JSON.parse(readFileSync(join(folder, 'paper.json'), 'utf8')) as unknown;
    expect(JSON.parse(textOf('paper.json'))).toEqual(published);
  });
});
