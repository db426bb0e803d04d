import { pageMarkdown } from '../../report/markdown';
import { paperDocument } from './document';
import { figuresOf } from './figures/all';
import type { PaperReport } from './report';
import { tablesOf } from './tables';

/** The report as Markdown that stands beside its pictures. */
export function paperMarkdown(report: PaperReport): string {
  const pictures = figuresOf(report).map(
    ({ id, file, chart }) => [id, { file, words: chart.title }] as const,
  );
  return pageMarkdown(paperDocument(report), Object.fromEntries(pictures));
}

/** The tables as plain text, for a terminal. */
export function paperText(report: PaperReport): string {
  return tablesOf(report)
    .map(({ name, head, rows }) => {
      const all = [head, ...rows];
      const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
      const lines = all.map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]))
          .join('  ')
          .trimEnd(),
      );
      return `${name}\n${lines.join('\n')}\n`;
    })
    .join('\n');
}
