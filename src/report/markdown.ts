import { reportDocument } from './document';
import type { Report } from './report';
import { anchorOf, type Block, type Section, type Table } from './section';
import { inlinesOf, type Text } from './text';

/** The report for people to read, as Markdown that stands beside its picture. */
export function reportMarkdown(report: Report): string {
  const { title, verdict, lead, sections } = reportDocument(report);
  return `${[`# ${escaped(title)} ${verdict}`, ...lead.map(written), ...sections.flatMap(sectionLines)].join('\n\n')}\n`;
}

function sectionLines({ title, level, blocks }: Section): string[] {
  const tables = blocks.filter((block) => 'table' in block).length;
  const lines = blocks.flatMap((block) => blockLines(block, tables > 1));
  return [`${'#'.repeat(level)} ${escaped(title)}`, ...lines];
}

/** @param named whether a table needs its name, having others beside it. */
function blockLines(block: Block, named: boolean): string[] {
  if ('paragraph' in block) return [written(block.paragraph)];
  if ('list' in block) return [block.list.map((item) => `- ${written(item)}`).join('\n')];
  if ('table' in block) return [...(named ? [`*${escaped(block.table.name)}*`] : []), table(block.table)];
  if ('code' in block) return [fenced(block.code)];
  // The one figure that is a file of its own.
  return block.figure === 'curves' ? ['![Loss curves of SB and LB](sharpness_comparison.png)'] : [];
}

function table({ head, rows }: Table): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(head.map(escaped)),
    line(head.map(() => '---')),
    ...rows.map((row) => line(row.map(written))),
  ].join('\n');
}

function written(text: Text): string {
  return inlinesOf(text)
    .map((inline) => {
      if (typeof inline === 'string') return escaped(inline);
      if ('code' in inline) return codeSpan(inline.code);
      return 'verdict' in inline
        ? `**${inline.verdict}**`
        : `[${escaped(inline.section)}](#${anchorOf(inline.section)})`;
    })
    .join('');
}

/** Words that Markdown would take for something else. An underscore within a word and a lone & are left alone. */
function escaped(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*~[\]]/g, '\\$&')
    .replace(/<(?=[a-z/!?])/gi, '\\<')
    .replace(/&(?=#?\w+;)/g, '\\&')
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_');
}

/** In as many backticks as it takes to hold the code's own. */
function codeSpan(code: string): string {
  const fence = '`'.repeat(longestRun(code) + 1);
  return longestRun(code) > 0 ? `${fence} ${code} ${fence}` : `${fence}${code}${fence}`;
}

function fenced(code: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(code) + 1));
  return `${fence}\n${code}\n${fence}`;
}

function longestRun(code: string): number {
  return Math.max(0, ...(code.match(/`+/g) ?? []).map((run) => run.length));
}
