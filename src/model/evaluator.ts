import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Engine } from '../engine/engine';
import { tensorSpecs, type Architecture } from './architecture';
import { foldedArchitecture, foldedWeights } from './folding';
import { layouts } from './layout';
import { tensorNamed, type Weights } from './weights';

/** A network on the engine in evaluation mode. */
export interface Evaluator {
  /** @param images standardized, [batch, side, side, channels]. @returns logits [batch, classes]; the caller's. */
  logits(images: Tensor4D): Tensor2D;
  dispose(): void;
}

/**
 * Puts weights on the engine for evaluation: batch norm uses its running statistics and is folded into the layer
 * before it, and the bias is added behind the pooling, which it commutes with.
 */
export function evaluator(engine: Engine, architecture: Architecture, weights: Weights): Evaluator {
  const { kernels } = engine;
  const { layers } = foldedArchitecture(architecture);
  const folded = foldedWeights(architecture, weights);
  const layoutOf = layouts(architecture);
  const tensors = new Map<string, Tensor>();
  for (const { name } of tensorSpecs({ name: architecture.name, layers })) {
    const layout = layoutOf.get(name)!;
    tensors.set(name, tf.tensor(layout.toEngine(tensorNamed(folded, name)), [...layout.engineShape]));
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
      for (const layer of layers) {
        switch (layer.kind) {
          case 'convBlock': {
            become(kernels.conv2d(x as Tensor4D, of(`${layer.conv}.weight`)));
            if (layer.pool) become(kernels.maxPool(x as Tensor4D, layer.pool));
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
