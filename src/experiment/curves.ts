import { firstImages, type Dataset, type Split } from '../data/cifar10';
import { computeSharpnessCurve } from '../landscape/curve';
import { normalizeDirection, randomDirection } from '../landscape/directions';
import { SIMPLE_VGG } from '../model/architecture';
import type { Weights } from '../model/weights';
import { duration } from '../progress';
import type { ExperimentContext } from './context';
import type { Training } from './minimizers';
import type { FinishedCurve } from './run-folder';
import { directionSeedOf, type Settings } from './settings';

/** Near the minimizer: what lb-curvature is fitted to. */
export const CURVATURE_ALPHAS: readonly number[] = [-0.25, -0.125, 0, 0.125, 0.25];

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

/** The curves of some grids and splits along the first so many directions, in that order. */
export function curveKeys(
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

const LONG_SECONDS = 2 * 60 * 60;

/** Draws the curves that the folder does not hold yet, direction by direction, and stores each. */
export async function drawCurves(context: ExperimentContext, jobs: readonly CurveJob[]): Promise<void> {
  const { folder, progress, settings } = context;
  const missing = jobs
    .flatMap((job) => {
      const done = folder.curves(job.training.name).read() ?? [];
      return job.wanted.filter((key) => !findCurve(done, key)).map((key) => ({ ...job, key }));
    })
    .sort((one, other) => one.key.direction - other.key.direction);
  if (missing.length === 0) return;
  const work = ({ key }: (typeof missing)[number]) =>
    alphasOf(settings, key.grid).filter((alpha) => alpha !== 0).length * imagesOf(context, key.split).count;
  const total = missing.reduce((sum, curve) => sum + work(curve), 0);
  const seeds = [...new Set(jobs.map(({ training }) => training.seed))];
  const stretch = progress.begin(settings.seeds > 1 ? `Curves of seed ${seeds.join(', ')}` : 'Curves', total);
  const begun = performance.now();
  for (const [index, { training, weights, key }] of missing.entries()) {
    const curve = await drawCurve(context, training, weights, key, stretch.advance);
    const stored = folder.curves(training.name);
    stored.write([...(stored.read() ?? []), curve]);
    const name = key.grid === 'curve' ? key.split : `${key.split}, near the minimizer`;
    stretch.milestone(`${training.label} ${name}, direction ${key.direction + 1}/${settings.directions}`);
    const expected = ((performance.now() - begun) / 1000) * (total / work(missing[index]));
    if (index === 0 && expected > LONG_SECONDS) {
      progress.say(
        `The curves will take about ${duration(expected)} here; --curve-images makes them shorter.`,
      );
    }
  }
  stretch.end();
}

async function drawCurve(
  context: ExperimentContext,
  training: Training,
  weights: Weights,
  key: CurveKey,
  onImages: (images: number) => void,
): Promise<FinishedCurve> {
  const { engine, folder, settings, signal } = context;
  const run = folder.run(training.name).read();
  const whole = key.split === 'test' || settings.curveImages === settings.trainSize;
  const known = whole && run && 'train' in run ? run[key.split] : undefined;
  const directionSeed = directionSeedOf(training.seed, key.direction);
  const noise = randomDirection(SIMPLE_VGG, directionSeed);
  const direction = normalizeDirection(SIMPLE_VGG, noise, weights, settings.normalization);
  const { points } = await computeSharpnessCurve(
    engine,
    SIMPLE_VGG,
    imagesOf(context, key.split),
    weights,
    direction,
    alphasOf(settings, key.grid),
    { known, onImages, signal },
  );
  return { ...key, directionSeed, points: [...points] };
}

function imagesOf({ data, settings }: ExperimentContext, split: Split): Dataset {
  return split === 'train' ? firstImages(data.train, settings.curveImages) : data.test;
}
