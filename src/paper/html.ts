import { lineFigure } from '../report/html/line-figure';
import { pageHtml } from '../report/html/report-html';
import type { PageDocument, Section } from '../report/section';
import { figuresOf } from './figures/all';
import { REMEDIES_TITLE } from './judge';
import {
  aboutMetric,
  introduction,
  machine,
  remediesNote,
  tablesOf,
  TITLE,
  TRIAL_HEAD,
  trialRows,
} from './markdown';
import type { PaperReport } from './report';

/** The report as one page that opens offline, with the same tables and figures as the Markdown. */
export function paperHtml(report: PaperReport): string {
  const charts = figuresOf(report).map(({ id, chart }) => [id, [lineFigure(id, chart)]] as const);
  return pageHtml(paperDocument(report), { charts: Object.fromEntries(charts), intervals: {} });
}

function paperDocument(report: PaperReport): PageDocument {
  return {
    title: TITLE,
    lead: [introduction(report)],
    sections: [
      ...tablesOf(report).map(({ title, head, rows }): Section => ({
        title,
        level: 2,
        blocks: [
          { table: { name: title, head, rows } },
          ...(title === REMEDIES_TITLE ? [{ paragraph: remediesNote(report.settings.remedies) }] : []),
        ],
      })),
      ...figuresOf(report).map(({ id, chart, caption }): Section => ({
        title: chart.title,
        level: 2,
        blocks: [{ figure: id, caption: `${chart.subtitle}. ${caption}` }],
      })),
      {
        title: 'Claims',
        level: 2,
        blocks: [
          {
            table: {
              name: 'Claims',
              head: ['network', 'verdict', 'claim', 'why'],
              rows: report.networks.flatMap(({ network, claims }) =>
                claims.map(({ verdict, statement, reason }) => [network, { verdict }, statement, reason]),
              ),
            },
          },
          { paragraph: aboutMetric(report) },
        ],
      },
      {
        title: 'The trials',
        level: 2,
        blocks: [{ table: { name: 'The trials', head: TRIAL_HEAD, rows: trialRows(report) } }],
      },
      { title: 'Made by', level: 2, blocks: [{ code: report.command }, { paragraph: machine(report) }] },
    ],
  };
}
