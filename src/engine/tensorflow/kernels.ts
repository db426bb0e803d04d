import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type * as TfNode from '@tensorflow/tfjs-node-gpu';
import { softmaxCrossEntropy } from '../composed';
import type { Kernels, PoolWindow, Variable } from '../engine';
import type { RawOps } from './raw-ops';

/**
 * The kernels by TensorFlow's own operations. On a CPU several of them are called by the name of their oneDNN
 * form ("_MklNative…"), which TensorFlow's eager mode does not choose by itself: pooling's gradient is four
 * times as fast so, batch norm's three times, a convolution's input gradient two to three times.
 */
export function tensorflowKernels(tf: typeof TfNode, ops: RawOps): Kernels {
  const { run, attributes } = ops;
  const one = <T extends Tensor>(...call: Parameters<RawOps['run']>) => run(...call)[0] as T;
  const oneDnn = hasOneDnn(tf, ops);
  const oneDnnLabel = attributes({ _kernel: { string: 'MklNameChangeOp' } });
  /** Name and attributes of an operation's fast form. */
  const fast = (name: string, plain: ReturnType<typeof attributes>, fastName = `_MklNative${name}`) =>
    oneDnn ? ([fastName, [...plain, ...oneDnnLabel]] as const) : ([name, plain] as const);

  const float = attributes({ T: { type: 'float' } });
  const conv = attributes({
    T: { type: 'float' },
    strides: { int: [1, 1, 1, 1] },
    padding: { string: 'SAME' },
    data_format: { string: 'NHWC' },
    use_cudnn_on_gpu: { bool: true },
    dilations: { int: [1, 1, 1, 1] },
    explicit_paddings: { int: [] },
  });
  const tangentPooling = (window: PoolWindow) =>
    attributes({
      T: { type: 'float' },
      ksize: { int: [1, window, window, 1] },
      strides: { int: [1, 2, 2, 1] },
      padding: { string: 'SAME' },
      data_format: { string: 'NHWC' },
    });
  const tangentPools = { 2: tangentPooling(2), 3: tangentPooling(3) };
  const explicitPaddings = attributes({ explicit_paddings: { int: [] } });
  const pools = {
    2: [...tangentPools[2], ...explicitPaddings],
    3: [...tangentPools[3], ...explicitPaddings],
  };
  const workspace = [...attributes({ workspace_enabled: { bool: true } }), ...oneDnnLabel];
  const oneDnnPools = { 2: [...pools[2], ...workspace], 3: [...pools[3], ...workspace] };
  const norm = (epsilon: number) => ({
    T: { type: 'float' } as const,
    U: { type: 'float' } as const,
    epsilon: { float: epsilon },
    data_format: { string: 'NHWC' },
    is_training: { bool: true },
  });
  const lossAttributes = attributes({ T: { type: 'float' }, Tlabels: { type: 'int32' } });
  const castAttributes = attributes({ SrcT: { type: 'uint8' }, DstT: { type: 'float' } });
  const valueAttributes = attributes({ dtype: { type: 'float' } });
  const stepAttributes = attributes({
    T: { type: 'float' },
    use_locking: { bool: false },
    use_nesterov: { bool: false },
  });

  const resources = new WeakMap<Variable, Tensor>();

  return {
    standardizeImages(bytes, shape, mean, deviation) {
      return tf.tidy(() => {
        // Whole images of the constants: broadcasting over the last axis of three is slow.
        const [, ...image] = shape;
        const spread = (value: (channel: number) => number) =>
          tf.tensor(
            Float32Array.from({ length: image[0] * image[1] * image[2] }, (_, i) => value(i % image[2])),
            image,
          );
        const floats = one<Tensor4D>('Cast', castAttributes, [ops.bytes(bytes, shape)]);
        return floats
          .sub(spread((channel) => 255 * mean[channel]))
          .div(spread((channel) => 255 * deviation[channel])) as Tensor4D;
      });
    },

    conv2d: (x, filter) => one(...fast('Conv2D', conv), [x, filter]),

    conv2dFilterGradient(dy, x, filterShape) {
      // TensorFlow's own form is the faster one, but for the three channels of the first layer.
      const [name, attrs] =
        filterShape[2] < 16 ? fast('Conv2DBackpropFilter', conv) : (['Conv2DBackpropFilter', conv] as const);
      return tf.tidy(() => one(name, attrs, [x, tf.tensor1d(filterShape, 'int32'), dy]));
    },

    conv2dInputGradient(dy, filter) {
      const [batch, height, width] = dy.shape;
      const shape = [batch, height, width, filter.shape[2]];
      return tf.tidy(() =>
        one(...fast('Conv2DBackpropInput', conv), [tf.tensor1d(shape, 'int32'), filter, dy]),
      );
    },

    batchNorm(x, scale, offset, epsilon) {
      const plain = attributes({ ...norm(epsilon), exponential_avg_factor: { float: 1 } });
      const empty = tf.tensor1d([]);
      const [output, mean, unbiasedVariance, ...saved] = run(
        ...fast('FusedBatchNormV3', plain),
        [x, scale, offset, empty, empty],
        6,
      );
      empty.dispose();
      return {
        output: output as Tensor4D,
        mean: mean as Tensor1D,
        unbiasedVariance: unbiasedVariance as Tensor1D,
        saved,
      };
    },

    batchNormGradient(dy, x, scale, saved, epsilon) {
      const [input, dScale, dOffset, ...unused] = run(
        ...fast('FusedBatchNormGradV3', attributes(norm(epsilon))),
        [dy, x, scale, ...saved],
        5,
      );
      tf.dispose(unused);
      return { input: input as Tensor4D, scale: dScale as Tensor1D, offset: dOffset as Tensor1D };
    },

    maxPool(x, window) {
      if (!oneDnn) return one('MaxPool', pools[window], [x]);
      const [output, winners] = run('_MklNativeMaxPool', oneDnnPools[window], [x], 2);
      winners.dispose();
      return output as Tensor4D;
    },

    maxPoolPass(x, window) {
      if (!oneDnn) return { output: one('MaxPool', pools[window], [x]), saved: [x.clone()] };
      const [output, winners] = run('_MklNativeMaxPool', oneDnnPools[window], [x], 2);
      return { output: output as Tensor4D, saved: [winners] };
    },

    maxPoolGradient(dy, inputShape, output, saved, window) {
      if (!oneDnn) return one('MaxPoolGrad', pools[window], [saved[0], output, dy]);
      return tf.tidy(() => {
        // oneDNN saved which pixel won, and reads of the input no more than its shape.
        const input = one('Empty', attributes({ dtype: { type: 'float' }, init: { bool: false } }), [
          tf.tensor1d(inputShape, 'int32'),
        ]);
        return one('_MklNativeMaxPoolGrad', oneDnnPools[window], [input, output, dy, saved[0]]);
      });
    },

    // oneDNN has no such operation; TensorFlow's own finds the winners again, the first of equal ones as oneDNN does.
    maxPoolTangent: (dx, x, { output }, window) =>
      one('MaxPoolGradGrad', tangentPools[window], [x, output, dx]),

    relu: (x) => one('Relu', float, [x]),
    reluGradient: (dy, y) => one('ReluGrad', float, [dy, y]),
    addBias: (x, bias) =>
      one('BiasAdd', attributes({ T: { type: 'float' }, data_format: { string: 'NHWC' } }), [x, bias]),
    biasGradient: (dy) => tf.tidy(() => dy.reshape<Tensor2D>([-1, dy.shape[3]]).sum(0)),

    matMul: (a, b, transposeA, transposeB) =>
      one<Tensor2D>(
        ...fast(
          'MatMul',
          attributes({
            T: { type: 'float' },
            transpose_a: { bool: transposeA },
            transpose_b: { bool: transposeB },
          }),
          '_MklMatMul',
        ),
        [a, b],
      ),

    softmaxCrossEntropy(logits, labels) {
      // TensorFlow's fused operation refuses to run on a GPU where deterministic figures are asked for.
      if (ops.onGpu) return softmaxCrossEntropy(logits, labels);
      const [losses, gradient] = run(
        'SparseSoftmaxCrossEntropyWithLogits',
        lossAttributes,
        [logits, labels],
        2,
      );
      return { losses: losses as Tensor1D, gradient: gradient as Tensor2D };
    },

    variable(value) {
      const [handle] = run(
        'VarHandleOp',
        attributes({
          container: { string: '' },
          // Anonymous: each variable is its own, however many networks live side by side.
          shared_name: { string: `variable-${value.id}` },
          dtype: { type: 'float' },
          shape: { shape: value.shape },
        }),
        [],
      );
      tf.keep(handle);
      run('AssignVariableOp', valueAttributes, [handle, value], 0);
      const variable: Variable = {
        shape: value.shape,
        read: () => one('ReadVariableOp', valueAttributes, [handle]),
        assign: (next) => void run('AssignVariableOp', valueAttributes, [handle, next], 0),
        dispose() {
          run('DestroyResourceOp', attributes({ ignore_lookup_error: { bool: true } }), [handle], 0);
          handle.dispose();
        },
      };
      resources.set(variable, handle);
      return variable;
    },

    momentumStep(parameter, velocity, gradient, learningRate, momentum) {
      const rate = tf.scalar(learningRate);
      const decay = tf.scalar(momentum);
      run(
        'ResourceApplyMomentum',
        stepAttributes,
        [resources.get(parameter)!, resources.get(velocity)!, rate, gradient, decay],
        0,
      );
      tf.dispose([rate, decay]);
    },

    adamStep(parameter, first, second, gradient, learningRate, step, { beta1, beta2, epsilon }) {
      const handles = [parameter, first, second].map((variable) => resources.get(variable)!);
      // TensorFlow adds its epsilon before the second moment's correction, PyTorch behind it.
      const hat = epsilon * Math.sqrt(1 - beta2 ** step);
      const scalars = [beta1 ** step, beta2 ** step, learningRate, beta1, beta2, hat].map((value) =>
        tf.scalar(value),
      );
      run('ResourceApplyAdam', stepAttributes, [...handles, ...scalars, gradient], 0);
      tf.dispose(scalars);
    },
  };
}

/** Whether this TensorFlow runs on a CPU and carries oneDNN's kernels: found by running one. */
function hasOneDnn(tf: typeof TfNode, ops: RawOps): boolean {
  if (ops.onGpu) return false;
  try {
    return tf.tidy(() => {
      const x = tf.ones([1, 2, 2, 16]);
      const label = ops.attributes({ T: { type: 'float' }, _kernel: { string: 'MklNameChangeOp' } });
      ops.run('_MklMatMul', label, [x.reshape([4, 16]), tf.ones([16, 1])]);
      return true;
    });
  } catch {
    return false;
  }
}
