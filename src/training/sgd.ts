import * as tf from '@tensorflow/tfjs';
import type { Engine, Variable } from '../engine/engine';
import type { TrainableNetwork } from '../model/trainable';
import type { HostTensor, Weights } from '../model/weights';

/** SGD with momentum and weight decay over a network's trainable parameters. */
export interface Optimizer {
  /** Applies gradients and disposes of them. */
  step(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number): void;
  /** A copy of every parameter's velocity on the host, in PyTorch's layout. */
  velocities(): Promise<Weights>;
  dispose(): void;
}

/**
 * PyTorch's torch.optim.SGD: the decay is added to the gradient before momentum.
 *
 * @param momentum in [0, 1).
 * @param weightDecay 0 or more.
 * @param velocities where an earlier run stood; else all 0.
 */
export function sgd(
  { kernels }: Engine,
  network: TrainableNetwork,
  { momentum, weightDecay }: { readonly momentum: number; readonly weightDecay: number },
  velocities?: Weights,
): Optimizer {
  const velocityOf = new Map<string, Variable>();
  for (const name of network.trainable) {
    const start = velocities?.get(name);
    const value = start ? network.toEngine(name, start) : tf.zeros([...network.variables.get(name)!.shape]);
    velocityOf.set(name, kernels.variable(value));
    value.dispose();
  }
  return {
    step(gradients, learningRate) {
      for (const name of network.trainable) {
        const parameter = network.variables.get(name)!;
        const gradient = gradients.get(name)!;
        tf.tidy(() => {
          const total = weightDecay === 0 ? gradient : gradient.add(parameter.read().mul(weightDecay));
          kernels.momentumStep(parameter, velocityOf.get(name)!, total, learningRate, momentum);
        });
        gradient.dispose();
      }
    },
    async velocities() {
      const velocities = new Map<string, HostTensor>();
      for (const [name, velocity] of velocityOf) velocities.set(name, await network.toHost(name, velocity));
      return velocities;
    },
    dispose() {
      for (const velocity of velocityOf.values()) velocity.dispose();
    },
  };
}
