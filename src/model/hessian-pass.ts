import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import type { Kernels, PoolWindow } from '../engine/engine';
import type { Architecture, Layer } from './architecture';

// Pearlmutter 1994, "Fast exact multiplication by the Hessian": each value of the pass forward and backward carries how
// it changes as the weights move along a direction. What the backward pass so carries of the gradient is H · direction.
// A network of convolutions, pooling, ReLU and linear layers asks for little: all that happens to two values that both
// move is bilinear, and all else is linear where no ReLU and no pooling window changes its mind. There the loss has no
// second derivative, and H is that of the piece of it that the weights lie on.

/** A value, and how it changes along the direction; what does not change has no tangent. */
export interface Dual<T extends Tensor = Tensor> {
  readonly value: T;
  readonly tangent?: T;
}

/** The mean loss of a batch, and by name d loss / d parameter with its tangent, in the engine's layout. */
export interface HessianPass {
  /** Mean cross entropy in nats. */
  readonly loss: number;
  /** The caller disposes of them. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** The Hessian of the loss times the direction; the caller disposes of them. */
  readonly products: ReadonlyMap<string, Tensor>;
}

/**
 * Loss, gradient and Hessian-vector product of a network without batch norm on one batch, without dropout. It takes
 * three times the convolutions and products of a gradient (twice those of the first layer, whose images do not move), and
 * twice the memory.
 *
 * @param architecture without batch norm (see folding.ts).
 * @param parameters each with its tangent by name, in the engine's layout; left alone.
 * @param images standardized, [batch, side, side, channels]; disposed of.
 * @param labels int32 [batch].
 */
export async function hessianPass(
  kernels: Kernels,
  { layers }: Architecture,
  parameters: ReadonlyMap<string, Dual>,
  images: Tensor4D,
  labels: Tensor1D,
): Promise<HessianPass> {
  const context: PassContext = {
    kernels,
    parameter: <T extends Tensor>(name: string) => parameters.get(name) as Dual<T>,
    gradients: new Map(),
    products: new Map(),
  };
  const passes: DualPass[] = [];
  let x: Dual = { value: images };
  for (const layer of layers) {
    const pass = layerPass(context, layer, x);
    passes.push(pass);
    x = pass.output;
  }
  const { losses, gradient } = lossGradient(kernels, x as Dual<Tensor2D>, labels);
  let dy: Dual | undefined = gradient;
  for (let i = passes.length - 1; i >= 0; i--) dy = passes[i].backward(dy!, i > 0);
  images.dispose();
  const meanLoss = losses.mean();
  losses.dispose();
  const [loss] = await meanLoss.data<'float32'>();
  meanLoss.dispose();
  return { loss, gradients: context.gradients, products: context.products };
}

interface PassContext {
  readonly kernels: Kernels;
  parameter<T extends Tensor>(name: string): Dual<T>;
  /** Where the way back leaves its results. */
  readonly gradients: Map<string, Tensor>;
  readonly products: Map<string, Tensor>;
}

/** A layer's output, and the way back. */
interface DualPass {
  readonly output: Dual;
  /** From d loss / d output to d loss / d input; disposes of all that the forward pass kept, and of dy. */
  backward(dy: Dual, inputNeeded: boolean): Dual | undefined;
}

/** @param x the caller's until the pass is over. */
function layerPass(context: PassContext, layer: Layer, x: Dual): DualPass {
  switch (layer.kind) {
    case 'convBlock':
      return convBlock(context, layer, x as Dual<Tensor4D>);
    case 'flatten':
      return flatten(x as Dual<Tensor4D>);
    case 'linear':
      return linear(context, layer, x as Dual<Tensor2D>);
  }
}

function convBlock(context: PassContext, layer: Layer & { kind: 'convBlock' }, x: Dual<Tensor4D>): DualPass {
  const { kernels, parameter } = context;
  const { conv, pool } = layer;
  const filter = parameter<Tensor4D>(`${conv}.weight`);
  const convolved = bilinear(kernels.conv2d, x, filter);
  const pooling = pool ? maxPool(kernels, convolved, pool) : unpooled(convolved);
  // ReLU and a bias commute with max-pooling, so they are left a quarter of the pixels.
  const biased = addBias(kernels, pooling.output, parameter<Tensor1D>(`${conv}.bias`));
  dispose(pooling.output);
  const output = relu(kernels, biased);
  dispose(biased);

  return {
    output,
    backward(dy, inputNeeded) {
      const dPooled = reluGradient(kernels, dy as Dual<Tensor4D>, output.value);
      dispose(dy, output);
      keep(context, `${conv}.bias`, linearly(kernels.biasGradient, dPooled));
      const dConvolved = pooling.backward(dPooled);
      const filterShape = filter.value.shape;
      const filterGradient = (d: Tensor4D, input: Tensor4D) =>
        kernels.conv2dFilterGradient(d, input, filterShape);
      keep(context, `${conv}.weight`, bilinear(filterGradient, dConvolved, x));
      const dx = inputNeeded ? bilinear(kernels.conv2dInputGradient, dConvolved, filter) : undefined;
      dispose(dConvolved);
      return dx;
    },
  };
}

interface Pooling {
  readonly output: Dual<Tensor4D>;
  /** Disposes of dy and of all that was kept. */
  backward(dy: Dual<Tensor4D>): Dual<Tensor4D>;
}

/** @param x taken over. */
function maxPool(kernels: Kernels, x: Dual<Tensor4D>, window: PoolWindow): Pooling {
  const { shape } = x.value;
  const pass = kernels.maxPoolPass(x.value, window);
  // Which pixel wins does not change along the direction, so that its tangent is the window's.
  const output = {
    value: pass.output.clone(),
    tangent: x.tangent && kernels.maxPoolTangent(x.tangent, x.value, pass, window),
  };
  dispose(x);
  return {
    output,
    backward(dy) {
      const unpool = (d: Tensor4D) => kernels.maxPoolGradient(d, shape, pass.output, pass.saved, window);
      const dx = linearly(unpool, dy);
      dispose(dy);
      tf.dispose([pass.output, ...pass.saved]);
      return dx;
    },
  };
}

/** No pooling. */
function unpooled(x: Dual<Tensor4D>): Pooling {
  return { output: x, backward: (dy) => dy };
}

function linear(context: PassContext, layer: Layer & { kind: 'linear' }, x: Dual<Tensor2D>): DualPass {
  const { kernels, parameter } = context;
  const { name } = layer;
  const weight = parameter<Tensor2D>(`${name}.weight`);
  const times =
    (transposeA: boolean, transposeB: boolean) =>
    (a: Tensor2D, b: Tensor2D): Tensor2D =>
      kernels.matMul(a, b, transposeA, transposeB);
  const product = bilinear(times(false, true), x, weight);
  const biased = addBias(kernels, product, parameter<Tensor1D>(`${name}.bias`));
  dispose(product);
  const output = layer.relu ? relu(kernels, biased) : linearly((y: Tensor2D) => y.clone(), biased);
  dispose(biased);

  return {
    output,
    backward(dy, inputNeeded) {
      const rows = dy as Dual<Tensor2D>;
      const dBiased = layer.relu
        ? reluGradient(kernels, rows, output.value)
        : linearly((d: Tensor2D) => d.clone(), rows);
      dispose(dy, output);
      const biasGradient = (d: Tensor2D) =>
        tf.tidy(() => kernels.biasGradient(d.reshape([d.shape[0], 1, 1, d.shape[1]])));
      keep(context, `${name}.bias`, linearly(biasGradient, dBiased));
      keep(context, `${name}.weight`, bilinear(times(true, false), dBiased, x));
      const dx = inputNeeded ? bilinear(times(false, false), dBiased, weight) : undefined;
      dispose(dBiased);
      return dx;
    },
  };
}

function flatten(x: Dual<Tensor4D>): DualPass {
  const { shape } = x.value;
  const output = linearly((images: Tensor4D) => images.reshape([shape[0], -1]), x);
  return {
    output,
    backward(dy, inputNeeded) {
      const dx = inputNeeded ? linearly((d: Tensor) => d.reshape(shape), dy) : undefined;
      dispose(dy, output);
      return dx;
    },
  };
}

/**
 * The gradient of the mean cross entropy by the logits z, (softmax − one-hot) / N for each of N rows. Along ż it changes
 * by (diag p − p pᵀ) ż / N, where p is the softmax.
 */
function lossGradient(
  kernels: Kernels,
  logits: Dual<Tensor2D>,
  labels: Tensor1D,
): { losses: Tensor1D; gradient: Dual<Tensor2D> } {
  const count = labels.shape[0];
  const { losses, gradient } = kernels.softmaxCrossEntropy(logits.value, labels);
  const value = gradient.div<Tensor2D>(count);
  gradient.dispose();
  const { tangent: along } = logits;
  const tangent =
    along &&
    tf.tidy(() => {
      const p = logits.value.softmax();
      return p.mul(along.sub(p.mul(along).sum(1, true))).div<Tensor2D>(count);
    });
  return { losses, gradient: { value, tangent } };
}

/** f(a), where f is linear. */
function linearly<A extends Tensor, R extends Tensor>(f: (a: A) => R, { value, tangent }: Dual<A>): Dual<R> {
  return { value: f(value), tangent: tangent && f(tangent) };
}

/** f(a, b), where f is linear in each; by the product rule it changes by f(ȧ, b) + f(a, ḃ). */
function bilinear<A extends Tensor, B extends Tensor, R extends Tensor>(
  f: (a: A, b: B) => R,
  a: Dual<A>,
  b: Dual<B>,
): Dual<R> {
  const first = a.tangent && f(a.tangent, b.value);
  const second = b.tangent && f(a.value, b.tangent);
  return { value: f(a.value, b.value), tangent: total(first, second) };
}

/** The sum of what there is; terms are disposed of. */
function total<T extends Tensor>(first: T | undefined, second: T | undefined): T | undefined {
  if (!first || !second) return first ?? second;
  const sum = first.add<T>(second);
  tf.dispose([first, second]);
  return sum;
}

/** x plus a bias; behind weights and a bias, which move, both have a tangent. */
function addBias<T extends Tensor>(kernels: Kernels, x: Dual<T>, bias: Dual<Tensor1D>): Dual<T> {
  return {
    value: kernels.addBias(x.value, bias.value),
    tangent: kernels.addBias(x.tangent!, bias.tangent!),
  };
}

function relu<T extends Tensor>(kernels: Kernels, x: Dual<T>): Dual<T> {
  const value = kernels.relu(x.value);
  return { value, tangent: x.tangent && kernels.reluGradient(x.tangent, value) };
}

/** @param y the ReLU's output. */
function reluGradient<T extends Tensor>(kernels: Kernels, dy: Dual<T>, y: T): Dual<T> {
  return linearly((d: T) => kernels.reluGradient(d, y), dy);
}

function keep({ gradients, products }: PassContext, name: string, { value, tangent }: Dual): void {
  gradients.set(name, value);
  if (tangent) products.set(name, tangent);
}

function dispose(...duals: readonly Dual[]): void {
  for (const { value, tangent } of duals) tf.dispose([value, ...(tangent ? [tangent] : [])]);
}
