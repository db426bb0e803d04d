import type { RandomStream } from '../random';
import { sizeOf, type HostTensor, type Weights } from './weights';

/**
 * A network as the list of its layers. A `convBlock` is convolution 3x3 with padding 1, batch norm, ReLU and
 * max-pooling 2x2; `linear` may end in ReLU and dropout.
 */
export type Layer =
  | { kind: 'convBlock'; conv: string; batchNorm: string; inputs: number; outputs: number }
  | { kind: 'flatten'; channels: number; side: number }
  | { kind: 'linear'; name: string; inputs: number; outputs: number; relu: boolean; dropout: boolean };

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

const KERNEL_SIDE = 3;

/**
 * SimpleVGG's layers with widths of one's own: three convolution blocks on 32x32 pixels of three channels, then two
 * linear layers to ten classes.
 *
 * @param widths channels of the three convolutions.
 * @param hidden neurons of the first linear layer.
 */
export function simpleVgg(
  name: string,
  widths: readonly [number, number, number],
  hidden: number,
): Architecture {
  const [first, second, third] = widths;
  const side = 4;
  return {
    name,
    layers: [
      { kind: 'convBlock', conv: 'features.0', batchNorm: 'features.1', inputs: 3, outputs: first },
      { kind: 'convBlock', conv: 'features.4', batchNorm: 'features.5', inputs: first, outputs: second },
      { kind: 'convBlock', conv: 'features.8', batchNorm: 'features.9', inputs: second, outputs: third },
      { kind: 'flatten', channels: third, side },
      {
        kind: 'linear',
        name: 'classifier.0',
        inputs: third * side * side,
        outputs: hidden,
        relu: true,
        dropout: true,
      },
      { kind: 'linear', name: 'classifier.3', inputs: hidden, outputs: 10, relu: false, dropout: false },
    ],
  };
}

/** SimpleVGG for CIFAR-10: 3 → 64 → 128 → 256 channels, then 4096 → 512 → 10; 2,474,506 trainable parameters. */
export const SIMPLE_VGG: Architecture = simpleVgg('SimpleVGG', [64, 128, 256], 512);

/** Every tensor of an architecture's state_dict, in PyTorch's order (`num_batches_tracked` left out). */
export function tensorSpecs(architecture: Architecture): TensorSpec[] {
  return architecture.layers.flatMap((layer): TensorSpec[] => {
    switch (layer.kind) {
      case 'convBlock': {
        const { conv, batchNorm, inputs, outputs } = layer;
        const fanIn = inputs * KERNEL_SIDE * KERNEL_SIDE;
        const perChannel = { shape: [outputs], fanIn: 1 };
        return [
          {
            name: `${conv}.weight`,
            shape: [outputs, inputs, KERNEL_SIDE, KERNEL_SIDE],
            role: 'conv.weight',
            fanIn,
          },
          { name: `${conv}.bias`, shape: [outputs], role: 'conv.bias', fanIn },
          { name: `${batchNorm}.weight`, ...perChannel, role: 'batchNorm.weight' },
          { name: `${batchNorm}.bias`, ...perChannel, role: 'batchNorm.bias' },
          { name: `${batchNorm}.running_mean`, ...perChannel, role: 'batchNorm.running' },
          { name: `${batchNorm}.running_var`, ...perChannel, role: 'batchNorm.running' },
        ];
      }
      case 'linear': {
        const { name, inputs, outputs } = layer;
        return [
          { name: `${name}.weight`, shape: [outputs, inputs], role: 'linear.weight', fanIn: inputs },
          { name: `${name}.bias`, shape: [outputs], role: 'linear.bias', fanIn: inputs },
        ];
      }
      case 'flatten':
        return [];
    }
  });
}

/** Whether gradient descent changes the tensor. */
export function isTrainable(spec: TensorSpec): boolean {
  return spec.role !== 'batchNorm.running';
}

/** Whether the tensor is a weight that random directions perturb under filter normalization (Li et al. 2018). */
export function isFilterWeight(spec: TensorSpec): boolean {
  return spec.role === 'conv.weight' || spec.role === 'linear.weight';
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
