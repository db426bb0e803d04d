import { missingJobs } from '../../jobs/results';
import { curvesCsv } from '../../report/csv';
import { reportHtml } from '../../report/html/report-html';
import { reportMarkdown } from '../../report/markdown';
import { drawReport, isDrawable } from '../../report/picture';
import { parseReport, reportJson, type Report } from '../../report/report';
import type { ReportFile, Study } from '../study';
import { comparisonJobs, controlTraining, regimeTraining } from './jobs';
import { judge } from './judge';
import { seedsOf, type ComparisonSettings } from './settings';

/**
 * The main experiment: for each seed trains SB and LB from the same initial weights, draws their loss curves along the
 * same random directions, and judges whether LB's rises faster (Keskar et al. 2017, by the curves of Li et al. 2018).
 */
export const comparisonStudy: Study<ComparisonSettings, Report> = {
  name: 'Comparison of SB and LB',
  next: (setup, results) => missingJobs(results, comparisonJobs(setup)),
  judge,
  files,
  parse: parseReport,
  minimizers: (setup) => {
    const { settings, parts, controlSeeds } = setup.settings;
    const name = (base: string, seed: number) => (seed === settings.seed ? base : `${base}-seed${seed}`);
    return [
      ...seedsOf(settings).flatMap((seed) => [
        { name: name('small_batch', seed), minimizer: { training: regimeTraining(setup, 'SB', seed) } },
        { name: name('large_batch', seed), minimizer: { training: regimeTraining(setup, 'LB', seed) } },
      ]),
      ...(parts.includes('control') ? seedsOf(settings, controlSeeds) : []).map((seed) => ({
        name: name('control', seed),
        minimizer: { training: controlTraining(setup, seed) },
      })),
    ];
  },
};

/** Every form of a report; report.json last, since it says that all is written. */
async function files(report: Report): Promise<ReportFile[]> {
  return [
    ...(isDrawable(report) ? [{ name: 'sharpness_comparison.png', content: await drawReport(report) }] : []),
    { name: 'report.md', content: reportMarkdown(report) },
    { name: 'report.html', content: reportHtml(report) },
    { name: 'curves.csv', content: curvesCsv(report) },
    { name: 'report.json', content: reportJson(report) },
  ];
}
