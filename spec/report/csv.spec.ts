import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { curvesCsv } from '../../src/report/csv';
import type { CurveReport, Report } from '../../src/report/report';
import { evenly } from '../helpers/arbitraries';
import { exampleReport, reportShapes } from '../helpers/reports';

const HEADER = 'role,regime,seed,direction,direction_seed,split,grid,alpha,loss,loss_standard_error,accuracy';

const CURVE: CurveReport = {
  ...exampleReport().curves[0],
  seed: 42,
  direction: 3,
  directionSeed: 42_003,
  alphas: [-1, 0],
  loss: [2.302585092994046, 1e-9],
  lossStandardError: [0.02, 0],
  accuracy: [0.1, 1],
};

/** A report of these curves alone. */
const reportOf = (curves: readonly CurveReport[]): Report => ({
  ...exampleReport(),
  curves,
  curvatureCurves: [],
});

/** The cells of each line below the header: nothing here has commas or quotes. */
const rowsOf = (csv: string): string[][] =>
  csv
    .split('\r\n')
    .slice(1, -1)
    .map((line) => line.split(','));

/** Every group of curves with the role and grid that its rows name. */
const groupsOf = ({ curves, curvatureCurves, control }: Report) => [
  { role: 'experiment', grid: 'curve', curves },
  { role: 'experiment', grid: 'curvature', curves: curvatureCurves },
  { role: 'control', grid: 'curve', curves: control?.curves ?? [] },
  { role: 'control', grid: 'curvature', curves: control?.curvatureCurves ?? [] },
];

describe('the curves as CSV', () => {
  test('are a header and a line an α, each ended by CR LF as in RFC 4180', () => {
    expect(curvesCsv(reportOf([CURVE]))).toBe(
      [
        HEADER,
        'experiment,SB,42,3,42003,train,curve,-1,2.302585092994046,0.02,0.1',
        'experiment,SB,42,3,42003,train,curve,0,1e-9,0,1',
        '',
      ].join('\r\n'),
    );
  });

  test('are the header alone where there are none', () => {
    expect(curvesCsv(reportOf([]))).toBe(`${HEADER}\r\n`);
  });

  test('leave a cell empty where a number is not finite', () => {
    const curve = {
      ...CURVE,
      loss: [NaN, Infinity],
      lossStandardError: [-Infinity, 0],
      accuracy: [0, NaN],
    };
    expect(rowsOf(curvesCsv(reportOf([curve]))).map((row) => row.slice(7))).toEqual([
      ['-1', '', '', '0'],
      ['0', '', '0', ''],
    ]);
  });

  test('lose no bit of a number', () => {
    const point = fc.tuple(evenly(-1, 1), evenly(0, 7), evenly(0, 0.3), evenly(0, 1));
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 30 }), (points) => {
        const column = (i: number) => points.map((numbers) => numbers[i] / 3);
        const curve = {
          ...CURVE,
          alphas: column(0),
          loss: column(1),
          lossStandardError: column(2),
          accuracy: column(3),
        };
        const read = rowsOf(curvesCsv(reportOf([curve]))).map((row) => row.slice(7).map(Number));
        expect(read).toEqual(points.map((numbers) => numbers.map((number) => number / 3)));
      }),
    );
  });

  test('hold every point of every curve once, on both grids and of the control, with what it belongs to', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport(shape);
        const rows = rowsOf(curvesCsv(report));
        let count = 0;
        for (const { role, grid, curves } of groupsOf(report)) {
          for (const curve of curves) {
            const { regime, seed, direction, directionSeed, split } = curve;
            const place = [role, regime, seed, direction, directionSeed, split, grid].map(String);
            const own = rows.filter((row) => place.every((cell, i) => row[i] === cell));
            expect(own.map((row) => Number(row[7]))).toEqual(curve.alphas);
            expect(own.map((row) => (row[8] === '' ? NaN : Number(row[8])))).toEqual(curve.loss);
            expect(own.map((row) => Number(row[10]))).toEqual(curve.accuracy);
            count += own.length;
          }
        }
        expect(rows).toHaveLength(count);
      }),
      { numRuns: 20 },
    );
  });
});
