import type { ControlReport } from '../report/report';
import { largestControlFactor } from '../verdict/control';
import { ratioOf, type Ratio } from '../verdict/ratio';
import { controlCurves, type CurveKey } from './curves';
import { controlTraining, regimeTraining } from './minimizers';
import type { RunFolder } from './run-folder';
import { curvesOf, directionsHeld, ofGrid, pairs, runReport } from './stored-results';

/**
 * SB with another batch order against SB, of all pairs that the folder holds, each along the directions that it
 * has; null where there is none.
 */
export function judgeControl(
  folder: RunFolder,
): { ratio: Ratio; curvature: Ratio; report: ControlReport } | null {
  const { settings } = folder.beginning;
  const own = (seed: number) => regimeTraining(settings, 'SB', seed);
  const other = (seed: number) => controlTraining(settings, seed);
  const held: { seed: number; directions: number; wanted: CurveKey[] }[] = [];
  for (let seed = settings.seed; ; seed++) {
    const directions = directionsHeld(folder, [own(seed), other(seed)], controlCurves(settings));
    if (directions === 0) break;
    held.push({ seed, directions, wanted: controlCurves({ ...settings, directions }) });
  }
  if (held.length === 0) return null;
  const seeds = held.map(({ seed }) => seed);
  const ownCurves = held.flatMap(({ seed, wanted }) => curvesOf(folder, 'SB', own(seed), wanted));
  const otherCurves = held.flatMap(({ seed, wanted }) => curvesOf(folder, 'SB', other(seed), wanted));
  // The other order stands in LB's place, so that the same code compares them.
  const curves = [...ownCurves, ...otherCurves.map((curve) => ({ ...curve, regime: 'LB' as const }))];
  const ratio = ratioOf(pairs(seeds, ofGrid('curve', curves), 'train', 'rise'));
  const curvature = ratioOf(pairs(seeds, ofGrid('curvature', curves), 'train', 'curvature'));
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
      runs: seeds.map((seed) => runReport(folder, 'SB', other(seed))),
      curves: ofGrid('curve', otherCurves),
      curvatureCurves: ofGrid('curvature', otherCurves),
    },
  };
}

/** Of which part of the directions the pairs are, where the experiment has grown since. */
function part(held: readonly number[], directions: number): string {
  const [fewest, most] = [Math.min(...held), Math.max(...held)];
  if (fewest === directions) return '';
  return `, along ${fewest === most ? most : `${fewest} to ${most}`} of the ${directions} directions`;
}

function figuresOf({ estimate, interval, n, over, bySeed }: Ratio) {
  return { estimate, interval, n, over, bySeed };
}
