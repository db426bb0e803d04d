import { tensorSpecs, type Architecture, type TensorSpec } from './architecture';
import { sizeOf, type HostTensor, type Weights } from './weights';

// Weights by formula: the same numbers in any language, so that another program can compute with them too.

/** Number `index` of tensor `tensor` under a salt, in [0, 1): an integer hash, which fixtures/formula.py repeats. */
export function hashed(index: number, tensor: number, salt: number): number {
  let h =
    (Math.imul(index, 2654435761) + Math.imul(tensor + 1, 2246822519) + Math.imul(salt, 3266489917)) >>> 0;
  h ^= h >>> 15;
  h = Math.imul(h, 2246822519) >>> 0;
  h ^= h >>> 13;
  h = Math.imul(h, 3266489917) >>> 0;
  h ^= h >>> 16;
  return (h >>> 0) / 2 ** 32;
}

/**
 * A tensor of hashed numbers between low and high.
 *
 * @param tensor its place in the state_dict.
 */
export function formulaTensor(
  { shape }: TensorSpec,
  tensor: number,
  salt: number,
  low: number,
  high: number,
): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * hashed(i, tensor, salt);
  return { shape, data };
}

/** Weights and running statistics of the size that training gives them. */
export function formulaWeights(architecture: Architecture): Weights {
  return new Map(
    tensorSpecs(architecture).map((spec, tensor) => [
      spec.name,
      formulaTensor(spec, tensor, 0, ...rangeOf(spec)),
    ]),
  );
}

function rangeOf({ role, name, fanIn }: TensorSpec): [number, number] {
  if (role === 'batchNorm.weight' || name.endsWith('running_var')) return [0.5, 1.5];
  if (role === 'batchNorm.bias') return [-0.2, 0.2];
  if (role === 'batchNorm.running') return [-0.1, 0.1];
  return [-1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn)];
}
