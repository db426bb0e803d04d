import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { Batch } from '../data/batches';
import type { ImageKind } from '../data/dataset';
import { standardize } from '../data/standardize';
import type { Engine } from '../engine/engine';
import type { TrainableNetwork } from '../model/trainable';
import type { RandomStream } from '../support/random';

/**
 * Conservative training (Li et al. 2014, "Efficient mini-batch training for stochastic optimization"; Keskar et al.
 * 2017, Section 5): each batch moves the weights w_k to an approximate minimizer of f_B(w) + λ/2 · ‖w − w_k‖², found by
 * some steps of the optimizer on that one batch. What the optimizer keeps goes on from iteration to iteration, and from
 * batch to batch.
 */
export interface ConservativeTraining {
  /** λ, 0 or more. */
  readonly lambda: number;
  /** Steps of the optimizer a batch, at least 1. The pull is 0 where it begins, so that 1 is plain training. */
  readonly iterations: number;
}

/**
 * Adversarial training (Goodfellow et al. 2015, section 6, with both halves weighing the same): the loss is
 * ½ f(x) + ½ f(x + ε sign ∇ₓf(x)), its second half taken by the weights as if the images were given. Both halves drop
 * the same activations: f is one function. Both move the running statistics, as two forward passes of a PyTorch module
 * in training mode would.
 */
export interface AdversarialTraining {
  /** ε, in values of pixels byte / 255, in [0, 1]. */
  readonly epsilon: number;
}

/** Ways to keep a large batch from generalizing worse (Keskar et al. 2017, Section 5). Each may be left out. */
export interface Remedies {
  readonly conservative?: ConservativeTraining;
  readonly adversarial?: AdversarialTraining;
}

/** Where the masks of an iteration over a batch come from: the stream at its beginning; iterations count from 1. */
export type DropoutMasks = (iteration: number) => RandomStream;

/** Gradients by name; who is given them disposes of them. */
export type ParameterGradients = ReadonlyMap<string, Tensor>;

/** A loss in nats and its gradients. */
export interface LossAndGradients {
  readonly loss: number;
  readonly gradients: ParameterGradients;
}

/**
 * Takes the steps of conservative training over one batch.
 *
 * @param step takes one step, with its gradients changed as it is told, and gives the batch's loss before it.
 * @returns the batch's loss before the first step, in nats.
 */
export async function conservativeSteps(
  network: TrainableNetwork,
  { lambda, iterations }: ConservativeTraining,
  step: (
    iteration: number,
    change?: (gradients: ParameterGradients) => ParameterGradients,
  ) => Promise<number>,
): Promise<number> {
  if (iterations === 1) return step(1);
  const centre = new Map(network.trainable.map((name) => [name, network.variables.get(name)!.read()]));
  try {
    const loss = await step(1);
    for (let iteration = 2; iteration <= iterations; iteration++) {
      await step(iteration, (gradients) => withPull(network, gradients, centre, lambda));
    }
    return loss;
  } finally {
    tf.dispose([...centre.values()]);
  }
}

/** Gradients with that of λ/2 · ‖w − centre‖² added; those given are disposed of. */
function withPull(
  network: TrainableNetwork,
  gradients: ParameterGradients,
  centre: ReadonlyMap<string, Tensor>,
  lambda: number,
): ParameterGradients {
  return changed(gradients, (gradient, name) =>
    gradient.add(network.variables.get(name)!.read().sub(centre.get(name)!).mul(lambda)),
  );
}

/**
 * Loss and gradients of adversarial training over one batch.
 *
 * @param labels int32 [batch].
 * @param dropout gives the stream of the masks at its beginning, the same for each half; nothing is dropped without it.
 */
export async function adversarialPass(
  engine: Engine,
  network: TrainableNetwork,
  batch: Batch,
  labels: Tensor1D,
  { epsilon }: AdversarialTraining,
  dropout?: () => RandomStream,
): Promise<LossAndGradients> {
  const images = standardize(engine, batch);
  // The pass disposes of the images it is given; the clone shares their memory.
  const clean = await network.pass(images.clone(), labels, dropout?.(), true);
  const moved = adversarialImages(engine, batch.kind, images, clean.imageGradient!, epsilon);
  tf.dispose([clean.logits, images, clean.imageGradient!]);
  const adversarial = await network.pass(moved, labels, dropout?.());
  adversarial.logits.dispose();
  return {
    loss: (clean.loss + adversarial.loss) / 2,
    gradients: changed(clean.gradients, (gradient, name) => {
      const other = adversarial.gradients.get(name)!;
      const mean = gradient.add(other).mul(0.5);
      other.dispose();
      return mean;
    }),
  };
}

/**
 * Images moved by ε along the sign of their gradient, as far as pixels go from black to white (the fast gradient sign
 * method of Goodfellow et al. 2015).
 *
 * @param images standardized, [batch, side, side, channels].
 * @param gradient d loss / d image, of the same shape; where it is 0, the pixel stays.
 * @param epsilon in values of pixels byte / 255.
 * @returns standardized images, the caller's.
 */
export function adversarialImages(
  { kernels }: Engine,
  { side, channels, mean, deviation }: ImageKind,
  images: Tensor4D,
  gradient: Tensor4D,
  epsilon: number,
): Tensor4D {
  const size = side * side * channels;
  const extremes = new Uint8Array(2 * size).fill(255, size);
  return tf.tidy(() => {
    // Standardized as the images are, so that an image that is not moved keeps its bits; whole ones, since broadcasting
    // over the last axis of three is slow.
    const [black, white] = tf.split(
      kernels.standardizeImages(extremes, [2, side, side, channels], mean, deviation),
      2,
    );
    const reach = white.sub(black).mul(epsilon);
    return images.add(gradient.sign().mul(reach)).maximum<Tensor4D>(black).minimum<Tensor4D>(white);
  });
}

/** The gradients that `change` makes of each; those given are disposed of one by one, before the next is made. */
function changed(
  gradients: ParameterGradients,
  change: (gradient: Tensor, name: string) => Tensor,
): ParameterGradients {
  return new Map(
    [...gradients].map(([name, gradient]) => {
      const next = tf.tidy(() => change(gradient, name));
      gradient.dispose();
      return [name, next];
    }),
  );
}
