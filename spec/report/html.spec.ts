import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { reportDocument } from '../../src/report/document';
import { reportHtml } from '../../src/report/html/report-html';
import { reportMarkdown } from '../../src/report/markdown';
import { anchorOf } from '../../src/report/section';
import { htmlWords, readHtml, readMarkdown, words } from '../helpers/readings';
import { exampleReport, reportShapes, type ReportShape } from '../helpers/reports';

const RUNS = { numRuns: 30 };
const HOSTILE = `</script><script>alert("1")</script> & <img src="x"> | 'quoted' \`code\` **bold** [link](x) \\ <!--`;

/** The page without its scripts and style. */
const markup = (html: string) => html.replace(/<(script|style)\b[\s\S]*?<\/\1>/g, '');

describe('Markdown and HTML', () => {
  test('say the same: the same sections in the same order, with the same cells in their tables', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport(shape);
        const [markdown, html] = [readMarkdown(reportMarkdown(report)), readHtml(reportHtml(report))];
        expect(html).toEqual(markdown);
        expect(html.headings).toEqual(reportDocument(report).sections.map(({ title }) => title));
      }),
      RUNS,
    );
  });

  test('both hold every claim with its verdict, estimate and interval', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport(shape);
        for (const { tables } of [readMarkdown(reportMarkdown(report)), readHtml(reportHtml(report))]) {
          const rows = tables[0].slice(1);
          expect(rows).toHaveLength(report.claims.length);
          report.claims.forEach(({ statement, verdict, estimate, interval, unit, reason }, i) => {
            expect(rows[i].slice(0, 2)).toEqual([words(statement), verdict]);
            expect(near(rows[i][2].split(' ')[0], estimate, unit)).toBe(true);
            const ends = rows[i][3].split(' to ').map((end) => end.split(' ')[0]);
            if (interval.some(Number.isNaN)) expect(rows[i][3]).toBe('–');
            else expect(ends.every((end, j) => near(end, interval[j], unit))).toBe(true);
            expect(rows[i][5]).toBe(words(reason));
          });
        }
      }),
      RUNS,
    );
  });

  test('both lead from every claim to the section that shows it', () => {
    const report = exampleReport({ seeds: 3 });
    const html = reportHtml(report);
    for (const { shownBy } of report.claims) {
      expect(reportMarkdown(report)).toContain(`[${shownBy}](#${anchorOf(shownBy)})`);
      expect(html).toContain(`<a href="#${anchorOf(shownBy)}">${shownBy}</a>`);
      expect(html).toContain(`id="${anchorOf(shownBy)}"`);
    }
  });

  test('both say words as they are, whatever they mean in HTML or Markdown', () => {
    const plain = exampleReport({ reason: HOSTILE });
    const [first, ...others] = plain.claims;
    const report = {
      ...plain,
      claims: [{ ...first, statement: HOSTILE, reason: HOSTILE }, ...others],
      preset: { ...plain.preset, note: HOSTILE },
      environment: { ...plain.environment, device: HOSTILE },
      command: HOSTILE,
    };
    const html = reportHtml(report);
    for (const { tables } of [readHtml(html), readMarkdown(reportMarkdown(report))]) {
      expect(tables[0][1][0]).toBe(HOSTILE);
      expect(tables.flat()).toContainEqual(['note', HOSTILE, 'no']);
      expect(tables.flat()).toContainEqual(['device', HOSTILE]);
    }
    expect(htmlWords(/<header>[\s\S]*?<p>([\s\S]*?)<\/p>/.exec(html)![1])).toContain(HOSTILE);
    expect(markup(html)).not.toMatch(/<img|<!--/);
  });
});

describe('report.md', () => {
  test('says the verdict first and stands beside its picture', () => {
    const text = reportMarkdown(exampleReport({ verdict: 'FAIL', reason: "LB's rise is half SB's" }));
    expect(text.split('\n')[0]).toBe('# Is this large-batch minimum sharper? FAIL');
    expect(reportMarkdown(exampleReport({ seeds: 3 }))).toMatch(
      /^# Do large batches find sharp minima\? PASS/,
    );
    expect(text).toContain("**FAIL**: LB's rise is half SB's.");
    expect(text).toContain('](sharpness_comparison.png)');
  });

  test('holds a command with backticks in a longer fence', () => {
    expect(reportMarkdown({ ...exampleReport(), command: 'a ``` b' })).toContain('````\na ``` b\n````');
  });
});

describe('report.html', () => {
  const everything: Partial<ReportShape> = {
    seeds: 3,
    testCurves: true,
    control: true,
    sensitivity: true,
    trainingSensitivity: true,
  };

  test('is the same for the same report, to the last byte', () => {
    expect(reportHtml(exampleReport(everything)) === reportHtml(exampleReport(everything))).toBe(true);
  });

  test('refers to nothing outside of itself, and lets nothing be fetched', () => {
    const html = reportHtml(exampleReport(everything));
    expect(markup(html)).not.toMatch(/\b(src|srcset|action|poster|background)=|@import/);
    const links = [...markup(html).matchAll(/\bhref="([^"]*)"/g)].map((match) => match[1]);
    expect(links.filter((link) => !link.startsWith('#'))).toEqual(['data:,']);
    expect(/<style>([\s\S]*?)<\/style>/.exec(html)![1]).not.toMatch(/url\(|@import|@font-face/);
    expect(html).not.toMatch(/<script[^>]+src/);
    expect(html).toContain(`content="default-src 'none';`);
  });

  test('holds its charts as JSON that no word of the report can end', () => {
    const hostile = exampleReport({ ...everything });
    const runs = hostile.runs.map((run) => ({ ...run, regime: '</script>' as 'SB' }));
    const html = reportHtml({ ...hostile, runs });
    const json = /<script type="application\/json" id="charts">([\s\S]*?)<\/script>/.exec(html)![1];
    expect(json).not.toContain('<');
    expect(JSON.stringify(JSON.parse(json))).toContain('</script>');
  });

  test('names its language and title, and has headings in order', () => {
    const html = reportHtml(exampleReport(everything));
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(html).toContain('<title>Do large batches find sharp minima? PASS</title>');
    const levels = [...markup(html).matchAll(/<h([1-6])\b/g)].map((match) => Number(match[1]));
    expect(levels[0]).toBe(1);
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    levels.slice(1).forEach((level, i) => expect(level - levels[i]).toBeLessThanOrEqual(1));
  });

  test('draws the band that a claim is judged by beside its estimate, and says what it is', () => {
    const report = exampleReport();
    const plot = markup(reportHtml(report));
    expect(plot.match(/class="strip-band"/g)).toHaveLength(1);
    expect(plot).toContain('an estimate must lie within the shaded band');
    const claims = report.claims.map(({ band: _, ...claim }) => claim);
    expect(markup(reportHtml({ ...report, claims }))).not.toMatch(/strip-band|shaded/);
  });

  test('has no identifier twice', () => {
    const ids = [...markup(reportHtml(exampleReport(everything))).matchAll(/\bid="([^"]*)"/g)].map(
      (match) => match[1],
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});

/** Whether words give a number to four digits, or a share to two decimals of a point. */
function near(words: string, value: number, unit: 'ratio' | 'nats' | 'share'): boolean {
  if (Number.isNaN(value)) return words === 'n/a';
  const [wanted, slack] = unit === 'share' ? [100 * value, 0.005] : [value, 5e-4 * Math.abs(value)];
  return Math.abs(Number(words) - wanted) <= slack + 1e-12;
}
