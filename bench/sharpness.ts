import { cacheFolder } from '../src/support/cache-folder';
import { computeOn } from '../src/compute';
import type { Compute } from '../src/compute/compute';
import { loadCifar10 } from '../src/data/cifar10';
import { firstImages, type Dataset } from '../src/data/dataset';
import { openEngine } from '../src/engine';
import type { EngineName } from '../src/engine/engine';
import { initialWeights, parameterCount } from '../src/model/architecture';
import { paperNetwork } from '../src/model/networks';
import { largeBatchOf, paperSettingsOf } from '../src/studies/paper/settings';
import { randomStream } from '../src/support/random';
import { keskarSharpness } from '../src/sharpness/keskar';
import { lossObjective } from '../src/sharpness/objective';
import { fullSpace, randomSubspace } from '../src/sharpness/subspace';
import type { Row } from './side-by-side';
import { median } from './statistics';
import { stepSeconds } from './step-seconds';

/** Of the metric and of training, by turns. */
const TURNS = 3;
const TRAINING_STEPS = 6;
const EPSILON = 1e-3;

const SETTINGS = paperSettingsOf('scaled', 0, {});
const BATCH = largeBatchOf(SETTINGS, 'C1');
const C1 = paperNetwork('C1');

/**
 * How fast Metric 2.1 passes images through C1 forward and backward, all that L-BFGS-B does between included, against
 * training with batches of the same size: the preset `scaled` of the paper's experiment.
 *
 * @returns a row a space: images a second of the metric, of training, and the ratio.
 */
export async function sharpnessRates(name: EngineName): Promise<Row[]> {
  const engine = await openEngine(name, cacheFolder());
  const compute = computeOn(engine, cacheFolder());
  const train = loadCifar10('train', cacheFolder());
  const spaces = [
    { name: 'full-space', space: fullSpace(parameterCount(C1)) },
    {
      name: 'subspace',
      space: randomSubspace(parameterCount(C1), SETTINGS.dimension, randomStream(0)),
    },
  ];
  try {
    await trainingRate(compute, train);
    const rows: Row[] = [];
    for (const { name: title, space } of spaces) {
      const turns: { ours: number; peer: number }[] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        turns.push({
          ours: await metricRate(compute, train, space),
          peer: await trainingRate(compute, train),
        });
      }
      rows.push({
        name: `metric-${title}`,
        ours: median(turns.map(({ ours }) => ours)),
        peer: median(turns.map(({ peer }) => peer)),
        ratio: median(turns.map(({ ours, peer }) => ours / peer)),
        unit: 'images/s',
      });
    }
    return rows;
  } finally {
    await compute.close();
  }
}

/** Images a second of training steps, the first left out. */
async function trainingRate(compute: Compute, train: Dataset): Promise<number> {
  const data = { train: firstImages(train, TRAINING_STEPS * BATCH) };
  const seconds = await stepSeconds(compute, C1, data, {
    batchSize: BATCH,
    epochs: 1,
    learningRate: SETTINGS.learningRate,
    schedule: 'constant',
    optimizer: { kind: 'adam', weightDecay: 0 },
    augment: false,
  });
  return BATCH / median(seconds.slice(1));
}

async function metricRate(
  compute: Compute,
  train: Dataset,
  space: ReturnType<typeof fullSpace>,
): Promise<number> {
  const images = firstImages(train, SETTINGS.sharpnessImages);
  const objective = lossObjective(compute, C1, initialWeights(C1, randomStream(0)), images, {
    statistics: SETTINGS.statistics,
    batchSize: BATCH,
  });
  const begun = performance.now();
  const { evaluations } = await keskarSharpness(objective, space, EPSILON, randomStream(0));
  return (evaluations * images.count) / ((performance.now() - begun) / 1000);
}
