import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';

/** Every engine by its name. */
export const ENGINE_NAMES = ['tensorflow', 'webgpu', 'wasm'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What an engine is, as the report states it. */
export interface EngineInfo {
  readonly name: EngineName;
  readonly version: string;
  /** Such as "CPU (AMD EPYC)" or "GPU". */
  readonly device: string;
  /** Whether it computes on a graphics card; a software GPU is none. */
  readonly gpu: boolean;
  /** Threads that one operation may use. Figures are bit-identical only for the same number. */
  readonly threads: number;
  /** Worker threads that it is worth having, each with an engine of its own; 1 where one engine fills the machine. */
  readonly workers: number;
}

/**
 * A tfjs backend made ready: the library's global backend is this one, so that tfjs's own operations run on it
 * too, and beside them the kernels that training lives on, fused as far as the backend allows.
 */
export interface Engine {
  readonly info: EngineInfo;
  readonly kernels: Kernels;
}

/** A tensor on the engine that training changes in place. */
export interface Variable {
  readonly shape: readonly number[];
  /** A snapshot, sharing memory with the variable until it changes; the caller disposes of it. */
  read(): Tensor;
  assign(value: Tensor): void;
  dispose(): void;
}

/** Batch norm in training: the output, and what its gradient and the running statistics need. */
export interface BatchNormPass {
  readonly output: Tensor4D;
  /** Mean of the batch, [channels]. */
  readonly mean: Tensor1D;
  /** Variance of the batch with Bessel's correction, [channels], as PyTorch's running_var wants it. */
  readonly unbiasedVariance: Tensor1D;
  /** For {@link Kernels.batchNormGradient} alone; the caller disposes of them. */
  readonly saved: readonly Tensor[];
}

export interface MaxPoolPass {
  readonly output: Tensor4D;
  /** For {@link Kernels.maxPoolGradient} and {@link Kernels.maxPoolTangent} alone; the caller disposes of them. */
  readonly saved: readonly Tensor[];
}

/** Side of a max-pooling window. */
export type PoolWindow = 2 | 3;

/** Adam's constants (Kingma & Ba 2015). */
export interface AdamConstants {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * Kernels with gradients of their own. Images are [batch, height, width, channels], filters
 * [height, width, in, out]. Results belong to the caller; arguments are left alone.
 */
export interface Kernels {
  /**
   * Bytes of images as the floats (byte / 255 − mean) / deviation.
   *
   * @param bytes batch · side · side · channels of them; they must not change while the result is computed.
   */
  standardizeImages(
    bytes: Uint8Array,
    shape: [number, number, number, number],
    mean: readonly number[],
    deviation: readonly number[],
  ): Tensor4D;

  /** Convolution with stride 1, padded to the same size, without bias. */
  conv2d(x: Tensor4D, filter: Tensor4D): Tensor4D;
  conv2dFilterGradient(dy: Tensor4D, x: Tensor4D, filterShape: Tensor4D['shape']): Tensor4D;
  conv2dInputGradient(dy: Tensor4D, filter: Tensor4D): Tensor4D;

  /** Batch normalization with the batch's own statistics (Ioffe & Szegedy 2015). */
  batchNorm(x: Tensor4D, scale: Tensor1D, offset: Tensor1D, epsilon: number): BatchNormPass;
  batchNormGradient(
    dy: Tensor4D,
    x: Tensor4D,
    scale: Tensor1D,
    saved: readonly Tensor[],
    epsilon: number,
  ): { input: Tensor4D; scale: Tensor1D; offset: Tensor1D };

  /**
   * Max-pooling with stride 2 over square windows that begin at every second pixel, those of 3x3 cut off at the
   * far edges; PyTorch's MaxPool2d(window, 2, ceil_mode=True), TensorFlow's SAME.
   *
   * @param x of even height and width.
   */
  maxPool(x: Tensor4D, window: PoolWindow): Tensor4D;
  /** The same where a gradient is to follow. */
  maxPoolPass(x: Tensor4D, window: PoolWindow): MaxPoolPass;
  /** @param output the pooled output, or its ReLU: where it is 0 after the ReLU, dy must be 0. */
  maxPoolGradient(
    dy: Tensor4D,
    inputShape: Tensor4D['shape'],
    output: Tensor4D,
    saved: readonly Tensor[],
    window: PoolWindow,
  ): Tensor4D;

  /**
   * The value of a tangent at each window's winner: how the pooled output changes as x moves along dx. The transpose of
   * {@link Kernels.maxPoolGradient}.
   *
   * @param x as it was pooled.
   */
  maxPoolTangent(dx: Tensor4D, x: Tensor4D, pass: MaxPoolPass, window: PoolWindow): Tensor4D;

  relu<T extends Tensor>(x: T): T;
  /** @param y the ReLU's output. */
  reluGradient<T extends Tensor>(dy: T, y: T): T;

  /** x plus a bias along its last axis. */
  addBias<T extends Tensor>(x: T, bias: Tensor1D): T;
  /** Sum over all axes but the last, [channels]. */
  biasGradient(dy: Tensor4D): Tensor1D;
  matMul(a: Tensor2D, b: Tensor2D, transposeA: boolean, transposeB: boolean): Tensor2D;

  /**
   * Cross entropy of each row in nats, and its gradient by the logits (softmax − one-hot, not averaged).
   *
   * @param labels int32 [batch].
   */
  softmaxCrossEntropy(logits: Tensor2D, labels: Tensor1D): { losses: Tensor1D; gradient: Tensor2D };

  variable(value: Tensor): Variable;
  /**
   * One step of SGD with momentum as PyTorch defines it: velocity ← momentum · velocity + gradient, then
   * parameter ← parameter − learningRate · velocity.
   */
  momentumStep(
    parameter: Variable,
    velocity: Variable,
    gradient: Tensor,
    learningRate: number,
    momentum: number,
  ): void;
  /**
   * One step of Adam as PyTorch defines it: first ← β₁ · first + (1 − β₁) · gradient, second ← β₂ · second +
   * (1 − β₂) · gradient², then parameter ← parameter − learningRate · m̂ / (√v̂ + ε) with m̂ = first / (1 − β₁^step)
   * and v̂ = second / (1 − β₂^step).
   *
   * @param step from 1.
   */
  adamStep(
    parameter: Variable,
    first: Variable,
    second: Variable,
    gradient: Tensor,
    learningRate: number,
    step: number,
    constants: AdamConstants,
  ): void;
}
