import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { drawReport, pictureText } from '../../src/report/picture';
import { reportJson, reportSchema, type Report } from '../../src/report/report';
import { exampleReport, reportShapes } from '../helpers/reports';

describe('the report as JSON', () => {
  test('has null where a number is not finite', () => {
    const report = exampleReport({ unknown: true });
    const json = JSON.parse(reportJson(report)) as Report;
    expect(json.claims[1].interval).toEqual([null, null]);
    expect(json.curves[0].loss.at(-1)).toBeNull();
  });

  test('comes back as the same value', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport(shape);
        expect(reportSchema.parse(JSON.parse(reportJson(report)))).toEqual(report);
      }),
      { numRuns: 30 },
    );
  });
});

describe('the picture', () => {
  test('can be drawn where a loss is not finite, and the same twice', async () => {
    const report = exampleReport({ unknown: true });
    const picture = await drawReport(report);
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    expect((await drawReport(report)).equals(picture)).toBe(true);
  });

  test('names its one seed, or all of several and what its lines are', () => {
    expect(pictureText(exampleReport())).toEqual({
      title: 'Training loss around the SB and LB minimizers: PASS',
      subtitle:
        'SimpleVGG on CIFAR-10, preset quick, seed 42; 5 random directions, normalization filter, 12500 images',
      xLabel: 'α, distance along the direction',
      yLabel: 'training loss (nats)',
    });
    const several = pictureText(exampleReport({ seeds: 3, directions: 2 }));
    expect(several.subtitle).toContain('seeds 42, 43 and 44; 2 random directions each,');
    expect(several.lines).toBe('3 seeds × 2 directions');
    expect(pictureText(exampleReport({ seeds: 20 })).subtitle).toContain('seeds 42 to 61;');
  });

  test("draws every seed's curves", async () => {
    const three = exampleReport({ seeds: 3 });
    const { curves } = three;
    const one = { ...three, curves: curves.filter(({ seed }) => seed === 42) };
    expect((await drawReport(three)).equals(await drawReport(one))).toBe(false);
  });

  test('is of the training images alone', async () => {
    const report = exampleReport({ testCurves: true });
    const train = { ...report, curves: report.curves.filter(({ split }) => split === 'train') };
    expect((await drawReport(report)).equals(await drawReport(train))).toBe(true);
  });
});
