import type { Results } from '../../jobs/results';
import type { ControlReport, CurveReport } from '../../report/report';
import { largestControlFactor } from '../../verdict/control';
import { ratioOf, type Ratio } from '../../verdict/ratio';
import { controlTraining, GRIDS, regimeTraining, type ComparisonSetup } from './jobs';
import { curvesAround, pairs, runReport } from './stored-curves';

/**
 * SB with another batch order against SB, of all pairs that are stored, from the first seed on, each along the
 * directions that it has; null where there is none.
 */
export function judgeControl(
  setup: ComparisonSetup,
  results: Results,
): { ratio: Ratio; curvature: Ratio; report: ControlReport } | null {
  const { settings } = setup.settings;
  const held: { seed: number; run: ControlReport['runs'][number]; directions: number }[] = [];
  const all = { curve: [] as CurveReport[], curvature: [] as CurveReport[] };
  for (let seed = settings.seed; ; seed++) {
    const [own, other] = [regimeTraining(setup, 'SB', seed), controlTraining(setup, seed)];
    const run = runReport(setup, results, 'SB', other);
    const around = (training: typeof own) =>
      GRIDS.map((grid) => curvesAround(setup, results, 'SB', training, grid, 'train'));
    const curves = [...around(own), ...around(other)];
    const directions = Math.min(...curves.map(({ length }) => length));
    if (!run || directions === 0) break;
    held.push({ seed, run, directions });
    const [ownCurves, ownNear, otherCurves, otherNear] = curves.map((some) => some.slice(0, directions));
    // The other order stands in LB's place, so that the same code compares them.
    const inPlaceOfLb = (some: readonly CurveReport[]) =>
      some.map((curve) => ({ ...curve, regime: 'LB' as const }));
    all.curve.push(...ownCurves, ...inPlaceOfLb(otherCurves));
    all.curvature.push(...ownNear, ...inPlaceOfLb(otherNear));
  }
  if (held.length === 0) return null;
  const seeds = held.map(({ seed }) => seed);
  const ratio = ratioOf(pairs(seeds, all.curve, 'train', 'rise'));
  const curvature = ratioOf(pairs(seeds, all.curvature, 'train', 'curvature'));
  const ofControl = (curves: readonly CurveReport[]) =>
    curves.filter(({ regime }) => regime === 'LB').map((curve) => ({ ...curve, regime: 'SB' as const }));
  return {
    ratio,
    curvature,
    report: {
      statement:
        'SB with another order of its batches against SB, from the same initial weights' +
        part(
          held.map(({ directions }) => directions),
          settings.directions,
        ),
      rise: figuresOf(ratio),
      curvature: figuresOf(curvature),
      largestFactor: largestControlFactor(ratio),
      runs: held.map(({ run }) => run),
      curves: ofControl(all.curve),
      curvatureCurves: ofControl(all.curvature),
    },
  };
}

/** Along which part of the directions the pairs are, where the experiment has more by now. */
function part(held: readonly number[], directions: number): string {
  const [fewest, most] = [Math.min(...held), Math.max(...held)];
  if (fewest === directions) return '';
  return `, along ${fewest === most ? most : `${fewest} to ${most}`} of the ${directions} directions`;
}

function figuresOf({ estimate, interval, n, over, bySeed }: Ratio) {
  return { estimate, interval, n, over, bySeed };
}
