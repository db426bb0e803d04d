import { curvesCsv } from '../report/csv';
import { reportHtml } from '../report/html/report-html';
import { reportMarkdown } from '../report/markdown';
import { drawReport } from '../report/picture';
import { reportJson, type Report } from '../report/report';
import { tensorboardFiles } from '../report/tensorboard';
import type { RunFolder } from './run-folder';

/** Writes every form of a report; report.json last, since it says that all is done. */
export async function writeReport(
  write: RunFolder['write'],
  report: Report,
  { tensorboard = false }: { tensorboard?: boolean } = {},
): Promise<void> {
  write('sharpness_comparison.png', await drawReport(report));
  write('report.md', reportMarkdown(report));
  write('report.html', reportHtml(report));
  write('curves.csv', curvesCsv(report));
  if (tensorboard) {
    for (const { path, content } of tensorboardFiles(report)) write(`tensorboard/${path}`, content);
  }
  write('report.json', reportJson(report));
}
