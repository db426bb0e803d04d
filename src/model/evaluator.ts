import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Engine } from '../engine/engine';
import { BATCH_NORM_EPSILON, tensorSpecs, type Architecture } from './architecture';
import { layouts } from './layout';
import { sizeOf, tensorNamed, type HostTensor, type Weights } from './weights';

/** A network on the engine in evaluation mode. */
export interface Evaluator {
  /** @param images standardized, [batch, 32, 32, 3]. @returns logits [batch, classes]; the caller's. */
  logits(images: Tensor4D): Tensor2D;
  dispose(): void;
}

/**
 * Puts weights on the engine for evaluation: batch norm uses its running statistics and is folded into the
 * convolution before it, and the bias is added behind the pooling, which it commutes with.
 */
export function evaluator(engine: Engine, architecture: Architecture, weights: Weights): Evaluator {
  const { kernels } = engine;
  const folded = foldBatchNorm(architecture, weights);
  const tensors = new Map<string, Tensor>();
  for (const [name, layout] of layouts(architecture)) {
    const tensor = folded.get(name);
    if (tensor) tensors.set(name, tf.tensor(layout.toEngine(tensor), [...layout.engineShape]));
  }
  const of = <T extends Tensor>(name: string) => tensors.get(name) as T;

  return {
    logits(images) {
      let x: Tensor = images.clone();
      /** Replaces x, freeing the activation before it at once. */
      const become = (next: Tensor) => {
        x.dispose();
        x = next;
      };
      for (const layer of architecture.layers) {
        switch (layer.kind) {
          case 'convBlock': {
            become(kernels.conv2d(x as Tensor4D, of(`${layer.conv}.weight`)));
            const pooled = kernels.maxPool(x as Tensor4D);
            tf.dispose(pooled.saved as Tensor[]);
            become(pooled.output);
            become(kernels.addBias(x, of<Tensor1D>(`${layer.conv}.bias`)));
            become(kernels.relu(x));
            break;
          }
          case 'flatten':
            become(x.reshape([x.shape[0], -1]));
            break;
          case 'linear':
            become(kernels.matMul(x as Tensor2D, of(`${layer.name}.weight`), false, true));
            become(kernels.addBias(x, of<Tensor1D>(`${layer.name}.bias`)));
            if (layer.relu) become(kernels.relu(x));
            break;
        }
      }
      return x as Tensor2D;
    },
    dispose: () => tf.dispose([...tensors.values()]),
  };
}

/**
 * Weights in which each convolution does its batch norm's work: w' = w · γ/√(σ² + ε) and
 * b' = (b − μ) · γ/√(σ² + ε) + β per output channel. Batch norm's own tensors are left out.
 */
function foldBatchNorm(architecture: Architecture, weights: Weights): Weights {
  const folded = new Map<string, HostTensor>();
  for (const { name, role } of tensorSpecs(architecture)) {
    if (!role.startsWith('batchNorm')) folded.set(name, tensorNamed(weights, name));
  }
  for (const layer of architecture.layers) {
    if (layer.kind !== 'convBlock') continue;
    const weight = tensorNamed(weights, `${layer.conv}.weight`);
    const bias = tensorNamed(weights, `${layer.conv}.bias`);
    const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
      (name) => tensorNamed(weights, `${layer.batchNorm}.${name}`).data,
    );
    const scale = Float64Array.from(
      gamma,
      (g, channel) => g / Math.sqrt(variance[channel] + BATCH_NORM_EPSILON),
    );
    const filterSize = sizeOf(weight.shape) / layer.outputs;
    const filters = new Float32Array(weight.data);
    scale.forEach((factor, channel) => {
      for (let i = channel * filterSize; i < (channel + 1) * filterSize; i++) filters[i] *= factor;
    });
    folded.set(`${layer.conv}.weight`, { shape: weight.shape, data: filters });
    folded.set(`${layer.conv}.bias`, {
      shape: bias.shape,
      data: bias.data.map((value, channel) => (value - mean[channel]) * scale[channel] + beta[channel]),
    });
  }
  return folded;
}
