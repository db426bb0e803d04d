import { describe, expect, test } from '@jest/globals';
import { reportMarkdown } from '../../src/report/markdown';
import { drawReport } from '../../src/report/picture';
import { reportJson, type CurveReport, type Report } from '../../src/report/report';
import { ENVIRONMENT } from '../support/environment';

const curve = (regime: 'SB' | 'LB', direction: number, loss: number[]): CurveReport => ({
  regime,
  seed: 1,
  direction,
  directionSeed: 1000 + direction,
  split: 'train',
  normalization: 'filter',
  images: 100,
  alphas: [-1, 0, 1],
  loss,
  lossStandardError: [0.02, 0, 0.01],
  accuracy: [0.5, 1, 0.6],
  rise: 1.25,
  errorRise: 0.3,
});
const result = { loss: 0.01, accuracy: 0.9987, lossStandardError: 0.001 };
const run = (regime: 'SB' | 'LB', batchSize: number) => ({
  regime,
  seed: 1,
  batchSize,
  epochs: 2,
  train: result,
  test: result,
  weightsSha256: 'ab',
  seconds: 61,
  history: [],
});
const REPORT: Report = {
  verdict: 'FAIL',
  reason: "LB's rise is half SB's",
  claims: [
    {
      id: 'lb-rises-faster',
      statement: 'LB rises | faster.',
      verdict: 'FAIL',
      reason: 'it does not',
      estimate: 0.5,
      interval: [0.4, NaN],
      n: 2,
    },
  ],
  runs: [run('SB', 8), run('LB', 64)],
  curves: [curve('SB', 0, [2, 0, 2]), curve('LB', 0, [1, 0, Infinity])],
  environment: ENVIRONMENT,
  preset: { preset: 'quick', changed: ['dropout'] },
};

describe('the report', () => {
  test('as JSON has null where a number is not finite', () => {
    const json = JSON.parse(reportJson(REPORT)) as Report;
    expect(json.claims[0].interval).toEqual([0.4, null]);
    expect(json.curves[1].loss).toEqual([1, 0, null]);
  });

  test('as Markdown says the verdict first, every claim, run and direction, and what a flag changed', () => {
    const text = reportMarkdown(REPORT);
    expect(text.split('\n')[0]).toContain('FAIL');
    expect(text).toContain("**FAIL**: LB's rise is half SB's.");
    expect(text).toContain('| LB rises \\| faster. | **FAIL** | 0.5 | 0.4 to n/a | 2 | it does not |');
    expect(text).toContain('| LB, seed 1 | 64 | 2 | 0.01 | 99.87% | 0.01 | 99.87% | 61 |');
    expect(text).toContain('| 1 | 0 | train | 1.25 | 1.25 | 1 | 0.3 | 0.3 |');
    expect(text).toContain("Flags changed the preset's dropout");
    expect(text).toContain('about these two minimizers');
    expect(text).toContain('adds a standard error of up to 0.02 nats');
  });

  test('as a picture can be drawn where a loss is not finite, and the same twice', async () => {
    const picture = await drawReport(REPORT);
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    expect((await drawReport(REPORT)).equals(picture)).toBe(true);
  });
});
