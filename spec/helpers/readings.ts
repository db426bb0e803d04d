// What a reader finds in a report, read back from its text: independent of what wrote it.

/** A report as it is read: its headings and the cells of its tables, in order, as plain words. */
export interface Reading {
  readonly headings: readonly string[];
  readonly tables: readonly (readonly (readonly string[])[])[];
}

/** Reads GitHub's Markdown, as far as a report uses it. */
export function readMarkdown(text: string): Reading {
  const lines = withoutCode(text).split('\n');
  const headings = lines
    .filter((line) => /^#{2,3} /.test(line))
    .map((line) => inline(line.replace(/^#+ /, '')));
  const tables: string[][][] = [];
  let within = false;
  for (const line of lines) {
    if (!line.startsWith('|')) within = false;
    else if (/^\|( --- \|)+$/.test(line)) continue;
    else if (within) tables[tables.length - 1].push(cellsOf(line));
    else {
      tables.push([cellsOf(line)]);
      within = true;
    }
  }
  return { headings, tables };
}

/** Reads HTML, as far as a report uses it. */
export function readHtml(html: string): Reading {
  const body = html.replace(/<(script|style)\b[\s\S]*?<\/\1>/g, '');
  const each = (pattern: RegExp, text: string) => [...text.matchAll(pattern)].map((match) => match[1]);
  return {
    headings: each(/<h[23]\b[^>]*>([\s\S]*?)<\/h[23]>/g, body).map(htmlWords),
    tables: each(/<table>([\s\S]*?)<\/table>/g, body).map((table) =>
      each(/<tr>([\s\S]*?)<\/tr>/g, table).map((row) =>
        each(/<t[hd]\b[^>]*>([\s\S]*?)<\/t[hd]>/g, row).map(htmlWords),
      ),
    ),
  };
}

/** The words of a piece of HTML. */
export function htmlWords(html: string): string {
  const entities: Record<string, string> = { lt: '<', gt: '>', quot: '"', amp: '&' };
  return words(
    html.replace(/<[^>]*>/g, '').replace(/&(lt|gt|quot|amp);/g, (_, name: string) => entities[name]),
  );
}

/** Words with single spaces between them, as both forms show them. */
export function words(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function withoutCode(text: string): string {
  return text.replace(/^(`{3,})\n[\s\S]*?\n\1$/gm, '');
}

function cellsOf(line: string): string[] {
  const cells = line.slice(1, -1).split(/(?<!\\)\|/);
  return cells.map((cell) => inline(cell.replaceAll('\\|', '|')));
}

/** The words of a line: without the marks of bold text, code and links, and with what was escaped as it is. */
function inline(text: string): string {
  const found = /\\([!-/:-@[-`{-~])|(`+) ?([\s\S]*?) ?\2|\*\*|\[((?:\\.|[^\]])*)\]\([^)]*\)/g;
  return words(
    text.replace(found, (whole, escaped?: string, _fence?: string, code?: string, link?: string) => {
      if (escaped !== undefined) return escaped;
      if (code !== undefined) return code;
      return link === undefined ? '' : inline(link);
    }),
  );
}
