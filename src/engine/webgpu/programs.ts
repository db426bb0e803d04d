import * as tf from '@tensorflow/tfjs';
import type { DataType, Tensor } from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';

type Uniforms = Readonly<Record<string, { type: 'float32' | 'int32'; value: number }>>;

/** A program in WGSL for tfjs's backend, which declares its buffers, shapes and indices. */
interface Program {
  /** Of its own for each code: compiled programs are kept by it. */
  readonly name: string;
  readonly code: string;
  readonly outputShape: readonly number[];
  readonly outputType?: DataType;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly uniforms?: Uniforms;
  /** Groups of threads, and threads of a group, along x, y and z; one thread for each output where left out. */
  readonly groups?: [number, number, number];
  readonly groupSize?: [number, number, number];
}

/** Threads of a group where each thread makes one output. */
const GROUP = 64;

/** Runs a program. Its `main` is called once for each thread, with the thread's index unless groups are given. */
export function run<T extends Tensor>(backend: WebGPUBackend, program: Program): T {
  const { name, code, outputType = 'float32', inputs, uniforms = {}, groups, groupSize } = program;
  const outputShape = [...program.outputShape];
  const size = tf.util.sizeFromShape(outputShape);
  const webgpuProgram: WebGPUProgram = {
    shaderKey: `sharp-minima ${name}`,
    variableNames: Object.keys(inputs),
    uniforms: Object.entries(uniforms)
      .map(([uniform, { type }]) => `${uniform} : ${type === 'int32' ? 'i32' : 'f32'}, `)
      .join(''),
    outputShape,
    workgroupSize: groupSize ?? [GROUP, 1, 1],
    dispatchLayout: groups ? { x: [2], y: [1], z: [0] } : { x: outputShape.map((_, axis) => axis) },
    dispatch: groups ?? [Math.ceil(size / GROUP), 1, 1],
    size: true,
    getUserCode: () => code,
  };
  const values = Object.values(uniforms).map(({ type, value }) => ({ type, data: [value] }));
  const output = backend.runWebGPUProgram(webgpuProgram, Object.values(inputs), outputType, values);
  return tf.engine().makeTensorFromTensorInfo(output) as T;
}

/** Each output from the values with the same index. @param expression such as "a[i] * 2". */
export function elementwise<T extends Tensor>(
  backend: WebGPUBackend,
  expression: string,
  inputs: Readonly<Record<string, Tensor>>,
  floats: Readonly<Record<string, number>> = {},
): T {
  return run<T>(backend, {
    name: expression,
    code: `
      fn main(i : i32) {
        if (i < uniforms.size) { result[i] = ${expression}; }
      }`,
    outputShape: Object.values(inputs)[0].shape,
    inputs,
    uniforms: Object.fromEntries(
      Object.entries(floats).map(([name, value]) => [name, { type: 'float32', value }]),
    ),
  });
}
