import type { Batch } from '../data/batches';
import { IMAGE_BYTES } from '../data/cifar10';
import type { Engine } from '../engine/engine';
import { UserError } from '../errors';
import { simpleVgg } from '../model/architecture';
import { formulaWeights, hashed } from '../model/formula';
import { trainableNetwork } from '../model/trainable';
import { randomStream } from '../random';
import { evaluate } from '../training/evaluate';
import { sgd } from '../training/sgd';
import { trainStep } from '../training/train';
import reference from './trial-reference.json';

const TOLERANCE = 1e-3;

/**
 * Trains a small SimpleVGG for a few steps and holds its losses against those that PyTorch gives in float64
 * (fixtures/make_trial_reference.py): whether an engine computes what it should.
 *
 * @throws UserError naming the first loss that is off by more than a thousandth.
 */
export async function tryTraining(engine: Engine): Promise<void> {
  const { learningRate, momentum, trainingLosses, evaluationLoss } = reference;
  const [first, second, third] = reference.widths;
  const architecture = simpleVgg('trial', [first, second, third], reference.hidden);
  const batch = formulaBatch(reference.images, reference.imageSalt);
  const network = trainableNetwork(engine, architecture, formulaWeights(architecture));
  const optimizer = sgd(engine, network, { momentum, weightDecay: 0 });
  const withoutDropout = { rate: 0, random: randomStream(0) };
  try {
    for (const [step, loss] of trainingLosses.entries()) {
      const ours = await trainStep(engine, network, optimizer, batch, learningRate, withoutDropout);
      demandClose(`training step ${step + 1}`, ours, loss);
    }
    const dataset = { count: batch.size, images: batch.images, labels: batch.labels };
    const evaluation = await evaluate(engine, architecture, await network.weights(), dataset);
    demandClose('evaluation', evaluation.loss, evaluationLoss);
  } finally {
    optimizer.dispose();
    network.dispose();
  }
}

function demandClose(what: string, ours: number, theirs: number): void {
  if (Math.abs(ours / theirs - 1) <= TOLERANCE) return;
  throw new UserError(
    `it computes wrongly: the loss of a small trial's ${what} is ${ours.toPrecision(6)}, and should be ` +
      theirs.toPrecision(6),
  );
}

/** Images and labels by formula. */
function formulaBatch(size: number, salt: number): Batch {
  return {
    images: Uint8Array.from({ length: size * IMAGE_BYTES }, (_, index) => 256 * hashed(index, 0, salt)),
    labels: Uint8Array.from({ length: size }, (_, index) => index % 10),
    size,
  };
}
