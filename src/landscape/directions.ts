import {
  isFilterWeight,
  isTrainable,
  tensorSpecs,
  type Architecture,
  type TensorSpec,
} from '../model/architecture';
import { sizeOf, tensorNamed, type HostTensor, type Weights } from '../model/weights';
import { randomStream } from '../support/random';

/** How a direction is scaled to the weights that it perturbs; `normalizeDirection` says what each does. */
export const NORMALIZATIONS = ['filter', 'layer', 'reference', 'none'] as const;
export type Normalization = (typeof NORMALIZATIONS)[number];

/** Which stretch of a tensor gets one scale: each filter or neuron (a row along the first axis), all, or none. */
type Grouping = 'row' | 'tensor' | 'untouched';

function grouping(normalization: Exclude<Normalization, 'none'>, spec: TensorSpec): Grouping {
  if (!isTrainable(spec)) return 'untouched';
  switch (normalization) {
    case 'filter':
      return isFilterWeight(spec) ? 'row' : 'untouched';
    case 'layer':
      return isFilterWeight(spec) ? 'tensor' : 'untouched';
    case 'reference':
      return spec.role === 'conv.weight' ? 'row' : 'tensor';
  }
}

/**
 * Gaussian noise of every trainable parameter's shape, the same for all weights of an architecture: what makes
 * the curves of two minimizers paired.
 *
 * @param seed any whole number.
 */
export function randomDirection(architecture: Architecture, seed: number): Weights {
  const random = randomStream(seed, 'direction');
  const noise = new Map<string, HostTensor>();
  for (const { name, shape } of tensorSpecs(architecture).filter(isTrainable)) {
    const data = new Float32Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = random.normal();
    noise.set(name, { shape, data });
  }
  return noise;
}

/**
 * A random direction made ready for weights.
 * - `filter` (Li et al. 2018, section 4): each convolution filter and each neuron of a linear layer (a row of
 *   its [out, in] matrix) gets the norm of the weights that it perturbs; biases and batch norm are untouched.
 * - `layer`: each convolution and linear weight tensor as a whole gets the norm of the weights.
 * - `reference`: convolutions per filter; every other trainable tensor, biases and batch norm included, as a
 *   whole.
 * - `none`: convolution and linear weights get the standard deviation 1/√(3 · fan_in) of PyTorch's
 *   initialization, whatever the weights are; biases and batch norm are untouched.
 *
 * @param direction as {@link randomDirection} makes it; a tensor that it lacks is 0.
 */
export function normalizeDirection(
  architecture: Architecture,
  direction: Weights,
  weights: Weights,
  normalization: Normalization,
): Weights {
  const normalized = new Map<string, HostTensor>();
  for (const spec of tensorSpecs(architecture)) {
    const noise = direction.get(spec.name);
    if (!noise) continue;
    if (normalization === 'none') {
      if (isFilterWeight(spec)) normalized.set(spec.name, scaled(noise, 1 / Math.sqrt(3 * spec.fanIn)));
      continue;
    }
    const group = grouping(normalization, spec);
    if (group === 'untouched') continue;
    const groups = group === 'row' ? spec.shape[0] : 1;
    normalized.set(spec.name, withNormsOf(noise, tensorNamed(weights, spec.name), groups));
  }
  return normalized;
}

/** θ + αd; tensors that the direction lacks are shared with θ. α = 0 gives θ itself, bit for bit. */
export function perturbed(weights: Weights, direction: Weights, alpha: number): Weights {
  if (alpha === 0) return weights;
  const moved = new Map<string, HostTensor>(weights);
  for (const [name, { data: d }] of direction) {
    const { shape, data } = tensorNamed(weights, name);
    moved.set(name, { shape, data: data.map((value, i) => value + alpha * d[i]) });
  }
  return moved;
}

function scaled({ shape, data }: HostTensor, factor: number): HostTensor {
  return { shape, data: data.map((value) => value * factor) };
}

/** Scales each of `groups` equal stretches of `noise` to the norm of the same stretch of `weights`. */
function withNormsOf(noise: HostTensor, weights: HostTensor, groups: number): HostTensor {
  const data = new Float32Array(noise.data.length);
  const size = data.length / groups;
  for (let from = 0; from < data.length; from += size) {
    const stretch = noise.data.subarray(from, from + size);
    const noiseNorm = norm(stretch);
    if (noiseNorm === 0) continue;
    const factor = norm(weights.data.subarray(from, from + size)) / noiseNorm;
    for (let i = 0; i < size; i++) data[from + i] = stretch[i] * factor;
  }
  return { shape: noise.shape, data };
}

function norm(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}
