import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { composedKernels, type ChannelOps } from '../composed';
import type { Kernels } from '../engine';
import type { Heap } from './heap';

/** Images that a filter's gradient is taken over at once: larger chunks no longer fit the processor's cache. */
const CHUNK = 64;

/** Fewer channels than this fill a convolution's registers badly. */
const FEW_CHANNELS = 16;

/**
 * The kernels by what XNNPACK, which tfjs's wasm backend is built on, does well: forward convolutions, products
 * of matrices that are not transposed, average pooling and elementwise operations. Where tfjs's wasm kernels
 * are plain loops over indices (sums over images, gradients, transposed products), other operations stand in.
 */
export function wasmKernels(heap: Heap): Kernels {
  return {
    ...composedKernels(channelOps),

    conv2dInputGradient: (dy, filter) =>
      tf.tidy(() => tf.conv2d(dy, filter.reverse([0, 1]).transpose([0, 1, 3, 2]), 1, 'same')),

    conv2dFilterGradient(dy, x, filterShape) {
      const ofChunk = filterShape[2] < FEW_CHANNELS ? filterGradientByPatches : filterGradientByConvolution;
      const batch = x.shape[0];
      return tf.tidy(() => {
        let sum: Tensor4D | undefined;
        for (let from = 0; from < batch; from += CHUNK) {
          sum = tf.tidy(() => {
            const part = <T extends Tensor>(whole: T) => whole.slice<T>(from, Math.min(CHUNK, batch - from));
            const gradient = ofChunk(part(dy), part(x), filterShape);
            if (!sum) return gradient;
            const total = sum.add<Tensor4D>(gradient);
            sum.dispose();
            return total;
          });
        }
        return sum!;
      });
    },

    maxPool: (x, window) => tf.maxPool(x, window, 2, 'same'),
    maxPoolPass(x, window) {
      return { output: tf.maxPool(x, window, 2, 'same'), saved: [heap.poolingWinners(x, window)] };
    },
    maxPoolGradient: (dy, inputShape, _output, [winners], window) =>
      heap.unpool(dy, winners, inputShape, window),
    maxPoolTangent: (dx, _x, { saved: [winners] }, window) => heap.poolWinners(dx, winners, window),

    matMul(a, b, transposeA, transposeB) {
      return tf.tidy(() => {
        const left = transposeA ? a.transpose<Tensor2D>() : a;
        if (!transposeB) return tf.matMul(left, b);
        // a · bᵀ = (b · aᵀ)ᵀ: the smaller side is the one worth transposing.
        if (b.size <= left.size) return tf.matMul(left, b.transpose<Tensor2D>());
        return tf.matMul(b, left.transpose<Tensor2D>()).transpose();
      });
    },
  };
}

const channelOps: ChannelOps = {
  mean: (x) =>
    tf.tidy(() => {
      const [batch, height, width, channels] = x.shape;
      const ofImages = tf.avgPool(x, [height, width], 1, 'valid').reshape<Tensor2D>([batch, channels]);
      return tf.matMul(tf.fill([1, batch], 1 / batch), ofImages).reshape<Tensor1D>([channels]);
    }),

  affine: (x, factor, offset) =>
    tf.tidy(() =>
      tf.fused.depthwiseConv2d({
        x,
        filter: factor.reshape<Tensor4D>([1, 1, -1, 1]),
        strides: 1,
        pad: 'valid',
        bias: offset,
      }),
    ),
};

/**
 * A convolution's filter gradient as a convolution itself: the images become the channels, the channels become
 * the images, and dy is the filter, as large as the image.
 */
function filterGradientByConvolution(dy: Tensor4D, x: Tensor4D, [side]: Tensor4D['shape']): Tensor4D {
  const images = x.transpose<Tensor4D>([3, 1, 2, 0]);
  const filter = dy.transpose<Tensor4D>([1, 2, 0, 3]);
  return tf.conv2d(images, filter, 1, (side - 1) / 2).transpose([1, 2, 0, 3]);
}

/** The same as the product of the images' patches, which a convolution with one-hot filters cuts out, with dy. */
function filterGradientByPatches(dy: Tensor4D, x: Tensor4D, filterShape: Tensor4D['shape']): Tensor4D {
  const [height, width, inputs, outputs] = filterShape;
  const patchSize = height * width * inputs;
  const cut = tf.eye(patchSize).reshape<Tensor4D>([height, width, inputs, patchSize]);
  const patches = tf.conv2d(x, cut, 1, 'same').reshape<Tensor2D>([-1, patchSize]);
  return tf.matMul(patches.transpose<Tensor2D>(), dy.reshape<Tensor2D>([-1, outputs])).reshape(filterShape);
}
