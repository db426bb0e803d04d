import { firstImages, type Dataset, type Split } from '../data/dataset';
import { computeSharpnessCurve } from '../landscape/curve';
import { normalizeDirection, randomDirection } from '../landscape/directions';
import type { Weights } from '../model/weights';
import type { Evaluation } from '../training/evaluate';
import type { ExperimentContext } from './context';
import type { Training } from './minimizers';
import type { FinishedCurve } from './run-folder';
import { directionSeedOf, type Settings } from './settings';

/** Near the minimizer: what lb-curvature is fitted to. */
const CURVATURE_ALPHAS: readonly number[] = [-0.25, -0.125, 0, 0.125, 0.25];

/** Which curve of a minimizer. */
export type CurveKey = Pick<FinishedCurve, 'grid' | 'split' | 'direction'>;

/** The alphas at which a curve is evaluated. */
export function alphasOf(settings: Settings, grid: FinishedCurve['grid']): readonly number[] {
  return grid === 'curve' ? settings.alphas : CURVATURE_ALPHAS;
}

/** Every curve that an experiment draws around a minimizer of its own. */
export function ownCurves({ directions, testCurves }: Settings): CurveKey[] {
  return curveKeys(directions, ['curve', 'curvature'], testCurves ? ['train', 'test'] : ['train']);
}

/** What a control's ratios need, around both of its minimizers. */
export function controlCurves({ directions }: Settings): CurveKey[] {
  return curveKeys(directions, ['curve', 'curvature'], ['train']);
}

/** What the rise of another learning rate needs. */
export function learningRateCurves({ directions }: Settings): CurveKey[] {
  return curveKeys(directions, ['curve'], ['train']);
}

/** The curves of some grids and splits along the first so many directions, in that order. */
function curveKeys(
  directions: number,
  grids: readonly FinishedCurve['grid'][],
  splits: readonly Split[],
): CurveKey[] {
  return Array.from({ length: directions }, (_, direction) =>
    grids.flatMap((grid) => splits.map((split) => ({ grid, split, direction }))),
  ).flat();
}

/** Finds the curve that a key names. */
export function findCurve<T extends CurveKey>(curves: readonly T[], key: CurveKey): T | undefined {
  return curves.find(
    ({ grid, split, direction }) => grid === key.grid && split === key.split && direction === key.direction,
  );
}

/** A minimizer to draw curves around. */
export interface CurveJob {
  readonly training: Training;
  readonly weights: Weights;
  readonly wanted: readonly CurveKey[];
}

/**
 * Draws the curves that the folder does not hold yet, direction by direction, and stores each.
 *
 * @param jobs of one seed, whose minimizers see the same noise in each direction.
 */
export async function drawCurves(
  context: ExperimentContext,
  seed: number,
  jobs: readonly CurveJob[],
): Promise<void> {
  const { architecture, data, folder, progress, settings } = context;
  const open = jobs.map((job) => {
    const done = folder.curves(job.training.name).read() ?? [];
    return { ...job, done, wanted: job.wanted.filter((key) => !findCurve(done, key)) };
  });
  const missing = open.flatMap(({ wanted }) => wanted);
  if (missing.length === 0) return;
  const total = missing.reduce((sum, key) => sum + imagesToEvaluate(settings, key, data.test.count), 0);
  const stretch = progress.begin(settings.seeds > 1 ? `Curves of seed ${seed}` : 'Curves', total);

  for (let direction = 0; direction < settings.directions; direction++) {
    const due = open
      .map((job) => ({ ...job, wanted: job.wanted.filter((key) => key.direction === direction) }))
      .filter(({ wanted }) => wanted.length > 0);
    if (due.length === 0) continue;
    const directionSeed = directionSeedOf(seed, direction);
    const noise = randomDirection(architecture, directionSeed);
    for (const { training, weights, done, wanted } of due) {
      const normalized = normalizeDirection(architecture, noise, weights, settings.normalization);
      for (const key of wanted) {
        const points = await drawCurve(context, training, weights, normalized, key, stretch.advance);
        done.push({ ...key, directionSeed, points: [...points] });
        folder.curves(training.name).write(done);
        const name = key.grid === 'curve' ? key.split : `${key.split}, near the minimizer`;
        stretch.milestone(`${training.label} ${name}, direction ${direction + 1}/${settings.directions}`);
      }
    }
  }
  stretch.end();
}

async function drawCurve(
  context: ExperimentContext,
  training: Training,
  weights: Weights,
  direction: Weights,
  { grid, split }: CurveKey,
  onImages: (images: number) => void,
): Promise<readonly Evaluation[]> {
  const { compute, architecture, folder, settings, signal } = context;
  const run = folder.run(training.name).read();
  const whole = split === 'test' || settings.curveImages === settings.trainSize;
  const known = whole && run && 'train' in run ? run[split] : undefined;
  const { points } = await computeSharpnessCurve(
    compute,
    architecture,
    imagesOf(context, split),
    weights,
    direction,
    alphasOf(settings, grid),
    { known, onImages, signal },
  );
  return points;
}

/** Images that a curve takes, counted once for each α but 0, where the minimizer itself is known. */
export function imagesToEvaluate(settings: Settings, { grid, split }: CurveKey, testImages: number): number {
  const alphas = alphasOf(settings, grid).filter((alpha) => alpha !== 0);
  return alphas.length * (split === 'train' ? settings.curveImages : testImages);
}

function imagesOf({ data, settings }: ExperimentContext, split: Split): Dataset {
  return split === 'train' ? firstImages(data.train, settings.curveImages) : data.test;
}
