import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Kernels } from './engine';

/** What a backend may do better than by tfjs's operations, for the kernels that are made of it. */
export interface ChannelOps {
  /** Mean over all axes but the last, [channels]. */
  mean(x: Tensor4D): Tensor1D;
  /** x · factor + offset, channel by channel. */
  affine(x: Tensor4D, factor: Tensor1D, offset: Tensor1D): Tensor4D;
}

const plainChannelOps: ChannelOps = {
  mean: (x) => x.mean([0, 1, 2]),
  affine: (x, factor, offset) => x.mul<Tensor4D>(factor).add(offset),
};

/** The kernels that tfjs's own operations make up on every backend; gradients of convolution and pooling are not. */
export type ComposedKernels = Omit<
  Kernels,
  | 'conv2dFilterGradient'
  | 'conv2dInputGradient'
  | 'maxPool'
  | 'maxPoolPass'
  | 'maxPoolGradient'
  | 'maxPoolTangent'
>;

/** Kernels out of tfjs's own operations, for backends that have none that are fused. */
export function composedKernels({ mean, affine }: ChannelOps = plainChannelOps): ComposedKernels {
  return {
    standardizeImages(bytes, shape, means, deviations) {
      // tfjs has no tensor of bytes, so they are made floats on the host, by table: a thousandth of a step.
      const channels = means.length;
      const tables = means.map((value, channel) =>
        Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - value) / deviations[channel]),
      );
      const floats = new Float32Array(bytes.length);
      for (let i = 0; i < bytes.length; i += channels) {
        for (let channel = 0; channel < channels; channel++) {
          floats[i + channel] = tables[channel][bytes[i + channel]];
        }
      }
      return tf.tensor4d(floats, shape);
    },

    conv2d: (x, filter) => tf.conv2d(x, filter, 1, 'same'),

    batchNorm(x, scale, offset, epsilon) {
      const count = x.size / x.shape[3];
      const [output, batchMean, unbiasedVariance, inverse] = tf.tidy(() => {
        const batchMean = mean(x);
        const centered = x.sub<Tensor4D>(batchMean);
        const variance = mean(centered.square());
        const inverse = variance.add<Tensor1D>(epsilon).rsqrt();
        return [
          affine(centered, scale.mul(inverse), offset),
          batchMean,
          variance.mul(count / (count - 1)),
          inverse,
        ];
      });
      return {
        output: output as Tensor4D,
        mean: batchMean as Tensor1D,
        unbiasedVariance: unbiasedVariance as Tensor1D,
        saved: [batchMean.clone(), inverse],
      };
    },

    batchNormGradient(dy, x, scale, [batchMean, inverse]) {
      const count = x.size / x.shape[3];
      const [input, dScale, dOffset] = tf.tidy(() => {
        const centered = x.sub<Tensor4D>(batchMean);
        const meanDy = mean(dy);
        const meanProduct = mean(dy.mul(centered));
        // dx = γ/σ · (dy − mean(dy) − x̂ · mean(dy · x̂)), with x̂ = (x − μ)/σ.
        const slope = scale.mul<Tensor1D>(inverse);
        const pull = slope.mul<Tensor1D>(inverse.square()).mul<Tensor1D>(meanProduct).neg();
        const along = affine(dy, slope, slope.mul<Tensor1D>(meanDy).neg());
        return [
          along.add(affine(centered, pull, tf.zerosLike(pull))),
          meanProduct.mul(inverse).mul(count),
          meanDy.mul(count),
        ];
      });
      return { input: input as Tensor4D, scale: dScale as Tensor1D, offset: dOffset as Tensor1D };
    },

    relu: (x) => tf.relu(x),
    reluGradient: (dy, y) => tf.tidy(() => dy.mul(tf.step(y))),
    addBias: (x, bias) => x.add(bias),
    biasGradient: (dy) => tf.tidy(() => mean(dy).mul(dy.size / dy.shape[3])),
    matMul: (a, b, transposeA, transposeB) => tf.matMul(a, b, transposeA, transposeB),
    softmaxCrossEntropy,

    variable(value) {
      let current = tf.keep(value.clone());
      return {
        shape: value.shape,
        read: () => current.clone(),
        assign(next) {
          current.dispose();
          current = tf.keep(next.clone());
        },
        dispose: () => current.dispose(),
      };
    },

    momentumStep(parameter, velocity, gradient, learningRate, momentum) {
      tf.tidy(() => {
        const moved = velocity.read().mul(momentum).add(gradient);
        velocity.assign(moved);
        parameter.assign(parameter.read().sub(moved.mul(learningRate)));
      });
    },

    adamStep(parameter, first, second, gradient, learningRate, step, { beta1, beta2, epsilon }) {
      tf.tidy(() => {
        first.assign(
          first
            .read()
            .mul(beta1)
            .add(gradient.mul(1 - beta1)),
        );
        second.assign(
          second
            .read()
            .mul(beta2)
            .add(gradient.square().mul(1 - beta2)),
        );
        const scale = second
          .read()
          .sqrt()
          .div(Math.sqrt(1 - beta2 ** step))
          .add(epsilon);
        const rate = learningRate / (1 - beta1 ** step);
        parameter.assign(parameter.read().sub(first.read().div(scale).mul(rate)));
      });
    },
  };
}

/** Cross entropy of each row in nats, and its gradient by the logits; see {@link Kernels.softmaxCrossEntropy}. */
export function softmaxCrossEntropy(
  logits: Tensor2D,
  labels: Tensor1D,
): { losses: Tensor1D; gradient: Tensor2D } {
  const [losses, gradient] = tf.tidy(() => {
    const logProbabilities = logits.logSoftmax<Tensor2D>();
    const oneHot = tf.oneHot(labels, logits.shape[1]).toFloat();
    return [logProbabilities.mul(oneHot).sum(1).neg(), logProbabilities.exp().sub(oneHot)];
  });
  return { losses: losses as Tensor1D, gradient: gradient as Tensor2D };
}
