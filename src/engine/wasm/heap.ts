import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor4D, TensorInfo } from '@tensorflow/tfjs';

/** The part of tfjs's wasm backend that shows where tensors lie. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: 'float32' | 'bool'): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array | Uint8Array;
}

/** Operations on tensors where they lie in the backend's memory, for what no kernel of the backend does well. */
export interface Heap {
  /** Which pixel of each 2x2 window is the largest, counted row by row, the first where several are. */
  poolingWinners(x: Tensor4D): Tensor;
  /** Puts each value of dy at its window's winner, and 0 elsewhere. */
  unpool(dy: Tensor4D, winners: Tensor, shape: Tensor4D['shape']): Tensor4D;
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
    poolingWinners(x) {
      const [batch, height, width, channels] = x.shape;
      // Made before the memory is looked at, since it may have to grow. A bool is a byte.
      const result = backend.makeOutput([batch, height / 2, width / 2, channels], 'bool');
      const values = floats(x);
      const winners = bytes(result);
      const row = width * channels;
      let slot = 0;
      for (let y = 0; y < batch * height; y += 2) {
        for (let pixel = y * row; pixel < (y + 1) * row; pixel += 2 * channels) {
          for (let at = pixel; at < pixel + channels; at++) {
            let best = values[at];
            let winner = 0;
            if (values[at + channels] > best) [best, winner] = [values[at + channels], 1];
            if (values[at + row] > best) [best, winner] = [values[at + row], 2];
            if (values[at + row + channels] > best) winner = 3;
            winners[slot++] = winner;
          }
        }
      }
      return tf.engine().makeTensorFromTensorInfo(result);
    },

    unpool(dy, winners, shape) {
      const result = backend.makeOutput(shape, 'float32');
      const [batch, height, width, channels] = shape;
      const gradient = floats(dy);
      const winnerOf = bytes(winners);
      const values = floats(result);
      values.fill(0);
      const row = width * channels;
      const offsets = [0, channels, row, row + channels];
      let slot = 0;
      for (let y = 0; y < batch * height; y += 2) {
        for (let pixel = y * row; pixel < (y + 1) * row; pixel += 2 * channels) {
          for (let at = pixel; at < pixel + channels; at++, slot++) {
            values[at + offsets[winnerOf[slot]]] = gradient[slot];
          }
        }
      }
      return tf.engine().makeTensorFromTensorInfo(result) as Tensor4D;
    },
  };
}
