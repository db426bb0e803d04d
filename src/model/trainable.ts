import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Engine, Variable } from '../engine/engine';
import type { RandomStream } from '../random';
import {
  BATCH_NORM_EPSILON,
  BATCH_NORM_MOMENTUM,
  isTrainable,
  tensorSpecs,
  type Architecture,
  type Layer,
} from './architecture';
import { layouts } from './layout';
import { tensorNamed, type HostTensor, type Weights } from './weights';

/** Probability of dropping an activation, and where the masks come from. */
export interface Dropout {
  readonly rate: number;
  readonly random: RandomStream;
}

/** What one pass forward and backward over a batch gives. */
export interface StepResult {
  /** Mean cross entropy of the batch in nats, before the step. */
  readonly loss: number;
  /** d loss / d parameter by name, in the engine's layout; the caller disposes of them. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** [batch, classes] logits, of the training mode; the caller disposes of them. */
  readonly logits: Tensor2D;
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
   * @param images standardized, [batch, 32, 32, 3]; disposed of as soon as nothing needs them.
   * @param labels int32 [batch].
   */
  pass(images: Tensor4D, labels: Tensor1D, dropout?: Dropout): Promise<StepResult>;
  /** A copy of the weights on the host, in PyTorch's layout. */
  weights(): Promise<Weights>;
  /** A tensor that goes with a parameter (its velocity, say), from the engine's layout to PyTorch's. */
  toHost(name: string, variable: Variable): Promise<HostTensor>;
  /** The other way; the caller disposes of it. */
  toEngine(name: string, tensor: HostTensor): Tensor;
  dispose(): void;
}

/** A layer's output, and the way back: takes d loss / d output, gives d loss / d input. */
interface LayerPass {
  readonly output: Tensor;
  /** Disposes of all that the forward pass kept, and of dy. */
  backward(dy: Tensor, inputNeeded: boolean): Tensor | undefined;
}

/**
 * Puts a network on the engine for training. The backward pass is written out layer by layer rather than left
 * to tfjs's tape, so that every activation is freed the moment it has been used: at batch size 4096 that halves
 * the peak of memory.
 */
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
  const toHost = async (name: string, variable: Variable) => {
    const value = variable.read();
    const data = await value.data<'float32'>();
    value.dispose();
    return layoutOf.get(name)!.fromEngine(data.slice());
  };
  for (const { name } of tensorSpecs(architecture)) {
    const value = toEngine(name, tensorNamed(initial, name));
    variables.set(name, kernels.variable(value));
    value.dispose();
  }
  const trainable = tensorSpecs(architecture)
    .filter(isTrainable)
    .map(({ name }) => name);

  const read = <T extends Tensor>(name: string) => variables.get(name)!.read() as T;

  /** Keeps PyTorch's running statistics: new = 0.9 · old + 0.1 · batch. */
  const updateRunning = (name: string, batchValue: Tensor) =>
    tf.tidy(() => {
      const old = read(name).mul(1 - BATCH_NORM_MOMENTUM);
      variables.get(name)!.assign(old.add(batchValue.mul(BATCH_NORM_MOMENTUM)));
    });

  type Gradients = Map<string, Tensor>;

  function convBlock(layer: Layer & { kind: 'convBlock' }, x: Tensor4D, gradients: Gradients): LayerPass {
    const { conv, batchNorm } = layer;
    const filter = read<Tensor4D>(`${conv}.weight`);
    const bias = read<Tensor1D>(`${conv}.bias`);
    const scale = read<Tensor1D>(`${batchNorm}.weight`);
    const offset = read<Tensor1D>(`${batchNorm}.bias`);

    // The batch mean takes the convolution's bias away again, so it is not added to the activations; only the
    // running mean must know of it, and its gradient is exactly 0.
    const convolved = kernels.conv2d(x, filter);
    const normalized = kernels.batchNorm(convolved, scale, offset, BATCH_NORM_EPSILON);
    updateRunning(`${batchNorm}.running_var`, normalized.unbiasedVariance);
    const mean = normalized.mean.add(bias);
    updateRunning(`${batchNorm}.running_mean`, mean);
    tf.dispose([mean, normalized.mean, normalized.unbiasedVariance, bias, offset]);

    // ReLU and max-pooling commute, so ReLU is left a quarter of the pixels.
    const pooled = kernels.maxPool(normalized.output);
    normalized.output.dispose();
    const output = kernels.relu(pooled.output);
    pooled.output.dispose();

    return {
      output,
      backward(dy, inputNeeded) {
        const dPooled = kernels.reluGradient(dy as Tensor4D, output as Tensor4D);
        dy.dispose();
        const dNormalized = kernels.maxPoolGradient(
          dPooled,
          convolved.shape,
          output as Tensor4D,
          pooled.saved,
        );
        tf.dispose([dPooled, output, ...pooled.saved]);
        const d = kernels.batchNormGradient(
          dNormalized,
          convolved,
          scale,
          normalized.saved,
          BATCH_NORM_EPSILON,
        );
        tf.dispose([dNormalized, convolved, scale, ...normalized.saved]);
        gradients.set(`${conv}.weight`, kernels.conv2dFilterGradient(d.input, x, filter.shape));
        gradients.set(`${conv}.bias`, tf.zeros([layer.outputs]));
        gradients.set(`${batchNorm}.weight`, d.scale);
        gradients.set(`${batchNorm}.bias`, d.offset);
        const dx = inputNeeded ? kernels.conv2dInputGradient(d.input, filter) : undefined;
        tf.dispose([d.input, filter]);
        return dx;
      },
    };
  }

  function linear(
    layer: Layer & { kind: 'linear' },
    x: Tensor2D,
    gradients: Gradients,
    dropout: Dropout | undefined,
  ): LayerPass {
    const weight = read<Tensor2D>(`${layer.name}.weight`);
    const bias = read<Tensor1D>(`${layer.name}.bias`);
    const product = kernels.matMul(x, weight, false, true);
    const sum = kernels.addBias(product, bias);
    tf.dispose([product, bias]);
    const activated = layer.relu ? kernels.relu(sum) : sum;
    if (activated !== sum) sum.dispose();
    const mask = layer.dropout && dropout ? dropoutMask(activated.shape, dropout) : undefined;
    const output = mask ? activated.mul<Tensor2D>(mask) : activated;

    return {
      output,
      backward(dy, inputNeeded) {
        const dActivated = mask ? dy.mul<Tensor2D>(mask) : (dy as Tensor2D);
        const dSum = layer.relu ? kernels.reluGradient(dActivated, activated) : dActivated;
        gradients.set(`${layer.name}.weight`, kernels.matMul(dSum, x, true, false));
        gradients.set(`${layer.name}.bias`, dSum.sum(0));
        const dx = inputNeeded ? kernels.matMul(dSum, weight, false, false) : undefined;
        tf.dispose([dy, dActivated, dSum, weight, activated, output]);
        mask?.dispose();
        return dx;
      },
    };
  }

  function flatten(x: Tensor4D): LayerPass {
    const { shape } = x;
    const output = x.reshape([shape[0], -1]);
    return {
      output,
      backward(dy) {
        const dx = dy.reshape(shape);
        tf.dispose([dy, output]);
        return dx;
      },
    };
  }

  function forward(layer: Layer, x: Tensor, gradients: Gradients, dropout: Dropout | undefined): LayerPass {
    switch (layer.kind) {
      case 'convBlock':
        return convBlock(layer, x as Tensor4D, gradients);
      case 'flatten':
        return flatten(x as Tensor4D);
      case 'linear':
        return linear(layer, x as Tensor2D, gradients, dropout);
    }
  }

  return {
    variables,
    trainable,

    async pass(images, labels, dropout) {
      const gradients: Gradients = new Map();
      const passes: LayerPass[] = [];
      let x: Tensor = images;
      for (const layer of architecture.layers) {
        const layerPass = forward(layer, x, gradients, dropout);
        passes.push(layerPass);
        x = layerPass.output;
      }
      const logits = x.clone() as Tensor2D;
      const { losses, gradient } = kernels.softmaxCrossEntropy(logits, labels);
      const meanLoss = losses.mean();
      let dy: Tensor | undefined = gradient.div(labels.shape[0]);
      tf.dispose([losses, gradient]);
      for (let i = passes.length - 1; i >= 0; i--) dy = passes[i].backward(dy!, i > 0);
      images.dispose();
      const [loss] = await meanLoss.data<'float32'>();
      meanLoss.dispose();
      return { loss, gradients, logits };
    },

    async weights() {
      const weights = new Map<string, HostTensor>();
      for (const [name, variable] of variables) weights.set(name, await toHost(name, variable));
      return weights;
    },
    toHost,
    toEngine,

    dispose() {
      for (const variable of variables.values()) variable.dispose();
    },
  };
}

/** 0 with probability `rate`, else 1 / (1 − rate), so that the expectation stays. */
function dropoutMask(shape: [number, number], { rate, random }: Dropout): Tensor2D {
  const kept = 1 / (1 - rate);
  const threshold = rate * 2 ** 32 - 2 ** 31;
  const mask = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < mask.length; i++) mask[i] = random.bits() < threshold ? 0 : kept;
  return tf.tensor2d(mask, shape);
}
