import { pointFigures } from '../../../report/html/point-figure';
import { pageHtml } from '../../../report/html/report-html';
import { pageMarkdown } from '../../../report/markdown';
import { drawPoints } from '../../../report/point-chart';
import type { ReportFile } from '../../study';
import { sweepCsv } from '../export';
import { figureOf } from './charts';
import { sweepDocument } from './document';
import type { SweepReport } from './report';

/** Every form of the report; report.json last, since it says that all is there. */
export async function sweepFiles(report: SweepReport): Promise<ReportFile[]> {
  const pictures = figuresOf(report).map(async ({ file, chart }) => ({
    name: file,
    content: await drawPoints(chart),
  }));
  // Reports of earlier versions hold no standard errors and no environments of single figures.
  const hasFigures = report.groups.every(({ runs }) => runs.every(({ figures }) => figures));
  return [
    ...(await Promise.all(pictures)),
    { name: 'report.md', content: sweepMarkdown(report) },
    { name: 'report.html', content: sweepHtml(report) },
    ...(hasFigures ? [{ name: 'sweep.csv', content: sweepCsv(report) }] : []),
    { name: 'report.json', content: `${JSON.stringify(report, null, 2)}\n` },
  ];
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
