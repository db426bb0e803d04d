import type { ControlReport } from '../report/report';
import { largestControlFactor } from '../verdict/control';
import { ratioOf, type Ratio } from '../verdict/ratio';
import { controlCurves } from './curves';
import { controlTraining, regimeTraining } from './minimizers';
import type { RunFolder } from './run-folder';
import { curvesOf, isComplete, ofGrid, pairs, runReport } from './stored-results';

/** SB with another batch order against SB, of all pairs that the folder holds whole; null where there is none. */
export function judgeControl(folder: RunFolder): { ratio: Ratio; report: ControlReport } | null {
  const { settings } = folder.beginning;
  const wanted = controlCurves(settings);
  const own = (seed: number) => regimeTraining(settings, 'SB', seed);
  const other = (seed: number) => controlTraining(settings, seed);
  const seeds: number[] = [];
  for (let seed = settings.seed; isComplete(folder, other(seed), wanted); seed++) {
    if (isComplete(folder, own(seed), wanted)) seeds.push(seed);
  }
  if (seeds.length === 0) return null;
  const ownCurves = seeds.flatMap((seed) => curvesOf(folder, 'SB', own(seed), wanted));
  const otherCurves = seeds.flatMap((seed) => curvesOf(folder, 'SB', other(seed), wanted));
  // The other order stands in LB's place, so that the same code compares them.
  const curves = [...ownCurves, ...otherCurves.map((curve) => ({ ...curve, regime: 'LB' as const }))];
  const ratio = ratioOf(pairs(seeds, ofGrid('curve', curves), 'train', 'rise'));
  return {
    ratio,
    report: {
      statement: 'SB with another order of its batches against SB, from the same initial weights',
      rise: figuresOf(ratio),
      curvature: figuresOf(ratioOf(pairs(seeds, ofGrid('curvature', curves), 'train', 'curvature'))),
      largestFactor: ratio.unusable ? NaN : largestControlFactor(ratio),
      runs: seeds.map((seed) => runReport(folder, 'SB', other(seed))),
      curves: ofGrid('curve', otherCurves),
      curvatureCurves: ofGrid('curvature', otherCurves),
    },
  };
}

function figuresOf({ estimate, interval, n, over, bySeed }: Ratio) {
  return { estimate, interval, n, over, bySeed };
}
