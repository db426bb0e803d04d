import type { ResultWriter } from '../../experiment/stored';
import { pointFigures } from '../../report/html/point-figure';
import { pageHtml } from '../../report/html/report-html';
import { pageMarkdown } from '../../report/markdown';
import { drawPoints } from '../../report/point-chart';
import { figureOf } from './charts';
import { sweepDocument } from './document';
import type { SweepReport } from './report';

/** Writes every form of the report; report.json last, since it says that all is there. */
export async function writeSweepReport(write: ResultWriter, report: SweepReport): Promise<void> {
  for (const { file, chart } of figuresOf(report)) write(file, await drawPoints(chart));
  write('report.md', sweepMarkdown(report));
  write('report.html', sweepHtml(report));
  write('report.json', `${JSON.stringify(report, null, 2)}\n`);
}

/** The report as Markdown that stands beside its pictures. */
export function sweepMarkdown(report: SweepReport): string {
  const pictures = figuresOf(report).map(
    ({ id, file, chart }) => [id, { file, words: chart.title }] as const,
  );
  return pageMarkdown(sweepDocument(report), Object.fromEntries(pictures));
}

/** The report as one page that opens offline. */
export function sweepHtml(report: SweepReport): string {
  const charts = figuresOf(report).map(({ id, chart }) => [id, pointFigures(id, chart)] as const);
  return pageHtml(sweepDocument(report), { charts: Object.fromEntries(charts), intervals: {} });
}

function figuresOf(report: SweepReport) {
  return report.groups.map((group) => figureOf(report, group));
}
