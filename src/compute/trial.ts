import { sliceBatch } from '../data/batches';
import { CIFAR10 } from '../data/cifar10';
import { imageBytes, type Dataset } from '../data/dataset';
import type { Engine } from '../engine/engine';
import { UserError } from '../support/errors';
import { formulaWeights, hashed } from '../model/formula';
import { simpleVgg } from '../model/networks';
import { trainableNetwork } from '../model/trainable';
import { evaluate } from '../training/evaluate';
import { optimizerFor } from '../training/optimizer';
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
  const dataset = formulaImages(reference.images, reference.imageSalt);
  const batch = sliceBatch(dataset, 0, dataset.count);
  const network = trainableNetwork(engine, architecture, formulaWeights(architecture));
  const optimizer = optimizerFor(engine, network, { kind: 'sgd', momentum, weightDecay: 0 });
  try {
    for (const [step, loss] of trainingLosses.entries()) {
      const ours = await trainStep(engine, network, optimizer, batch, learningRate);
      demandClose(`training step ${step + 1}`, ours, loss);
    }
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
function formulaImages(count: number, salt: number): Dataset {
  const length = count * imageBytes(CIFAR10);
  return {
    kind: CIFAR10,
    count,
    images: Uint8Array.from({ length }, (_, index) => 256 * hashed(index, 0, salt)),
    labels: Uint8Array.from({ length: count }, (_, index) => index % CIFAR10.classes),
  };
}
