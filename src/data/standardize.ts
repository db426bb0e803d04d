import type { Tensor4D } from '@tensorflow/tfjs';
import type { Engine } from '../engine/engine';
import type { Batch } from './batches';
import { CHANNELS, IMAGE_SIDE } from './cifar10';

/** Channel means and standard deviations that CIFAR-10 is customarily standardized with, of bytes / 255. */
const CIFAR10_MEAN = [0.4914, 0.4822, 0.4465] as const;
const CIFAR10_DEVIATION = [0.2023, 0.1994, 0.201] as const;

/** A batch's images on the engine, [size, 32, 32, 3], as the networks want them; the caller's. */
export function standardize(engine: Engine, batch: Batch): Tensor4D {
  return engine.kernels.standardizeImages(
    batch.images,
    [batch.size, IMAGE_SIDE, IMAGE_SIDE, CHANNELS],
    CIFAR10_MEAN,
    CIFAR10_DEVIATION,
  );
}
