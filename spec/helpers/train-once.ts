import { encodeSafetensors } from '../../src/model/safetensors';
import { SIMPLE_VGG } from '../../src/model/networks';
import { computeSharpnessCurve } from '../../src/landscape/curve';
import { normalizeDirection, randomDirection } from '../../src/landscape/directions';
import { sha256 } from '../../src/support/sha256';
import { trainRegime, type TrainingConfig } from '../../src/training/train';
import { inThisThread } from '../../src/compute/compute';
import { specEngine } from './engine';
import { sampleImages } from './fixtures';

/** A short training and a curve, as text in which every bit counts; also a program, for another process. */
export async function trainOnce(seed: number): Promise<string> {
  const engine = await specEngine();
  const images = sampleImages();
  const config: TrainingConfig = {
    batchSize: 24,
    epochs: 2,
    learningRate: 0.02,
    schedule: 'cosine',
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
    augment: true,
    testEvery: 1,
  };
  const { weights, history } = await trainRegime(
    engine,
    SIMPLE_VGG,
    { train: images, test: images },
    config,
    seed,
  );
  const direction = normalizeDirection(SIMPLE_VGG, randomDirection(SIMPLE_VGG, seed), weights, 'filter');
  const curve = await computeSharpnessCurve(
    inThisThread(engine),
    SIMPLE_VGG,
    images,
    weights,
    direction,
    [-1, 0, 1],
  );
  return JSON.stringify({ sha256: sha256(encodeSafetensors(weights)), history, curve });
}

if (require.main === module)
  void trainOnce(Number(process.argv[2])).then((text) => process.stdout.write(text));
