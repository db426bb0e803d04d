import type { Tensor } from '@tensorflow/tfjs';
import type * as TfNode from '@tensorflow/tfjs-node-gpu';
import { messageOf, OutOfDeviceMemory } from '../../support/errors';

/** The part of tfjs-node's native addon that runs TensorFlow operations by name. */
interface Binding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_Version: string;
  createTensor(shape: number[], dtype: number, values: Uint8Array): number;
  isUsingGpuDevice(): boolean;
}

interface NodeBackend {
  readonly binding: Binding;
  executeMultipleOutputs(name: string, attributes: Attribute[], inputs: Tensor[], outputs: number): Tensor[];
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): Tensor;
}

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** An attribute's value with its kind, since JavaScript's numbers do not tell ints from floats. */
export type AttributeValue =
  | { string: string }
  | { int: number | number[] }
  | { float: number }
  | { bool: boolean }
  | { type: 'float' | 'int32' | 'uint8' }
  | { shape: readonly number[] };

/** TensorFlow's operations by name, through tfjs-node's backend. */
export interface RawOps {
  readonly version: string;
  readonly onGpu: boolean;
  /**
   * Runs an operation; its outputs are tensors that tfjs tracks.
   *
   * @throws OutOfDeviceMemory if the device has no memory left for them.
   */
  run(name: string, attributes: readonly Attribute[], inputs: readonly Tensor[], outputs?: number): Tensor[];
  /** Attributes made ready once and used at every step. */
  attributes(values: Readonly<Record<string, AttributeValue>>): readonly Attribute[];
  /** A uint8 tensor sharing the array's memory (tfjs has no such type and calls it int32). */
  bytes(values: Uint8Array, shape: number[]): Tensor;
}

/** How the addon words TensorFlow's RESOURCE_EXHAUSTED. */
const OUT_OF_MEMORY = 'Invalid TF_Status: 8';

/** Opens the room behind tfjs-node's backend. */
export function rawOps(tf: typeof TfNode): RawOps {
  const backend = tf.backend() as unknown as NodeBackend;
  const { binding } = backend;
  const types = { float: binding.TF_FLOAT, int32: binding.TF_INT32, uint8: binding.TF_UINT8 };

  const attribute = (name: string, value: AttributeValue): Attribute => {
    if ('string' in value) return { name, type: binding.TF_ATTR_STRING, value: value.string };
    if ('int' in value) return { name, type: binding.TF_ATTR_INT, value: value.int };
    if ('float' in value) return { name, type: binding.TF_ATTR_FLOAT, value: value.float };
    if ('bool' in value) return { name, type: binding.TF_ATTR_BOOL, value: value.bool };
    if ('shape' in value) return { name, type: binding.TF_ATTR_SHAPE, value: value.shape };
    return { name, type: binding.TF_ATTR_TYPE, value: types[value.type] };
  };

  return {
    version: binding.TF_Version,
    onGpu: binding.isUsingGpuDevice(),
    run(name, attributes, inputs, outputs = 1) {
      try {
        return backend.executeMultipleOutputs(name, attributes as Attribute[], inputs as Tensor[], outputs);
      } catch (error) {
        if (!messageOf(error).includes(OUT_OF_MEMORY)) throw error;
        throw new OutOfDeviceMemory(
          'A batch does not fit into the memory of the device: choose a smaller batch size.',
        );
      }
    },
    attributes: (values) => Object.entries(values).map(([name, value]) => attribute(name, value)),
    bytes: (values, shape) =>
      backend.createOutputTensor({
        id: binding.createTensor(shape, binding.TF_UINT8, values),
        shape,
        dtype: binding.TF_UINT8,
      }),
  };
}
