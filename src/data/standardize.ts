import type { Tensor4D } from '@tensorflow/tfjs';
import type { Engine } from '../engine/engine';
import type { Batch } from './batches';

/** A batch's images on the engine, [size, side, side, channels], as the networks want them; the caller's. */
export function standardize(engine: Engine, { kind, images, size }: Batch): Tensor4D {
  const { side, channels, mean, deviation } = kind;
  return engine.kernels.standardizeImages(images, [size, side, side, channels], mean, deviation);
}
