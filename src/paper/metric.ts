import { firstImages, type Dataset } from '../data/dataset';
import { parameterCount } from '../model/architecture';
import type { PaperNetwork } from '../model/networks';
import { randomStream } from '../support/random';
import { keskarSharpness } from '../sharpness/keskar';
import { lossObjective } from '../sharpness/objective';
import { fullSpace, randomSubspace, type Subspace } from '../sharpness/subspace';
import type { PaperContext } from './context';
import type { Minimizer } from './minimizers';
import type { Space } from './published';
import { largeBatchOf, sharpnessImagesOf } from './settings';

/** A space to look for sharpness in, and the size of the box. */
export interface Where {
  readonly space: Space;
  readonly epsilon: number;
}

/**
 * Measures what the folder lacks of the minimizers of one trial, a space at a time, so that a subspace's large matrix
 * is made once.
 *
 * @param wanted the first space's first.
 */
export async function measureSharpness(
  context: PaperContext,
  network: PaperNetwork,
  train: Dataset,
  seed: number,
  minimizers: readonly Minimizer[],
  wanted: readonly Where[],
): Promise<void> {
  const { folder } = context;
  for (const space of new Set(wanted.map((where) => where.space))) {
    let subspace: Subspace | undefined;
    for (const minimizer of minimizers) {
      const stored = folder.sharpness(minimizer.training.name);
      for (const where of wanted.filter((one) => one.space === space)) {
        const done = stored.read() ?? [];
        if (done.some((one) => isAt(one, where))) continue;
        subspace ??= subspaceOf(context, network, space, seed);
        const begun = performance.now();
        const measured = await measure(context, network, train, minimizer, subspace, where);
        const seconds = (performance.now() - begun) / 1000;
        stored.write([...done, { ...where, ...measured, seconds }]);
      }
    }
  }
}

/** Whether the folder holds a training's evaluation, and its sharpness everywhere that is wanted. */
export function isMeasured({ folder }: PaperContext, training: string, wanted: readonly Where[]): boolean {
  const done = folder.sharpness(training).read() ?? [];
  const everywhere = wanted.every((where) => done.some((one) => isAt(one, where)));
  return everywhere && folder.evaluation(training).read() !== undefined;
}

function isAt(one: Where, { space, epsilon }: Where): boolean {
  return one.space === space && one.epsilon === epsilon;
}

function subspaceOf(
  { architectureOf, settings: { dimension, orthonormal } }: PaperContext,
  network: PaperNetwork,
  space: Space,
  seed: number,
): Subspace {
  const size = parameterCount(architectureOf(network));
  return space === 'full'
    ? fullSpace(size)
    : randomSubspace(size, dimension, randomStream(seed, 'subspace', network), { orthonormal });
}

async function measure(
  { compute, architectureOf, settings, progress, signal }: PaperContext,
  network: PaperNetwork,
  train: Dataset,
  { training: { label: whose, seed }, weights }: Minimizer,
  subspace: Subspace,
  { space, epsilon }: Where,
) {
  const images = firstImages(train, sharpnessImagesOf(settings, network));
  const label = `${whose}, sharpness in the ${space === 'full' ? 'full space' : 'subspace'}, ε = ${epsilon}`;
  const stretch = progress.begin(label, USUAL_EVALUATIONS * images.count);
  const objective = lossObjective(compute, architectureOf(network), weights, images, {
    statistics: settings.statistics,
    batchSize: Math.min(images.count, largeBatchOf(settings, network)),
    onImages: stretch.advance,
    signal,
  });
  const random = randomStream(seed, 'box', network, space, epsilon);
  const { maximizer: _, ...measured } = await keskarSharpness(objective, subspace, epsilon, random);
  stretch.end();
  progress.say(`${label}: ${measured.sharpness.toPrecision(3)}`);
  return measured;
}

/** Two maximizations of ten iterations; the progress display counts by them. */
const USUAL_EVALUATIONS = 26;
