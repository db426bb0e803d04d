import { reportDocument } from './document';
import type { Report } from './report';
import {
  anchorOf,
  type AnyFigureId,
  type Block,
  type PageDocument,
  type Section,
  type Table,
} from './section';
import { inlinesOf, type Text } from './text';

/** The report for people to read, as Markdown that stands beside its picture. */
export function reportMarkdown(report: Report): string {
  return pageMarkdown(reportDocument(report), {
    curves: { file: 'sharpness_comparison.png', words: 'Loss curves of SB and LB' },
  });
}

/** A picture beside the page, and what it shows for those who do not see it. */
interface Picture {
  readonly file: string;
  readonly words: string;
}

/**
 * A document as Markdown.
 *
 * @param pictures of those figures that are files of their own; the others are left out.
 */
export function pageMarkdown(
  { title, verdict, lead, sections }: PageDocument,
  pictures: Readonly<Partial<Record<AnyFigureId, Picture>>>,
): string {
  const heading = `# ${escaped(title)}${verdict ? ` ${verdict}` : ''}`;
  const parts = sections.flatMap((section) => sectionLines(section, pictures));
  return `${[heading, ...lead.map(written), ...parts].join('\n\n')}\n`;
}

type Pictures = Parameters<typeof pageMarkdown>[1];

function sectionLines({ title, level, blocks }: Section, pictures: Pictures): string[] {
  const tables = blocks.filter((block) => 'table' in block).length;
  const lines = blocks.flatMap((block) => blockLines(block, tables > 1, pictures));
  return [`${'#'.repeat(level)} ${escaped(title)}`, ...lines];
}

/** @param named whether a table needs its name, having others beside it. */
function blockLines(block: Block, named: boolean, pictures: Pictures): string[] {
  if ('paragraph' in block) return [written(block.paragraph)];
  if ('list' in block) return [block.list.map((item) => `- ${written(item)}`).join('\n')];
  if ('table' in block) return [...(named ? [`*${escaped(block.table.name)}*`] : []), table(block.table)];
  if ('code' in block) return [fenced(block.code)];
  const picture = pictures[block.figure];
  return picture ? [`![${escaped(picture.words)}](${picture.file})`] : [];
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
