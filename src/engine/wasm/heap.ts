import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import type { PoolWindow } from '../engine';

/** The part of tfjs's wasm backend that shows where tensors lie. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: 'float32' | 'bool'): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array | Uint8Array;
}

/** Operations on tensors where they lie in the backend's memory, for what no kernel of the backend does well. */
export interface Heap {
  /** Which pixel of each window is the largest, counted row by row, the first where several are. */
  poolingWinners(x: Tensor4D, window: PoolWindow): Tensor;
  /** Puts each value of dy at its window's winner, and 0 elsewhere; where windows overlap, values add up. */
  unpool(dy: Tensor4D, winners: Tensor, shape: Tensor4D['shape'], window: PoolWindow): Tensor4D;
  /** The value of dx at each window's winner. */
  poolWinners(dx: Tensor4D, winners: Tensor, window: PoolWindow): Tensor4D;
}

/**
 * tfjs's own gradient of max-pooling takes 20 times as long as these loops, and lets the last of several equal
 * pixels win, where PyTorch and TensorFlow let the first.
 */
export function wasmHeap(): Heap {
  const backend = tf.backend() as unknown as WasmBackend;
  const floats = (tensor: TensorInfo) => backend.typedArrayFromHeap(tensor) as Float32Array;
  const bytes = (tensor: TensorInfo) => backend.typedArrayFromHeap(tensor) as Uint8Array;

  return {
    poolingWinners(x, window) {
      const [batch, height, width, channels] = x.shape;
      // Made before the memory is looked at, since it may have to grow. A bool is a byte.
      const result = backend.makeOutput([batch, height / 2, width / 2, channels], 'bool');
      const values = floats(x);
      const winners = bytes(result);
      eachWindow(x.shape, window, (corner, slot, down, right) => {
        for (let channel = 0; channel < channels; channel++) {
          let best = values[corner + channel];
          let winner = 0;
          for (let row = 0; row < down; row++) {
            let at = corner + row * width * channels + channel;
            for (let column = 0; column < right; column++, at += channels) {
              if (values[at] > best) {
                best = values[at];
                winner = row * window + column;
              }
            }
          }
          winners[slot + channel] = winner;
        }
      });
      return tf.engine().makeTensorFromTensorInfo(result);
    },

    unpool(dy, winners, shape, window) {
      const result = backend.makeOutput(shape, 'float32');
      const [, , width, channels] = shape;
      const gradient = floats(dy);
      const winnerOf = bytes(winners);
      const values = floats(result);
      values.fill(0);
      const offsets = pixelOffsets(window, width, channels);
      eachWindow(shape, window, (corner, slot) => {
        for (let channel = 0; channel < channels; channel++) {
          values[corner + channel + offsets[winnerOf[slot + channel]]] += gradient[slot + channel];
        }
      });
      return tf.engine().makeTensorFromTensorInfo(result) as Tensor4D;
    },

    poolWinners(dx, winners, window) {
      const [, , width, channels] = dx.shape;
      const result = backend.makeOutput(winners.shape, 'float32');
      const tangent = floats(dx);
      const winnerOf = bytes(winners);
      const values = floats(result);
      const offsets = pixelOffsets(window, width, channels);
      eachWindow(dx.shape, window, (corner, slot) => {
        for (let channel = 0; channel < channels; channel++) {
          values[slot + channel] = tangent[corner + channel + offsets[winnerOf[slot + channel]]];
        }
      });
      return tf.engine().makeTensorFromTensorInfo(result) as Tensor4D;
    },
  };
}

/** How far behind a window's first pixel each pixel of it lies, counted row by row. */
function pixelOffsets(window: PoolWindow, width: number, channels: number): number[] {
  return Array.from(
    { length: window * window },
    (_, pixel) => (Math.floor(pixel / window) * width + (pixel % window)) * channels,
  );
}

/**
 * Visits the windows of a pooling with stride 2, over all channels at once.
 *
 * @param visit takes the place of the window's first pixel and of its result, and how many rows and columns of it
 *   lie within the image.
 */
function eachWindow(
  [batch, height, width, channels]: Tensor4D['shape'],
  window: PoolWindow,
  visit: (corner: number, slot: number, down: number, right: number) => void,
): void {
  let slot = 0;
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < height; y += 2) {
      const down = Math.min(window, height - y);
      const row = (image * height + y) * width;
      for (let x = 0; x < width; x += 2, slot += channels) {
        visit((row + x) * channels, slot, down, Math.min(window, width - x));
      }
    }
  }
}
