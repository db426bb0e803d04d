import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseReport, type Report } from '../src/report/report';
import { availability } from './helpers/availability';
import { reproduce } from './helpers/command-line';

const root = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(root, { recursive: true }));

const INCONCLUSIVE = 3;
const names = availability()
  .filter(([name, missing]) => missing === null && name !== 'webgpu')
  .map(([name]) => name);

describe.each(names)('smoke, run for real on %s', (name) => {
  let report: Report;
  beforeAll(async () => {
    const out = join(root, name);
    const { code, stderr } = await reproduce('--preset', 'smoke', '--engine', name, '--out', out);
    expect({ code, stderr }).toMatchObject({ code: INCONCLUSIVE });
    const file = join(out, 'report.json');
    report = parseReport(readFileSync(file, 'utf8'), file);
    reports.push(report);
  }, 600_000);

  test('names the engine', () => {
    expect(report.environment.engine).toBe(name);
  });

  test('agrees with the other engines in every claim: each estimate lies in the interval of the other', () => {
    const [first] = reports;
    for (const claim of report.claims) {
      const other = first.claims.find(({ id }) => id === claim.id)!;
      expect(claim.verdict).toBe(other.verdict);
      for (const [one, two] of [
        [claim, other],
        [other, claim],
      ]) {
        if (one.interval.some((bound) => !Number.isFinite(bound))) continue;
        expect(one.estimate).toBeGreaterThanOrEqual(two.interval[0]);
        expect(one.estimate).toBeLessThanOrEqual(two.interval[1]);
      }
    }
  });

  test('agrees with the other engines in the losses of both minimizers, to a twentieth', () => {
    // Rounding differs from engine to engine, and training makes it grow.
    const [first] = reports;
    report.runs.forEach((run, at) => {
      expect(Math.abs(run.train.loss / first.runs[at].train.loss - 1)).toBeLessThan(0.05);
      expect(Math.abs(run.test.loss / first.runs[at].test.loss - 1)).toBeLessThan(0.05);
    });
  });
});

const reports: Report[] = [];
