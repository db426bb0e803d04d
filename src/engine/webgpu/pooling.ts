import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { run } from './programs';

/** Which pixel of each 2x2 window is the largest, counted row by row, the first where several are. */
export function poolingWinners(backend: WebGPUBackend, x: Tensor4D): Tensor {
  const [batch, height, width, channels] = x.shape;
  return run(backend, {
    name: 'pooling winners',
    code: `
      fn main(i : i32) {
        if (i >= uniforms.size) { return; }
        let at = getCoordsFromIndex(i);
        var best = getX(at.x, 2 * at.y, 2 * at.z, at.w);
        var winner = 0;
        for (var pixel = 1; pixel < 4; pixel++) {
          let value = getX(at.x, 2 * at.y + pixel / 2, 2 * at.z + pixel % 2, at.w);
          if (value > best) {
            best = value;
            winner = pixel;
          }
        }
        result[i] = winner;
      }`,
    outputShape: [batch, height / 2, width / 2, channels],
    outputType: 'int32',
    inputs: { x },
  });
}

/** Puts each value of dy at its window's winner, and 0 elsewhere. */
export function unpool(
  backend: WebGPUBackend,
  dy: Tensor4D,
  winners: Tensor,
  shape: Tensor4D['shape'],
): Tensor4D {
  return run(backend, {
    name: 'unpool',
    code: `
      fn main(i : i32) {
        if (i >= uniforms.size) { return; }
        let at = getCoordsFromIndex(i);
        let window = getIndexFromCoords4D(vec4<i32>(at.x, at.y / 2, at.z / 2, at.w), uniforms.dyShape);
        let pixel = 2 * (at.y % 2) + at.z % 2;
        result[i] = select(0.0, dy[window], winners[window] == pixel);
      }`,
    outputShape: shape,
    inputs: { dy, winners },
  });
}
