import * as tf from '@tensorflow/tfjs';
import type { Dataset } from '../data/dataset';
import type { Engine } from '../engine/engine';
import { tensorSpecs, type Architecture } from '../model/architecture';
import {
  foldedArchitecture,
  foldedTangent,
  foldedWeights,
  unfoldedGradient,
  unfoldedGradientTangent,
} from '../model/folding';
import { hessianPass, type Dual } from '../model/hessian-pass';
import { layouts } from '../model/layout';
import { tensorNamed, type HostTensor, type Weights } from '../model/weights';
import type { EvaluationOptions } from './evaluate';
import { meanOverBatches, type LossGradient } from './gradient';

/** The loss over a whole data set, its gradient, and how the gradient changes along a direction. */
export interface HessianProduct extends LossGradient {
  /** The Hessian of the loss times the direction, of every trainable tensor, in PyTorch's layout. */
  readonly product: Weights;
}

export interface HessianOptions extends EvaluationOptions {
  /** Images a pass; it changes no more than the rounding. */
  readonly batchSize: number;
}

/**
 * The Hessian of the mean loss over a whole data set times a direction, in evaluation mode: batch norm uses its running
 * statistics, dropout is off. It is exact up to float32's rounding (see hessian-pass.ts). A difference of gradients
 * could not replace it: kinks of ReLU and max-pooling lie closer than any step that float32 resolves.
 *
 * @param direction a tensor for each trainable one.
 */
export async function hessianProduct(
  engine: Engine,
  architecture: Architecture,
  weights: Weights,
  dataset: Dataset,
  direction: Weights,
  options: HessianOptions,
): Promise<HessianProduct> {
  const folded = foldedArchitecture(architecture);
  const layoutOf = layouts(folded);
  const values = foldedWeights(architecture, weights);
  const tangents = foldedTangent(architecture, weights, direction);
  const toEngine = (name: string, tensors: Weights) => {
    const layout = layoutOf.get(name)!;
    return tf.tensor(layout.toEngine(tensorNamed(tensors, name)), [...layout.engineShape]);
  };
  const parameters = new Map<string, Required<Dual>>(
    tensorSpecs(folded).map(({ name }) => [
      name,
      { value: toEngine(name, values), tangent: toEngine(name, tangents) },
    ]),
  );
  try {
    const { loss, batchLosses, tensors } = await meanOverBatches(
      engine,
      dataset,
      options,
      async (images, labels) => {
        const pass = await hessianPass(engine.kernels, folded, parameters, images, labels);
        const named = [...parameters.keys()].flatMap((name): [string, tf.Tensor][] => [
          [`gradient ${name}`, pass.gradients.get(name)!],
          [`product ${name}`, pass.products.get(name)!],
        ]);
        return { loss: pass.loss, tensors: new Map(named) };
      },
    );
    const toHost = async (kind: 'gradient' | 'product') => {
      const onHost = new Map<string, HostTensor>();
      for (const name of parameters.keys()) {
        const data = await tensors.get(`${kind} ${name}`)!.data<'float32'>();
        onHost.set(name, layoutOf.get(name)!.fromEngine(data.slice()));
      }
      return onHost;
    };
    const [gradient, product] = [await toHost('gradient'), await toHost('product')];
    tf.dispose([...tensors.values()]);
    return {
      loss,
      batchLosses,
      gradient: unfoldedGradient(architecture, weights, gradient),
      product: unfoldedGradientTangent(architecture, weights, direction, gradient, product),
    };
  } finally {
    for (const { value, tangent } of parameters.values()) tf.dispose([value, tangent]);
  }
}
