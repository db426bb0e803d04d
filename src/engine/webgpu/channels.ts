import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { run } from './programs';

/** Values that one thread sums up, one after the other; few enough for float32 to keep what is added. */
const RUN = 256;

/**
 * The mean over all axes but the last of what an expression makes of each value, [channels].
 *
 * @param expression of `i`, the value's index, and `c`, its channel, such as "x[i]" or "x[i] - mean[c]".
 * @param inputs the first of them is as large as what is averaged.
 */
export function channelMean(
  backend: WebGPUBackend,
  expression: string,
  inputs: Readonly<Record<string, Tensor>>,
): Tensor1D {
  const [{ size, shape }] = Object.values(inputs);
  const channels = shape[shape.length - 1];
  const count = size / channels;
  return tf.tidy(() => {
    // Threads side by side read channels side by side.
    const sums = run(backend, {
      name: `sums of ${expression}`,
      code: `
        fn main(index : i32) {
          if (index >= uniforms.size) { return; }
          let channels = uniforms.outShape.y;
          let c = index % channels;
          let begin = index / channels * ${RUN};
          var sum = 0.0;
          for (var row = begin; row < min(begin + ${RUN}, uniforms.count); row++) {
            let i = row * channels + c;
            sum += ${expression};
          }
          result[index] = sum / f32(uniforms.count);
        }`,
      outputShape: [Math.ceil(count / RUN), channels],
      inputs,
      uniforms: { count: { type: 'int32', value: count } },
    });
    return sums.sum<Tensor1D>(0);
  });
}

/** What batch norm's input contributes to the loss: γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂)), x̂ = (x − μ)/σ. */
export function batchNormInputGradient(
  backend: WebGPUBackend,
  inputs: {
    readonly dy: Tensor4D;
    readonly x: Tensor4D;
    readonly scale: Tensor1D;
    readonly mean: Tensor1D;
    /** 1/σ. */
    readonly inverse: Tensor1D;
    readonly meanDy: Tensor1D;
    /** The mean of dy · (x − μ). */
    readonly meanProduct: Tensor1D;
  },
): Tensor4D {
  return run(backend, {
    name: 'batch norm input gradient',
    code: `
      fn main(i : i32) {
        if (i >= uniforms.size) { return; }
        let c = i % uniforms.outShape.w;
        let pull = (x[i] - mean[c]) * inverse[c] * inverse[c] * meanProduct[c];
        result[i] = scale[c] * inverse[c] * (dy[i] - meanDy[c] - pull);
      }`,
    outputShape: inputs.x.shape,
    inputs,
  });
}
