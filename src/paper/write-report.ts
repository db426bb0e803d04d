import type { ResultWriter } from '../experiment/stored';
import { drawLines } from '../report/line-chart';
import { figuresOf } from './figures/all';
import { paperHtml } from './html';
import { paperMarkdown } from './markdown';
import type { PaperReport } from './report';

/** Writes every form of the report; paper.json last, since it says that all is done. */
export async function writePaperReport(write: ResultWriter, report: PaperReport): Promise<void> {
  for (const { file, chart } of figuresOf(report)) write(file, await drawLines(chart));
  write('paper.md', paperMarkdown(report));
  write('paper.html', paperHtml(report));
  write('paper.json', `${JSON.stringify(report, null, 2)}\n`);
}
