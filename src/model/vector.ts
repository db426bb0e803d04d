import { isTrainable, parameterCount, tensorSpecs, type Architecture } from './architecture';
import { sizeOf, tensorNamed, type HostTensor, type Weights } from './weights';

// All trainable parameters of a network in one vector, tensor behind tensor in the state_dict's order, each in
// PyTorch's layout: what torch.nn.utils.parameters_to_vector gives.

/** Writes weights, or a gradient by them, into a vector. */
export function toVector(
  architecture: Architecture,
  tensors: Weights,
  vector: Float64Array = new Float64Array(parameterCount(architecture)),
): Float64Array {
  let at = 0;
  for (const { name } of tensorSpecs(architecture).filter(isTrainable)) {
    const { data } = tensorNamed(tensors, name);
    vector.set(data, at);
    at += data.length;
  }
  return vector;
}

/** The weights with their trainable parameters taken from a vector; running statistics are shared. */
export function fromVector(architecture: Architecture, weights: Weights, vector: Float64Array): Weights {
  const changed = new Map<string, HostTensor>(weights);
  let at = 0;
  for (const { name, shape } of tensorSpecs(architecture).filter(isTrainable)) {
    const size = sizeOf(shape);
    changed.set(name, { shape, data: new Float32Array(vector.subarray(at, at + size)) });
    at += size;
  }
  return changed;
}
