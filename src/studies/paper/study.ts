import { missingJobs } from '../../jobs/results';
import { drawLines } from '../../report/line-chart';
import type { ReportFile, Study } from '../study';
import { figuresOf } from './figures/all';
import { paperHtml } from './html';
import { paperJobs, trialTrainings } from './jobs';
import { judge } from './judge';
import { paperMarkdown } from './markdown';
import { paperJson, parsePaperReport, type PaperReport } from './report';
import { trialsOf, type PaperStudySettings } from './settings';

/**
 * The measurements of Keskar et al. 2017: for each network and trial trains SB and LB, and LB with each remedy, from the
 * same initial weights, evaluates all on training and test images, and measures the sharpness of the minimizers by
 * Metric 2.1 in the full space and in a random subspace, the same for all (Tables 2, 3 and 4). Of the first trial also
 * measures of sharpness that were published later, gradient noise, the paths from SB to LB (Figures 3 and 7), and what
 * Figures 2, 4, 5 and 6 show.
 */
export const paperStudy: Study<PaperStudySettings, PaperReport> = {
  name: "The paper's measurements",
  next: (setup, results) => missingJobs(results, paperJobs(setup, results)),
  judge,
  files,
  parse: parsePaperReport,
  minimizers: (setup) => {
    const { settings } = setup.settings;
    const names = ['SB', 'LB', ...settings.remedies.map((remedy) => `LB-${remedy}`)];
    return settings.networks.flatMap((network) =>
      trialsOf(settings).flatMap((seed) =>
        trialTrainings(setup, network, seed).map((training, index) => ({
          name: `${network}-${names[index]}-seed${seed}`,
          minimizer: { training },
        })),
      ),
    );
  },
};

/** Every form of a report; paper.json last, since it says that all is written. */
async function files(report: PaperReport): Promise<ReportFile[]> {
  const pictures = figuresOf(report).map(async ({ file, chart }) => ({
    name: file,
    content: await drawLines(chart),
  }));
  return [
    ...(await Promise.all(pictures)),
    { name: 'paper.md', content: paperMarkdown(report) },
    { name: 'paper.html', content: paperHtml(report) },
    { name: 'paper.json', content: paperJson(report) },
  ];
}
