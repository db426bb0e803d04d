import type { PoolWindow } from '../engine/engine';
import type { RandomStream } from '../support/random';
import { sizeOf, type HostTensor, type Weights } from './weights';

/**
 * A network as the list of its layers.
 * - `convBlock`: convolution with stride 1 padded to the same size, batch norm, ReLU, max-pooling with stride 2.
 * - `flatten`: pixels of all channels in one row.
 * - `linear`: linear layer, batch norm, ReLU.
 *
 * Where a block names no batch norm, pooling or ReLU, it has none. Each ends in dropout where it has a probability of
 * dropping an activation.
 */
export type Layer =
  | {
      kind: 'convBlock';
      conv: string;
      batchNorm?: string;
      inputs: number;
      outputs: number;
      /** Side of the filters, odd. */
      kernel: number;
      pool?: PoolWindow;
      dropout?: number;
    }
  | { kind: 'flatten'; channels: number; side: number; dropout?: number }
  | {
      kind: 'linear';
      name: string;
      batchNorm?: string;
      inputs: number;
      outputs: number;
      relu: boolean;
      dropout?: number;
    };

export interface Architecture {
  readonly name: string;
  readonly layers: readonly Layer[];
}

/** What a tensor of the state_dict is for. Running statistics are not trained. */
export type Role =
  | 'conv.weight'
  | 'conv.bias'
  | 'batchNorm.weight'
  | 'batchNorm.bias'
  | 'batchNorm.running'
  | 'linear.weight'
  | 'linear.bias';

export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: Role;
  /** Inputs that one output element sums over; for batch norm its channels' own 1. */
  readonly fanIn: number;
}

/** Batch norm's constants: PyTorch's defaults. */
export const BATCH_NORM_EPSILON = 1e-5;
export const BATCH_NORM_MOMENTUM = 0.1;

/** Every tensor of an architecture's state_dict, in PyTorch's order (`num_batches_tracked` left out). */
export function tensorSpecs(architecture: Architecture): TensorSpec[] {
  return architecture.layers.flatMap((layer): TensorSpec[] => {
    if (layer.kind === 'flatten') return [];
    const { inputs, outputs, batchNorm } = layer;
    const conv = layer.kind === 'convBlock';
    const name = conv ? layer.conv : layer.name;
    const kind = conv ? 'conv' : 'linear';
    const window = conv ? [layer.kernel, layer.kernel] : [];
    const fanIn = inputs * sizeOf(window);
    return [
      { name: `${name}.weight`, shape: [outputs, inputs, ...window], role: `${kind}.weight`, fanIn },
      { name: `${name}.bias`, shape: [outputs], role: `${kind}.bias`, fanIn },
      ...(batchNorm ? batchNormSpecs(batchNorm, outputs) : []),
    ];
  });
}

function batchNormSpecs(name: string, channels: number): TensorSpec[] {
  const perChannel = { shape: [channels], fanIn: 1 };
  return [
    { name: `${name}.weight`, ...perChannel, role: 'batchNorm.weight' },
    { name: `${name}.bias`, ...perChannel, role: 'batchNorm.bias' },
    { name: `${name}.running_mean`, ...perChannel, role: 'batchNorm.running' },
    { name: `${name}.running_var`, ...perChannel, role: 'batchNorm.running' },
  ];
}

/** Whether gradient descent changes the tensor. */
export function isTrainable(spec: TensorSpec): boolean {
  return spec.role !== 'batchNorm.running';
}

/** Whether the tensor is a weight that random directions perturb under filter normalization (Li et al. 2018). */
export function isFilterWeight(spec: TensorSpec): boolean {
  return spec.role === 'conv.weight' || spec.role === 'linear.weight';
}

/** How many numbers gradient descent changes. */
export function parameterCount(architecture: Architecture): number {
  return tensorSpecs(architecture)
    .filter(isTrainable)
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/**
 * Random weights as PyTorch's defaults draw them: convolution and linear weights and biases uniform in
 * ±1/√fan_in (its Kaiming uniform with a = √5 comes to that), batch norm at 1 and 0.
 */
export function initialWeights(architecture: Architecture, random: RandomStream): Weights {
  const weights = new Map<string, HostTensor>();
  for (const { name, shape, role, fanIn } of tensorSpecs(architecture)) {
    const data = new Float32Array(sizeOf(shape));
    if (role === 'batchNorm.weight' || name.endsWith('.running_var')) data.fill(1);
    else if (!role.startsWith('batchNorm')) {
      const bound = 1 / Math.sqrt(fanIn);
      for (let i = 0; i < data.length; i++) data[i] = bound * (2 * random.uniform() - 1);
    }
    weights.set(name, { shape, data });
  }
  return weights;
}
