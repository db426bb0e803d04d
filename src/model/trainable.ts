import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Engine, Variable } from '../engine/engine';
import type { RandomStream } from '../support/random';
import { BATCH_NORM_MOMENTUM, isTrainable, tensorSpecs, type Architecture } from './architecture';
import { layerPass, type Gradients, type LayerPass, type PassContext } from './layer-pass';
import { layouts } from './layout';
import { tensorNamed, type HostTensor, type Weights } from './weights';

/** What one pass forward and backward over a batch gives. */
export interface StepResult {
  /** Mean cross entropy of the batch in nats, before the step. */
  readonly loss: number;
  /** d loss / d parameter by name, in the engine's layout; the caller disposes of them. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** [batch, classes] logits, of the training mode; the caller disposes of them. */
  readonly logits: Tensor2D;
  /** d loss / d image, shaped as the images, where it was asked for; the caller disposes of it. */
  readonly imageGradient?: Tensor4D;
}

/** A network on the engine, in training mode: batch statistics in batch norm, dropout where asked for. */
export interface TrainableNetwork {
  /** Every tensor of the state_dict, by name. */
  readonly variables: ReadonlyMap<string, Variable>;
  /** Names of the parameters that gradient descent changes. */
  readonly trainable: readonly string[];
  /**
   * Loss and gradients of one batch; also moves the running statistics, as a PyTorch module in training mode
   * does in its forward pass.
   *
   * @param images standardized, [batch, side, side, channels]; disposed of as soon as nothing needs them.
   * @param labels int32 [batch].
   * @param dropout where the masks come from; nothing is dropped without it.
   * @param imageGradient whether the gradient by the images is wanted, which costs a little more.
   */
  pass(
    images: Tensor4D,
    labels: Tensor1D,
    dropout?: RandomStream,
    imageGradient?: boolean,
  ): Promise<StepResult>;
  /**
   * The forward pass alone: moves the running statistics towards those of the batch.
   *
   * @param momentum the weight of the batch, in (0, 1].
   */
  observe(images: Tensor4D, momentum: number): void;
  /** A copy of the weights on the host, in PyTorch's layout. */
  weights(): Promise<Weights>;
  /** A tensor that goes with a parameter (its velocity, say), from the engine's layout to PyTorch's. */
  toHost(name: string, tensor: Tensor): Promise<HostTensor>;
  /** The other way; the caller disposes of it. */
  toEngine(name: string, tensor: HostTensor): Tensor;
  dispose(): void;
}

/** Puts a network on the engine for training. */
export function trainableNetwork(
  engine: Engine,
  architecture: Architecture,
  initial: Weights,
): TrainableNetwork {
  const { kernels } = engine;
  const layoutOf = layouts(architecture);
  const variables = new Map<string, Variable>();
  const toEngine = (name: string, tensor: HostTensor) => {
    const layout = layoutOf.get(name)!;
    // Copied, since an engine may share the array's memory and changes it in place.
    return tf.tensor(layout.toEngine(tensor).slice(), [...layout.engineShape]);
  };
  const toHost = async (name: string, tensor: Tensor) =>
    layoutOf.get(name)!.fromEngine((await tensor.data<'float32'>()).slice());
  for (const { name } of tensorSpecs(architecture)) {
    const value = toEngine(name, tensorNamed(initial, name));
    variables.set(name, kernels.variable(value));
    value.dispose();
  }
  const trainable = tensorSpecs(architecture)
    .filter(isTrainable)
    .map(({ name }) => name);

  const read = <T extends Tensor>(name: string) => variables.get(name)!.read() as T;

  /** Keeps running statistics as PyTorch does: new = (1 − momentum) · old + momentum · batch. */
  const updateRunning = (name: string, batchValue: Tensor, momentum: number) =>
    tf.tidy(() => {
      const old = read(name).mul(1 - momentum);
      variables.get(name)!.assign(old.add(batchValue.mul(momentum)));
    });

  function forward(images: Tensor4D, momentum: number, random?: RandomStream): LayerPass[] {
    const context: PassContext = {
      kernels,
      read,
      random,
      observe(batchNorm, mean, unbiasedVariance) {
        updateRunning(`${batchNorm}.running_var`, unbiasedVariance, momentum);
        updateRunning(`${batchNorm}.running_mean`, mean, momentum);
      },
    };
    const passes: LayerPass[] = [];
    let x: Tensor = images;
    for (const layer of architecture.layers) {
      const pass = layerPass(context, layer, x);
      passes.push(pass);
      x = pass.output;
    }
    return passes;
  }

  return {
    variables,
    trainable,

    async pass(images, labels, dropout, imageGradient = false) {
      const gradients: Gradients = new Map();
      const passes = forward(images, BATCH_NORM_MOMENTUM, dropout);
      const logits = passes.at(-1)!.output.clone() as Tensor2D;
      const { losses, gradient } = kernels.softmaxCrossEntropy(logits, labels);
      const meanLoss = losses.mean();
      let dy: Tensor | undefined = gradient.div(labels.shape[0]);
      tf.dispose([losses, gradient]);
      for (let i = passes.length - 1; i >= 0; i--) {
        dy = passes[i].backward(dy!, gradients, i > 0 || imageGradient);
      }
      images.dispose();
      const [loss] = await meanLoss.data<'float32'>();
      meanLoss.dispose();
      return { loss, gradients, logits, imageGradient: dy as Tensor4D | undefined };
    },

    observe(images, momentum) {
      for (const pass of forward(images, momentum)) pass.dispose();
      images.dispose();
    },

    async weights() {
      const weights = new Map<string, HostTensor>();
      for (const [name, variable] of variables) {
        const value = variable.read();
        weights.set(name, await toHost(name, value));
        value.dispose();
      }
      return weights;
    },
    toHost,
    toEngine,

    dispose() {
      for (const variable of variables.values()) variable.dispose();
    },
  };
}
