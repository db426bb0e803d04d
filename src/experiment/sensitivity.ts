import { firstImages, SPLITS } from '../data/dataset';
import { computeSharpnessCurve, evenAlphas } from '../landscape/curve';
import { normalizeDirection, NORMALIZATIONS, randomDirection } from '../landscape/directions';
import type { Weights } from '../model/weights';
import { REGIMES, type Regime } from '../training/regime';
import { Diverged } from '../training/train';
import type { ExperimentContext } from './context';
import { drawCurves, learningRateCurves } from './curves';
import { findMinimizer, learningRateTraining } from './minimizers';
import type { SensitivityCurves } from './run-folder';
import { directionSeedOf } from './settings';

/** Steps of ⅛, so that each of the ranges ¼, ½ and 1 has a grid of its own within. */
const ALPHAS = evenAlphas(17);
const MOST_DIRECTIONS = 5;
/** What --sensitivity-images is unless told. */
export const SENSITIVITY_IMAGES = 2000;
/** What LB is trained with by --sensitivity-training, besides its own. */
export const LEARNING_RATES = [0.01, 0.04, 0.16] as const;

/**
 * Draws the curves of the first seed's minimizers under every normalization, over train and test: what the
 * table of sensitivity is made of.
 *
 * @param images of each split, or all where it has fewer.
 */
export async function drawSensitivity(
  context: ExperimentContext,
  minimizers: Readonly<Record<Regime, Weights>>,
  images: number,
): Promise<void> {
  const { compute, architecture, data, settings, folder, progress, signal } = context;
  const directions = Math.min(MOST_DIRECTIONS, settings.directions);
  const wanted = NORMALIZATIONS.flatMap((normalization) =>
    Array.from({ length: directions }, (_, direction) =>
      SPLITS.flatMap((split) => REGIMES.map((regime) => ({ normalization, split, direction, regime }))),
    ).flat(),
  );
  const taken = {
    train: firstImages(data.train, Math.min(images, data.train.count)),
    test: firstImages(data.test, Math.min(images, data.test.count)),
  };
  const plan = {
    images: { train: taken.train.count, test: taken.test.count },
    directions,
    alphas: ALPHAS,
    wanted: wanted.length,
  };
  const curves = samePlan(folder.sensitivity.read(), plan);
  const missing = wanted.slice(curves.length);
  if (missing.length === 0) return;
  const noises = Array.from({ length: directions }, (_, direction) =>
    randomDirection(architecture, directionSeedOf(settings.seed, direction)),
  );
  const work = missing.reduce((sum, { split }) => sum + ALPHAS.length * taken[split].count, 0);
  const stretch = progress.begin('Sensitivity', work);
  for (const key of missing) {
    const { normalization, split, direction, regime } = key;
    const { points } = await computeSharpnessCurve(
      compute,
      architecture,
      taken[split],
      minimizers[regime],
      normalizeDirection(architecture, noises[direction], minimizers[regime], normalization),
      ALPHAS,
      { onImages: stretch.advance, signal },
    );
    curves.push({ ...key, loss: points.map((point) => point.loss) });
    folder.sensitivity.write({ ...plan, curves });
    stretch.milestone(`${normalization} ${split} ${regime}, direction ${direction + 1}/${directions}`);
  }
  stretch.end();
}

/** The curves of an earlier, interrupted call with the same plan; they are drawn in a fixed order. */
function samePlan(
  stored: SensitivityCurves | undefined,
  plan: Omit<SensitivityCurves, 'curves'>,
): SensitivityCurves['curves'] {
  if (!stored) return [];
  const { curves, ...earlier } = stored;
  return JSON.stringify(earlier) === JSON.stringify(plan) ? curves : [];
}

/** Trains the first seed's LB with each learning rate and draws its curves. A training may diverge: that is a result. */
export async function trainAtLearningRates(context: ExperimentContext): Promise<void> {
  const { settings, folder, progress } = context;
  for (const learningRate of LEARNING_RATES) {
    const training = learningRateTraining(settings, learningRate);
    const finished = folder.run(training.name).read();
    if (finished && 'diverged' in finished) continue;
    try {
      const weights = await findMinimizer(context, training);
      await drawCurves(context, settings.seed, [{ training, weights, wanted: learningRateCurves(settings) }]);
    } catch (error) {
      if (!(error instanceof Diverged)) throw error;
      progress.say(`${training.label}: ${error.message}`);
      folder.run(training.name).write({ diverged: error.message });
    }
  }
}
