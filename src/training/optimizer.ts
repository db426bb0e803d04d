import * as tf from '@tensorflow/tfjs';
import type { AdamConstants, Engine, Kernels, Variable } from '../engine/engine';
import type { TrainableNetwork } from '../model/trainable';
import type { HostTensor, Weights } from '../model/weights';

/** Stochastic gradient descent with momentum, as torch.optim.SGD. */
export interface SgdConfig {
  readonly kind: 'sgd';
  /** In [0, 1). */
  readonly momentum: number;
}

/** Adam (Kingma & Ba 2015), as torch.optim.Adam with its default constants. */
export interface AdamConfig {
  readonly kind: 'adam';
}

export type OptimizerConfig = (SgdConfig | AdamConfig) & {
  /** L2 penalty added to every parameter's gradient before all else, 0 or more. */
  readonly weightDecay: number;
};

/** An optimizer over a network's trainable parameters. */
export interface Optimizer {
  /** Applies gradients and disposes of them. */
  step(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: number): void;
  /** A copy of all that it keeps on the host, in PyTorch's layout, named as "velocity.features.0.weight". */
  state(): Promise<Weights>;
  dispose(): void;
}

/** What optimizers keep of each parameter, all 0 at the start. */
export const MOMENTS = ['velocity', 'first_moment', 'second_moment'] as const;
type Moment = (typeof MOMENTS)[number];

const ADAM: AdamConstants = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** How one parameter takes a step. */
interface Rule {
  readonly moments: readonly Moment[];
  /** @param count of this step, from 1. */
  apply(
    parameter: Variable,
    moments: readonly Variable[],
    gradient: tf.Tensor,
    learningRate: number,
    count: number,
  ): void;
}

function ruleOf(kernels: Kernels, config: OptimizerConfig): Rule {
  if (config.kind === 'sgd') {
    return {
      moments: ['velocity'],
      apply: (parameter, [velocity], gradient, learningRate) =>
        kernels.momentumStep(parameter, velocity, gradient, learningRate, config.momentum),
    };
  }
  return {
    moments: ['first_moment', 'second_moment'],
    apply: (parameter, [first, second], gradient, learningRate, count) =>
      kernels.adamStep(parameter, first, second, gradient, learningRate, count, ADAM),
  };
}

/**
 * Makes an optimizer ready.
 *
 * @param earlier where an earlier run stood: its state, and the steps that it had taken.
 */
export function optimizerFor(
  { kernels }: Engine,
  network: TrainableNetwork,
  config: OptimizerConfig,
  earlier?: { readonly state: Weights; readonly steps: number },
): Optimizer {
  const rule = ruleOf(kernels, config);
  const momentsOf = new Map<string, Variable[]>();
  for (const name of network.trainable) {
    const moments = rule.moments.map((moment) => {
      const start = earlier?.state.get(`${moment}.${name}`);
      const value = start ? network.toEngine(name, start) : tf.zeros([...network.variables.get(name)!.shape]);
      const variable = kernels.variable(value);
      value.dispose();
      return variable;
    });
    momentsOf.set(name, moments);
  }
  let count = earlier?.steps ?? 0;
  return {
    step(gradients, learningRate) {
      count++;
      for (const name of network.trainable) {
        const parameter = network.variables.get(name)!;
        const gradient = gradients.get(name)!;
        tf.tidy(() => {
          const { weightDecay } = config;
          const total = weightDecay === 0 ? gradient : gradient.add(parameter.read().mul(weightDecay));
          rule.apply(parameter, momentsOf.get(name)!, total, learningRate, count);
        });
        gradient.dispose();
      }
    },
    async state() {
      const state = new Map<string, HostTensor>();
      for (const [name, moments] of momentsOf) {
        for (const [index, moment] of rule.moments.entries()) {
          const value = moments[index].read();
          state.set(`${moment}.${name}`, await network.toHost(name, value));
          value.dispose();
        }
      }
      return state;
    },
    dispose() {
      for (const moments of momentsOf.values()) for (const moment of moments) moment.dispose();
    },
  };
}
