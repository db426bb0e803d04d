import { lineFigure } from '../../report/html/line-figure';
import { pageHtml } from '../../report/html/report-html';
import { paperDocument } from './document';
import { figuresOf } from './figures/all';
import type { PaperReport } from './report';

/** The report as one page that opens offline. */
export function paperHtml(report: PaperReport): string {
  const charts = figuresOf(report).map(({ id, chart }) => [id, [lineFigure(id, chart)]] as const);
  return pageHtml(paperDocument(report), { charts: Object.fromEntries(charts), intervals: {} });
}
