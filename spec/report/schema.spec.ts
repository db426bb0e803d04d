import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import Ajv2020 from 'ajv/dist/2020';
import fc from 'fast-check';
import { parseReport, reportJson } from '../../src/report/report';
import { exampleReport, reportShapes } from '../helpers/reports';
import { schemaText } from '../helpers/write-schema';

const file = join(__dirname, '../../src/report/report.schema.json');

describe('report.schema.json', () => {
  const text = readFileSync(file, 'utf8');
  const isReport = new Ajv2020().compile(JSON.parse(text) as object);

  test('is the schema of the code (npx ts-node spec/helpers/write-schema.ts makes it)', () => {
    expect(text).toBe(schemaText());
  });

  test('holds for every report', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report: unknown = JSON.parse(reportJson(exampleReport(shape)));
        expect(isReport(report) ? [] : isReport.errors).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  test('does not hold where anything is missing', () => {
    const report = JSON.parse(reportJson(exampleReport())) as Record<string, unknown>;
    // The one that earlier reports lack.
    for (const key of Object.keys(report).filter((name) => name !== 'controlCommand')) {
      const { [key]: _, ...rest } = report;
      expect(isReport(rest)).toBe(false);
    }
  });
});

test('a report of an earlier version, without what was added since, can be read', () => {
  const { controlCommand: _, power, claims, sensitivity, ...rest } = exampleReport({ sensitivity: true });
  const { open: __, ...plainPower } = power;
  const { curves: ___, ...plainSensitivity } = sensitivity!;
  const earlier = {
    ...rest,
    power: plainPower,
    claims: claims.map(({ band: ____, ...claim }) => claim),
    sensitivity: plainSensitivity,
  };
  expect(parseReport(JSON.stringify(earlier), 'report.json').power.open).toBeNull();
});

test('a report that is read back is the report, what is not known included', () => {
  fc.assert(
    fc.property(reportShapes, (shape) => {
      const json = reportJson(exampleReport(shape));
      expect(JSON.parse(reportJson(parseReport(json, 'report.json')))).toEqual(JSON.parse(json));
    }),
    { numRuns: 20 },
  );
});
