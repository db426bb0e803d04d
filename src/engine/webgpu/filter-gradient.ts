import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { run } from './programs';

/** Pixels whose products one group of threads sums up; more would leave a GPU idle and lose digits. */
const CHUNK = 4096;
/** A group makes a square of so many gradients, SIDE² threads making PATCH² each, from DEPTH pixels at a time. */
const TILE = 32;
const SIDE = 8;
const PATCH = TILE / SIDE;
const DEPTH = 16;

/**
 * A convolution's filter gradient (stride 1, padded to the same size): the product of the images' patches, which
 * are never written down, with dy. tfjs's own kernel gives each gradient one thread, which sums up all pixels of
 * all images: 27 · 64 threads for a first layer.
 */
export function filterGradient(
  backend: WebGPUBackend,
  dy: Tensor4D,
  x: Tensor4D,
  filterShape: Tensor4D['shape'],
): Tensor4D {
  const [filterHeight, filterWidth, inputs, outputs] = filterShape;
  const rows = filterHeight * filterWidth * inputs;
  const [batch, height, width] = dy.shape;
  const pixels = batch * height * width;
  return tf.tidy(() => {
    const sums = run(backend, {
      name: `filter gradient ${filterHeight}x${filterWidth}`,
      code: code(filterHeight, filterWidth),
      outputShape: [Math.ceil(pixels / CHUNK), rows, outputs],
      inputs: { x, dy },
      uniforms: { chunk: { type: 'int32', value: Math.min(CHUNK, pixels) } },
      groups: [Math.ceil(outputs / TILE), Math.ceil(rows / TILE), Math.ceil(pixels / CHUNK)],
      groupSize: [SIDE, SIDE, 1],
    });
    return sumOfChunks(backend, sums, filterShape);
  });
}

/** tfjs's own sum would have a group of threads for each gradient, to add up a few numbers. */
function sumOfChunks(backend: WebGPUBackend, sums: Tensor, outputShape: Tensor4D['shape']): Tensor4D {
  return run(backend, {
    name: 'sum of chunks',
    code: `
      fn main(i : i32) {
        if (i >= uniforms.size) { return; }
        var sum = 0.0;
        for (var chunk = 0; chunk < uniforms.sumsShape.x; chunk++) {
          sum += sums[chunk * uniforms.size + i];
        }
        result[i] = sum;
      }`,
    outputShape,
    inputs: { sums },
  });
}

/** A row of the result is a filter's pixel and input channel, a column an output channel. */
function code(filterHeight: number, filterWidth: number): string {
  return `
    var<workgroup> xs : array<array<f32, ${TILE}>, ${DEPTH}>;
    var<workgroup> dys : array<array<f32, ${TILE}>, ${DEPTH}>;

    fn write(top : i32, left : i32, values : vec4<f32>) {
      let row = i32(workgroupId.y) * ${TILE} + top;
      if (row >= uniforms.outShape.y) { return; }
      for (var c = 0; c < ${PATCH}; c++) {
        let column = i32(workgroupId.x) * ${TILE} + left + c;
        if (column < uniforms.outShape.z) {
          result[(i32(workgroupId.z) * uniforms.outShape.y + row) * uniforms.outShape.z + column] = values[c];
        }
      }
    }

    fn main() {
      let rows = uniforms.outShape.y;
      let columns = uniforms.outShape.z;
      let inputs = uniforms.xShape.w;
      let height = uniforms.xShape.y;
      let width = uniforms.xShape.z;
      let pixels = uniforms.xShape.x * height * width;

      // Each thread fetches always the same row and column, of every ${(SIDE * SIDE) / TILE}th pixel.
      let lane = i32(localIndex) % ${TILE};
      let row = i32(workgroupId.y) * ${TILE} + lane;
      let column = i32(workgroupId.x) * ${TILE} + lane;
      let down = row / inputs / ${filterWidth} - ${(filterHeight - 1) >> 1};
      let right = row / inputs % ${filterWidth} - ${(filterWidth - 1) >> 1};
      let input = row % inputs;

      let top = i32(localId.y) * ${PATCH};
      let left = i32(localId.x) * ${PATCH};
      ${unrolled((r) => `var sum${r} = vec4<f32>(0.0);`)}
      let first = i32(workgroupId.z) * ${CHUNK};
      for (var done = 0; done < uniforms.chunk; done += ${DEPTH}) {
        for (var k = i32(localIndex) / ${TILE}; k < ${DEPTH}; k += ${(SIDE * SIDE) / TILE}) {
          let pixel = first + done + k;
          let y = pixel / width % height + down;
          let z = pixel % width + right;
          let inside = pixel < pixels && row < rows && y >= 0 && y < height && z >= 0 && z < width;
          xs[k][lane] = 0.0;
          if (inside) { xs[k][lane] = x[(pixel + down * width + right) * inputs + input]; }
          dys[k][lane] = 0.0;
          if (pixel < pixels && column < columns) { dys[k][lane] = dy[pixel * columns + column]; }
        }
        workgroupBarrier();
        for (var k = 0; k < ${DEPTH}; k++) {
          let values = vec4<f32>(dys[k][left], dys[k][left + 1], dys[k][left + 2], dys[k][left + 3]);
          ${unrolled((r) => `sum${r} += xs[k][top + ${r}] * values;`)}
        }
        workgroupBarrier();
      }
      ${unrolled((r) => `write(top + ${r}, left, sum${r});`)}
    }`;
}

/** Code for each of a thread's rows: GPUs keep single variables in registers, but not always arrays. */
function unrolled(code: (row: number) => string): string {
  return Array.from({ length: PATCH }, (_, row) => code(row)).join('\n');
}
