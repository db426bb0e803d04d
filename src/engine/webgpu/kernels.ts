import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { composedKernels } from '../composed';
import type { Kernels } from '../engine';
import { batchNormInputGradient, channelMean } from './channels';
import { filterGradient } from './filter-gradient';
import { poolingWinners, poolWinners, unpool } from './pooling';
import { elementwise } from './programs';

/**
 * The kernels by tfjs's WebGPU backend, and by programs in WGSL where tfjs has none that is fast, or would need
 * several passes over the activations. None of them adds in an order that the threads' timing decides.
 */
export function webgpuKernels(backend: WebGPUBackend): Kernels {
  return {
    ...composedKernels(),

    conv2dInputGradient(dy, filter) {
      const [batch, height, width] = dy.shape;
      return tf.conv2dTranspose(dy, filter, [batch, height, width, filter.shape[2]], 1, 'same');
    },
    conv2dFilterGradient: (dy, x, filterShape) => filterGradient(backend, dy, x, filterShape),

    batchNorm(x, scale, offset, epsilon) {
      const count = x.size / x.shape[3];
      const mean = channelMean(backend, 'x[i]', { x });
      const [output, unbiasedVariance, inverse] = tf.tidy(() => {
        const variance = channelMean(backend, '(x[i] - mean[c]) * (x[i] - mean[c])', { x, mean });
        return [
          tf.batchNorm4d(x, mean, variance, offset, scale, epsilon),
          variance.mul(count / (count - 1)),
          variance.add<Tensor1D>(epsilon).rsqrt(),
        ];
      });
      return {
        output: output as Tensor4D,
        mean,
        unbiasedVariance: unbiasedVariance as Tensor1D,
        saved: [mean.clone(), inverse],
      };
    },

    batchNormGradient(dy, x, scale, saved) {
      const [mean, inverse] = saved as Tensor1D[];
      const count = x.size / x.shape[3];
      const [input, dScale, dOffset] = tf.tidy(() => {
        const meanDy = channelMean(backend, 'dy[i]', { dy });
        const meanProduct = channelMean(backend, 'dy[i] * (x[i] - mean[c])', { dy, x, mean });
        return [
          batchNormInputGradient(backend, { dy, x, scale, mean, inverse, meanDy, meanProduct }),
          meanProduct.mul(inverse).mul(count),
          meanDy.mul(count),
        ];
      });
      return { input: input as Tensor4D, scale: dScale as Tensor1D, offset: dOffset as Tensor1D };
    },

    maxPool: (x, window) => tf.maxPool(x, window, 2, 'same'),
    maxPoolPass: (x, window) => ({
      output: tf.maxPool(x, window, 2, 'same'),
      saved: [poolingWinners(backend, x, window)],
    }),
    maxPoolGradient: (dy, inputShape, _output, [winners], window) =>
      unpool(backend, dy, winners, inputShape, window),
    maxPoolTangent: (dx, _x, { saved: [winners] }, window) => poolWinners(backend, dx, winners, window),

    reluGradient: (dy, y) => elementwise(backend, 'select(0.0, dy[i], y[i] > 0.0)', { dy, y }),

    biasGradient: (dy) => tf.tidy(() => channelMean(backend, 'dy[i]', { dy }).mul(dy.size / dy.shape[3])),

    momentumStep(parameter, velocity, gradient, learningRate, momentum) {
      tf.tidy(() => {
        // The factor comes as a uniform: a tensor of it would be a buffer of its own, made and filled each time.
        const plus = (a: tf.Tensor, factor: number, b: tf.Tensor) =>
          elementwise(backend, 'a[i] + uniforms.factor * b[i]', { a, b }, { factor });
        velocity.assign(plus(gradient, momentum, velocity.read()));
        parameter.assign(plus(parameter.read(), -learningRate, velocity.read()));
      });
    },
  };
}
