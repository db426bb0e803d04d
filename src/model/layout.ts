import { tensorSpecs, type Architecture, type TensorSpec } from './architecture';
import { sizeOf, type HostTensor } from './weights';

/**
 * How a tensor in PyTorch's layout goes to and from the engine's: convolutions [out, in, h, w] become
 * [h, w, in, out], and the linear layer behind the flatten has its inputs reordered from [channel, row, column]
 * to [row, column, channel]. Everything else stays.
 */
export interface Layout {
  readonly engineShape: readonly number[];
  toEngine(tensor: HostTensor): Float32Array;
  fromEngine(data: Float32Array): HostTensor;
}

/** The layout of every tensor of an architecture, by name. */
export function layouts(architecture: Architecture): Map<string, Layout> {
  const flatten = architecture.layers.findIndex(({ kind }) => kind === 'flatten');
  const flat = architecture.layers[flatten];
  const behind = architecture.layers[flatten + 1];
  return new Map(
    tensorSpecs(architecture).map((spec): [string, Layout] => {
      if (spec.role === 'conv.weight') {
        const [out, inputs, height, width] = spec.shape;
        return [
          spec.name,
          permuted(spec, [out, inputs, height * width], [2, 1, 0], [height, width, inputs, out]),
        ];
      }
      if (flat?.kind === 'flatten' && behind?.kind === 'linear' && spec.name === `${behind.name}.weight`) {
        const pixels = flat.side * flat.side;
        return [spec.name, permuted(spec, [spec.shape[0], flat.channels, pixels], [0, 2, 1], spec.shape)];
      }
      return [spec.name, unchanged(spec)];
    }),
  );
}

function unchanged({ shape }: TensorSpec): Layout {
  return { engineShape: shape, toEngine: ({ data }) => data, fromEngine: (data) => ({ shape, data }) };
}

/** A reordering of a tensor seen as one of three axes. */
function permuted(
  { shape }: TensorSpec,
  sides: readonly [number, number, number],
  axes: readonly [number, number, number],
  engineShape: readonly number[],
): Layout {
  const size = sizeOf(shape);
  const strides = [sides[1] * sides[2], sides[2], 1];
  const engineSides = axes.map((axis) => sides[axis]);
  const engineStrides = axes.map((axis) => strides[axis]);

  const each = (visit: (torch: number, engine: number) => void) => {
    let engine = 0;
    for (let a = 0; a < engineSides[0]; a++) {
      for (let b = 0; b < engineSides[1]; b++) {
        let torch = a * engineStrides[0] + b * engineStrides[1];
        for (let c = 0; c < engineSides[2]; c++, torch += engineStrides[2]) visit(torch, engine++);
      }
    }
  };
  return {
    engineShape,
    toEngine({ data }) {
      const reordered = new Float32Array(size);
      each((torch, engine) => (reordered[engine] = data[torch]));
      return reordered;
    },
    fromEngine(data) {
      const reordered = new Float32Array(size);
      each((torch, engine) => (reordered[torch] = data[engine]));
      return { shape, data: reordered };
    },
  };
}
