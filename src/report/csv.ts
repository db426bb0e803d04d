import { stringify } from 'csv-stringify/sync';
import type { CurveReport, Report } from './report';

const COLUMNS = [
  'role',
  'regime',
  'seed',
  'direction',
  'direction_seed',
  'split',
  'grid',
  'alpha',
  'loss',
  'loss_standard_error',
  'accuracy',
] as const;

type Row = Readonly<Record<(typeof COLUMNS)[number], string | number>>;

/**
 * Every point of every curve, a row each, as CSV of RFC 4180 with a header.
 *
 * role is experiment or control, grid is curve or curvature (the one near the minimizer); losses are in nats, accuracy
 * is in [0, 1]. What is not finite is an empty cell.
 */
export function curvesCsv({ curves, curvatureCurves, control }: Report): string {
  const rows = [
    ...rowsOf('experiment', 'curve', curves),
    ...rowsOf('experiment', 'curvature', curvatureCurves),
    ...rowsOf('control', 'curve', control?.curves ?? []),
    ...rowsOf('control', 'curvature', control?.curvatureCurves ?? []),
  ];
  return stringify(rows, {
    header: true,
    columns: COLUMNS,
    record_delimiter: 'windows',
    cast: { number: (value) => (Number.isFinite(value) ? String(value) : '') },
  });
}

function rowsOf(role: string, grid: string, curves: readonly CurveReport[]): Row[] {
  return curves.flatMap(
    ({ regime, seed, direction, directionSeed, split, alphas, loss, lossStandardError, accuracy }) =>
      alphas.map((alpha, i) => ({
        role,
        regime,
        seed,
        direction,
        direction_seed: directionSeed,
        split,
        grid,
        alpha,
        loss: loss[i],
        loss_standard_error: lossStandardError[i],
        accuracy: accuracy[i],
      })),
  );
}
