import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { PoolWindow } from '../engine';
import { run } from './programs';

/** Which pixel of each window is the largest, counted row by row, the first where several are. */
export function poolingWinners(backend: WebGPUBackend, x: Tensor4D, window: PoolWindow): Tensor {
  const [batch, height, width, channels] = x.shape;
  return run(backend, {
    name: `pooling winners ${window}`,
    code: `
      fn main(i : i32) {
        if (i >= uniforms.size) { return; }
        let at = getCoordsFromIndex(i);
        let top = 2 * at.y;
        let left = 2 * at.z;
        var best = getX(at.x, top, left, at.w);
        var winner = 0;
        for (var pixel = 1; pixel < ${window * window}; pixel++) {
          let y = top + pixel / ${window};
          let z = left + pixel % ${window};
          if (y < uniforms.xShape.y && z < uniforms.xShape.z) {
            let value = getX(at.x, y, z, at.w);
            if (value > best) {
              best = value;
              winner = pixel;
            }
          }
        }
        result[i] = winner;
      }`,
    outputShape: [batch, height / 2, width / 2, channels],
    outputType: 'int32',
    inputs: { x },
  });
}

/** Puts each value of dy at its window's winner, and 0 elsewhere; where windows overlap, values add up. */
export function unpool(
  backend: WebGPUBackend,
  dy: Tensor4D,
  winners: Tensor,
  shape: Tensor4D['shape'],
  window: PoolWindow,
): Tensor4D {
  // Windows begin at every second pixel: those of 3x3 share their last row and column with the next ones.
  const reach = window - 2;
  return run(backend, {
    name: `unpool ${window}`,
    code: `
      fn main(i : i32) {
        if (i >= uniforms.size) { return; }
        let at = getCoordsFromIndex(i);
        var sum = 0.0;
        for (var y = max(0, (at.y - ${reach}) / 2); y <= at.y / 2; y++) {
          for (var z = max(0, (at.z - ${reach}) / 2); z <= at.z / 2; z++) {
            let place = getIndexFromCoords4D(vec4<i32>(at.x, y, z, at.w), uniforms.dyShape);
            let pixel = ${window} * (at.y - 2 * y) + at.z - 2 * z;
            sum += select(0.0, dy[place], winners[place] == pixel);
          }
        }
        result[i] = sum;
      }`,
    outputShape: shape,
    inputs: { dy, winners },
  });
}

/** The value of dx at each window's winner. */
export function poolWinners(
  backend: WebGPUBackend,
  dx: Tensor4D,
  winners: Tensor,
  window: PoolWindow,
): Tensor4D {
  return run(backend, {
    name: `pool winners ${window}`,
    code: `
      fn main(i : i32) {
        if (i >= uniforms.size) { return; }
        let at = getCoordsFromIndex(i);
        let pixel = winners[i];
        result[i] = getDx(at.x, 2 * at.y + pixel / ${window}, 2 * at.z + pixel % ${window}, at.w);
      }`,
    outputShape: winners.shape,
    inputs: { dx, winners },
  });
}
