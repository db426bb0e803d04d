import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type * as TfNode from '@tensorflow/tfjs-node-gpu';

/**
 * Cross entropy of each row and its gradient by the logits, out of tfjs's own operations: TensorFlow's fused
 * operation refuses to run on a GPU where deterministic figures are asked for.
 */
export function composedCrossEntropy(
  tf: typeof TfNode,
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
