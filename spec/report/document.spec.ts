import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { reportDocument } from '../../src/report/document';
import type { Report } from '../../src/report/report';
import type { Section } from '../../src/report/section';
import { plainText } from '../../src/report/text';
import { exampleReport, reportShapes, type ReportShape } from '../helpers/reports';

const sectionsOf = (report: Report) => reportDocument(report).sections;
const section = (report: Report, title: string) => sectionsOf(report).find((one) => one.title === title);
const titlesOf = (report: Report) => sectionsOf(report).map(({ title }) => title);
const leadOf = (shape: Partial<ReportShape>) =>
  reportDocument(exampleReport(shape)).lead.map(plainText).join('\n');

/** All that a section says outside of its tables. */
function proseOf({ blocks }: Section): string {
  return blocks
    .flatMap((block) => {
      if ('paragraph' in block) return [plainText(block.paragraph)];
      if ('list' in block) return block.list.map(plainText);
      return 'code' in block ? [block.code] : [];
    })
    .join('\n');
}

function tableOf({ blocks }: Section, index = 0): string[][] {
  const table = blocks.flatMap((block) => ('table' in block ? [block.table] : []))[index];
  return [[...table.head], ...table.rows.map((row) => row.map(plainText))];
}

const prose = (report: Report, title: string) => proseOf(section(report, title)!);
const rowsOf = (report: Report, title: string, index = 0) => tableOf(section(report, title)!, index);

describe('what a report says', () => {
  test('begins with the verdict and its reason, as plainly for FAIL as for PASS', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport(shape);
        const { verdict, lead } = reportDocument(report);
        expect(verdict).toBe(report.verdict);
        expect(lead[0]).toEqual([{ verdict: report.verdict }, expect.stringContaining(report.reason)]);
      }),
    );
  });

  test('is about two minimizers with one seed, and about two methods with several', () => {
    expect(leadOf({ seeds: 1 })).toContain(
      'the interval is over random directions, and the verdict is about these two minimizers, not yet about the two methods',
    );
    expect(leadOf({ seeds: 3 })).toContain(
      '(42, 43 and 44): the interval is over seeds, the verdict is about the two methods, on these images',
    );
    expect(reportDocument(exampleReport()).title).toBe('Is this large-batch minimum sharper?');
    expect(reportDocument(exampleReport({ seeds: 3 })).title).toBe('Do large batches find sharp minima?');
  });

  test('tells what a flag changed, and nothing where none did', () => {
    expect(leadOf({ changed: ['dropout', 'trainSize'] })).toContain("preset's dropout and trainSize");
    expect(leadOf({ changed: [] })).not.toContain('preset');
    expect(rowsOf(exampleReport({ changed: ['directions'] }), 'Settings')).toContainEqual([
      'directions',
      '5',
      'by a flag',
    ]);
  });

  test('holds every section that a claim refers to, once', () => {
    fc.assert(
      fc.property(reportShapes, fc.boolean(), (shape, bare) => {
        const full = exampleReport(shape);
        const report = bare ? { ...full, curvatureCurves: [], generalization: [] } : full;
        const titles = titlesOf(report);
        for (const { shownBy } of report.claims) expect(titles).toContain(shownBy);
        expect(new Set(titles).size).toBe(titles.length);
      }),
    );
  });

  test('has one text for each column of every table', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        for (const { blocks } of sectionsOf(exampleReport(shape))) {
          for (const block of blocks) {
            if (!('table' in block)) continue;
            for (const row of block.table.rows) expect(row).toHaveLength(block.table.head.length);
          }
        }
      }),
    );
  });

  test('never writes NaN, Infinity, null or undefined', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        // The words of others are theirs.
        const report = exampleReport({ ...shape, reason: '' });
        const claims = report.claims.map((claim) => ({ ...claim, reason: '' }));
        const text = sectionsOf({ ...report, claims }).flatMap((one) => [
          proseOf(one),
          ...one.blocks.flatMap((block) => ('table' in block ? block.table.rows.flat().map(plainText) : [])),
        ]);
        for (const words of text) expect(words).not.toMatch(/NaN|Infinity|null|undefined|\[object/);
      }),
    );
  });

  test('leaves out what was not done, but tells how the control is run', () => {
    const plain = exampleReport();
    for (const title of [
      'Each seed by itself',
      'Sensitivity to how the curves are drawn',
      "Sensitivity to LB's learning rate",
    ]) {
      expect(titlesOf(plain)).not.toContain(title);
    }
    expect(prose(plain, 'Control')).toContain(`This command runs it:\n${plain.controlCommand}`);
    const { controlCommand: _, ...earlier } = plain;
    expect(prose(earlier, 'Control')).toMatch(/set against SB, does\.$/);
    const none = { ...plain, curvatureCurves: [], generalization: [], measures: [], claims: [] };
    for (const title of ['Near the minimizer', 'Generalization', 'Measures'])
      expect(titlesOf(none)).not.toContain(title);
  });

  test("keeps a seed's own interval apart from the one over seeds", () => {
    const report = exampleReport({ seeds: 3 });
    const [, , headline] = rowsOf(report, 'Claims');
    expect(headline.slice(2, 5)).toEqual(['1.6', '1.429 to 1.792', '3 seeds']);
    const own = rowsOf(report, 'Each seed by itself').filter(([claim]) => claim === headline[0]);
    expect(own).toEqual([
      [headline[0], '42', '1.52', '1.357 to 1.702', '5 directions'],
      [headline[0], '43', '1.68', '1.5 to 1.882', '5 directions'],
      [headline[0], '44', '1.84', '1.643 to 2.061', '5 directions'],
    ]);
  });

  test('gives estimates their unit: none for a ratio, nats for a loss, percentage points for a share', () => {
    const estimates = rowsOf(exampleReport(), 'Claims').map((row) => row[2]);
    expect(estimates).toEqual(expect.arrayContaining(['1.6', '0.0143 nats', '1.80 points']));
  });

  test('has a row for each direction and split, and one for each run', () => {
    const report = exampleReport({ seeds: 3, directions: 2, testCurves: true });
    expect(rowsOf(report, 'Ratios along each direction')).toHaveLength(1 + 3 * 2 * 2);
    expect(rowsOf(report, 'Near the minimizer')).toHaveLength(1 + 3 * 2);
    expect(rowsOf(report, 'The runs')).toHaveLength(1 + 3 * 2);
    const [head, row] = rowsOf(report, 'Ratios along each direction');
    const at = (name: string) => Number(row[head.indexOf(name)]);
    expect(at('ratio')).toBeCloseTo(at('LB rise') / at('SB rise'), 2);
  });

  test('counts the ways to draw and measure the curves by their verdict, each in its own cell', () => {
    const report = exampleReport({ sensitivity: true });
    const { rows } = report.sensitivity!;
    const counts = ['PASS', 'FAIL', 'INCONCLUSIVE'].map(
      (verdict) => `${rows.filter((row) => row.verdict === verdict).length} ${verdict}`,
    );
    const title = 'Sensitivity to how the curves are drawn';
    expect(prose(report, title)).toContain(
      `Of 72 ways to draw and measure the curves, the verdicts are ${counts[0]}, ${counts[1]} and ${counts[2]}.`,
    );
    const table = rowsOf(report, title);
    expect(table).toHaveLength(1 + 4 * 2 * 3);
    for (const { normalization, split, range, rise, verdict, estimate } of rows) {
      const row = table.find(([a, b, c]) => a === normalization && b === split && c === String(range))!;
      const cell = row[{ mean: 3, maximum: 4, curvature: 5 }[rise]];
      expect(cell).toMatch(new RegExp(` ${verdict}$`));
      expect(Number(cell.split(' ')[0])).toBeCloseTo(estimate, 2);
    }
  });

  test('says what would have decided an open verdict, and that more directions need no training', () => {
    const open = prose(exampleReport({ ratio: 1 }), 'What could have been found');
    expect(open).toContain('--directions 23 goes on in the same folder, without training again');
    expect(prose(exampleReport({ ratio: 1, seeds: 3 }), 'What could have been found')).toContain(
      '--seeds 23 goes on in the same folder',
    );
    expect(prose(exampleReport(), 'What could have been found')).not.toMatch(/--directions|holds 1/);
    expect(prose(exampleReport({ ratio: 0.6 }), 'What could have been found')).not.toContain('holds 1');
    expect(open).toContain(
      'if their mean and spread stayed as found; from 5 directions the spread is only roughly known',
    );
    const hopeless = exampleReport({ ratio: 1 });
    const power = { ...hopeless.power, deciding: NaN };
    const many = prose({ ...hopeless, power }, 'What could have been found');
    expect(many).toContain('More than 1000 directions would have been needed');
    expect(many).not.toContain('--directions');
  });

  test('names no number of directions where no number would have decided it, but what would', () => {
    const found = (open: Report['power']['open'], shape: Partial<ReportShape> = { ratio: 1 }) => {
      const report = exampleReport(shape);
      return prose({ ...report, power: { ...report.power, open } }, 'What could have been found');
    };
    expect(found('smoke')).toContain('no number of directions or seeds decides it');
    expect(found('not comparable')).toMatch(
      /No number of directions .* trained longer \(--small-epochs, --large-epochs\)/,
    );
    expect(found('control')).toMatch(/No number of directions .* --seeds 3\.$/);
    expect(found('no ratio', { unknown: true })).toMatch(
      /No number of directions .* direction 0 has a figure/,
    );
    expect(found('one direction')).toMatch(/at least two: --directions 2 goes on/);
    for (const open of ['smoke', 'not comparable', 'control', 'no ratio', 'one direction'] as const) {
      expect(found(open)).not.toMatch(/would have decided it, if|23/);
    }
  });

  test('sets the largest factor of the control beside the ratio found', () => {
    const within = prose(exampleReport({ control: true, ratio: 1 }), 'Control');
    expect(within).toContain('1.08');
    expect(within).toContain('such a ratio comes without a large batch too');
    expect(prose(exampleReport({ control: true, ratio: 1.6 }), 'Control')).toContain(
      'more than two runs of SB differ',
    );
  });

  test('compares no mean over seeds with a single pair of the control', () => {
    const shape = { control: true, seeds: 3 };
    for (const ratio of [1, 1.6]) {
      const report = exampleReport({ ...shape, ratio });
      expect(prose(report, 'Control')).toContain('1.08');
      expect(prose(report, 'Control')).not.toMatch(/without a large batch|two runs of SB/);
      expect(prose(report, 'What would change the verdict')).not.toMatch(/another batch order/);
    }
  });

  test('says so where the control has no ratio', () => {
    const report = exampleReport({ control: true });
    const unusable = { ...report, control: { ...report.control!, largestFactor: NaN } };
    expect(prose(unusable, 'Control')).toContain('The control has no ratio');
    expect(prose(unusable, 'What would change the verdict')).toContain('The control has no ratio');
  });

  test('compares the curvature and the ways to draw the curves with what the interval says, not with what a control left of it', () => {
    const report = exampleReport({ control: true, sensitivity: true, verdict: 'INCONCLUSIVE' });
    const claims = report.claims.map((claim) =>
      claim.id === 'lb-rises-faster'
        ? { ...claim, verdict: 'INCONCLUSIVE' as const }
        : claim.id === 'lb-curvature'
          ? { ...claim, verdict: 'PASS' as const, estimate: 1.4, interval: [1.3, 1.5] as const }
          : claim,
    );
    const rows = report.sensitivity!.rows.map((row) => ({ ...row, verdict: 'PASS' as const }));
    const held = { ...report, claims, sensitivity: { ...report.sensitivity!, rows } };
    expect(prose(held, 'What would change the verdict')).toContain(
      'Near the minimizer the picture is the same: PASS',
    );
    expect(prose(held, 'What would change the verdict')).toContain(
      "All 72 ways to draw and measure the curves give PASS, as the headline's interval does.",
    );
    expect(prose(held, 'Near the minimizer')).toContain(
      'says PASS, which agrees with that on the whole curve, PASS',
    );
  });

  test('says what an interval does not hold: the part of the images, the number of cells', () => {
    expect(prose(exampleReport(), 'Ratios along each direction')).toContain(
      'to a loss; the intervals of the ratios do not hold it',
    );
    const report = exampleReport({ sensitivity: true, seeds: 3 });
    expect(prose(report, 'Sensitivity to how the curves are drawn')).toMatch(
      /not corrected for their number; .* no 72 independent findings\. .* of that one seed, whatever number of seeds/,
    );
  });

  test("has SB's and LB's rise along each direction beside LB's learning rates", () => {
    const [head, row] = rowsOf(
      exampleReport({ trainingSensitivity: true }),
      "Sensitivity to LB's learning rate",
    );
    const at = (name: string) => row[head.indexOf(name)];
    expect([at('SB rise, each direction'), at('LB rise, each direction')]).toEqual(['1.84', '1.49']);
  });

  test('gives every command that it took, one a line', () => {
    const alone = exampleReport();
    expect(prose(alone, 'How to run it again').split('\n').slice(1)).toEqual([alone.command]);
    const report = exampleReport({ control: true });
    expect(prose(report, 'How to run it again').split('\n').slice(1)).toEqual([
      report.command,
      report.controlCommand,
    ]);
  });

  test('names what contradicts the verdict', () => {
    const all = { control: true, sensitivity: true, trainingSensitivity: true };
    const report = exampleReport({ ...all, ratio: 1.6 });
    const changes = prose(report, 'What would change the verdict');
    expect(changes).toContain('Near the minimizer the picture is another: FAIL');
    const { rows } = report.sensitivity!;
    for (const { normalization } of rows) {
      const differs = rows.some((row) => row.normalization === normalization && row.verdict !== 'PASS');
      expect(/with the normalizations? (.*)\./.exec(changes)![1].includes(normalization)).toBe(differs);
    }
    expect(changes).toContain('FAIL at 0.01 (not comparable)');
    expect(changes).toContain('INCONCLUSIVE at 0.16 (diverged)');
    expect(changes).toContain('factor of 1.429 above 1');
    expect(prose(exampleReport({ ratio: 0.6 }), 'What would change the verdict')).toMatch(
      /below 1: .*along 0 of 5 directions/s,
    );
  });

  test('has every setting, the environment and the command', () => {
    const report = exampleReport();
    const settings = Object.keys(report.preset).filter((name) => name !== 'changed');
    expect(rowsOf(report, 'Settings').map(([name]) => name)).toEqual(['setting', ...settings]);
    expect(rowsOf(report, 'Environment').map(([name]) => name)).toEqual([
      'what',
      ...Object.keys(report.environment),
    ]);
    expect(prose(report, 'How to run it again')).toContain(report.command);
  });
});
