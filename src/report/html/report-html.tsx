import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderToString } from 'preact-render-to-string';
import { reportDocument } from '../document';
import type { Report } from '../report';
import type { PageDocument } from '../section';
import { chartsOf } from './figures';
import { Page } from './page';
import { claimRows, seedRows, type Drawings } from './sections';

/** The report as one page; see {@link pageHtml}. */
export function reportHtml(report: Report): string {
  return pageHtml(reportDocument(report), {
    charts: chartsOf(report),
    intervals: { claims: claimRows(report), seeds: seedRows(report) },
  });
}

/**
 * A document as one page that opens offline: its style, its charts and what draws them are within it, and nothing
 * is fetched. The same document and drawings give the same bytes.
 */
export function pageHtml(document: PageDocument, drawings: Drawings): string {
  const assets = {
    style: readFileSync(join(__dirname, 'style.css'), 'utf8'),
    scripts: [
      readFileSync(require.resolve('plotly.js-basic-dist-min'), 'utf8'),
      readFileSync(join(__dirname, 'client.js'), 'utf8'),
    ].map(withinScript),
    charts: JSON.stringify(Object.values(drawings.charts).flat()).replaceAll('<', '\\u003c'),
  };
  const page = <Page document={document} drawings={drawings} assets={assets} />;
  return `<!doctype html>\n${renderToString(page)}\n`;
}

/** A script's text in which nothing ends or comments out the element around it. */
function withinScript(script: string): string {
  return script.replace(/<(?=\/script|!--)/gi, '\\x3c');
}
