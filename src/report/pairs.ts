import type { CurveReport, Report } from './report';

/** Two curves along the same noise: of SB and LB, or of SB and its control. */
export interface CurvePair {
  readonly seed: number;
  readonly direction: number;
  readonly split: CurveReport['split'];
  readonly one: CurveReport;
  readonly other: CurveReport;
}

/** SB's curves, each with LB's of the same seed, direction and split. What lacks its partner is left out. */
export function curvePairs(curves: readonly CurveReport[]): CurvePair[] {
  const of = (regime: CurveReport['regime']) => curves.filter((curve) => curve.regime === regime);
  return paired(of('SB'), of('LB'));
}

/** SB's curves, each with its control's. */
export function controlPairs(curves: readonly CurveReport[], control: readonly CurveReport[]): CurvePair[] {
  return paired(
    curves.filter(({ regime }) => regime === 'SB'),
    control,
  );
}

/** The seeds in the order in which the report has them. */
export function seedsOf({ runs }: Pick<Report, 'runs'>): number[] {
  return distinct(runs.map(({ seed }) => seed));
}

/** Each value once, in the order of its first. */
export function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** Curves of one split and regime at one alpha: mean, least and greatest loss. NaN where any is not finite. */
export function spreadAt(
  curves: readonly CurveReport[],
  index: number,
): { mean: number; least: number; greatest: number } {
  const losses = curves.map(({ loss }) => loss[index]);
  if (losses.length === 0 || !losses.every(Number.isFinite)) return { mean: NaN, least: NaN, greatest: NaN };
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return { mean, least: Math.min(...losses), greatest: Math.max(...losses) };
}

function paired(ones: readonly CurveReport[], others: readonly CurveReport[]): CurvePair[] {
  return ones.flatMap((one) => {
    const { seed, direction, split } = one;
    const other = others.find(
      (curve) => curve.seed === seed && curve.direction === direction && curve.split === split,
    );
    return other ? [{ seed, direction, split, one, other }] : [];
  });
}
