/** A float32 array with a shape, in row-major order. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * Every tensor of a network on the host, by PyTorch's state_dict name and in PyTorch's layout: convolutions
 * [out, in, height, width], linear layers [out, in] with the input flattened from [channel, row, column].
 * Treated as a value: nothing in this project writes into the data of weights that it was given.
 */
export type Weights = ReadonlyMap<string, HostTensor>;

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** The tensor of that name; its absence is a defect of the caller, since files are checked when they are read. */
export function tensorNamed(weights: Weights, name: string): HostTensor {
  const tensor = weights.get(name);
  if (!tensor) throw new Error(`There is no tensor ${name}.`);
  return tensor;
}

/** Σ factor · weights, tensor by tensor. */
export function weightedSum(terms: readonly Weights[], factors: readonly number[]): Weights {
  return new Map(
    [...terms[0]].map(([name, { shape, data }]) => {
      const sums = new Float64Array(data.length);
      terms.forEach((term, index) => {
        const values = tensorNamed(term, name).data;
        for (let i = 0; i < sums.length; i++) sums[i] += factors[index] * values[i];
      });
      return [name, { shape, data: new Float32Array(sums) }];
    }),
  );
}
