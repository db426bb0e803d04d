import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../../src/data/batches';
import { IMAGE_BYTES, type Dataset } from '../../src/data/cifar10';
import { SIMPLE_VGG, tensorSpecs, type TensorSpec } from '../../src/model/architecture';
import { decodeSafetensors } from '../../src/model/safetensors';
import { sizeOf, type HostTensor, type Weights } from '../../src/model/weights';

const FOLDER = join(__dirname, '../../fixtures');

/** The first 64 training images of CIFAR-10. */
export function sampleImages(): Dataset {
  const bytes = readFileSync(join(FOLDER, 'cifar10-sample.bin'));
  const record = 1 + IMAGE_BYTES;
  const count = bytes.length / record;
  const images = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = bytes[i * record];
    images.set(bytes.subarray(i * record + 1, (i + 1) * record), i * IMAGE_BYTES);
  }
  return { count, images, labels };
}

/** The named images of the sample as a batch. */
export function sampleBatch(from: number, to: number): Batch {
  const { images, labels } = sampleImages();
  return {
    images: images.slice(from * IMAGE_BYTES, to * IMAGE_BYTES),
    labels: labels.slice(from, to),
    size: to - from,
  };
}

interface PyTorchCurve {
  normalization: 'filter' | 'layer' | 'reference' | 'none';
  direction: number;
  alphas: number[];
  loss: number[];
  accuracy: number[];
}

/** What fixtures/make_pytorch_reference.py got from PyTorch. */
export interface PyTorchReference {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** classifier.0.weight is stored by every so many rows. */
  readonly rows: number;
  readonly eval: { loss: number; lossPerImage: number[] };
  readonly train: { loss: number };
  readonly step3: { lr: number; momentum: number; weight_decay: number; losses: number[] };
  readonly curves: PyTorchCurve[];
  readonly norms: Record<string, Record<string, number>>;
  readonly schedule: unknown;
}

export function pytorchReference(): PyTorchReference {
  const json = JSON.parse(readFileSync(join(FOLDER, 'pytorch-reference.json'), 'utf8')) as PyTorchReference;
  const { tensors } = decodeSafetensors(readFileSync(join(FOLDER, 'pytorch-reference.safetensors')));
  return { ...json, tensors };
}

function fixtureJson(name: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}

/** Number `index` of tensor `tensor` under a salt, in [0, 1): the hash that fixtures/simple_vgg.py computes. */
function hashed(index: number, tensor: number, salt: number): number {
  let h =
    (Math.imul(index, 2654435761) + Math.imul(tensor + 1, 2246822519) + Math.imul(salt, 3266489917)) >>> 0;
  h ^= h >>> 15;
  h = Math.imul(h, 2246822519) >>> 0;
  h ^= h >>> 13;
  h = Math.imul(h, 3266489917) >>> 0;
  h ^= h >>> 16;
  return (h >>> 0) / 2 ** 32;
}

function filled(spec: TensorSpec, tensor: number, salt: number, low: number, high: number): HostTensor {
  const data = new Float32Array(sizeOf(spec.shape));
  for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * hashed(i, tensor, salt);
  return { shape: spec.shape, data };
}

/** SimpleVGG's weights by formula, as the PyTorch script fills them. */
export function formulaWeights(): Weights {
  return new Map(
    tensorSpecs(SIMPLE_VGG).map((spec, tensor) => {
      const [low, high] = rangeOf(spec);
      return [spec.name, filled(spec, tensor, 0, low, high)];
    }),
  );
}

/** A direction by formula over every trainable tensor, each number in [−1, 1). */
export function formulaDirection(k: number): Weights {
  return new Map(
    tensorSpecs(SIMPLE_VGG).flatMap((spec, tensor) =>
      spec.role === 'batchNorm.running' ? [] : [[spec.name, filled(spec, tensor, 1 + k, -1, 1)]],
    ),
  );
}

function rangeOf({ role, name, fanIn }: TensorSpec): [number, number] {
  if (role === 'batchNorm.weight' || name.endsWith('running_var')) return [0.5, 1.5];
  if (role === 'batchNorm.bias') return [-0.2, 0.2];
  if (role === 'batchNorm.running') return [-0.1, 0.1];
  return [-1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn)];
}

interface ScipyStatistics {
  quantiles: { df: number; t: number }[];
  samples: { values: number[]; mean: number; interval: [number, number] }[];
  coins: { heads: number; n: number; interval: [number, number]; pValue: number }[];
  powers: { n: number; effect: number; power: number }[];
  quadratics: { alphas: number[]; losses: number[]; constant: number; slope: number; curvature: number }[];
}

/** What SciPy and NumPy say of intervals, tests, power and fits. */
export function scipyStatistics(): ScipyStatistics {
  return fixtureJson('scipy-statistics.json') as ScipyStatistics;
}
