import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../../src/data/batches';
import { IMAGE_BYTES, type Dataset } from '../../src/data/cifar10';
import { SIMPLE_VGG, tensorSpecs } from '../../src/model/architecture';
import { formulaTensor, formulaWeights as weightsByFormula } from '../../src/model/formula';
import { decodeSafetensors } from '../../src/model/safetensors';
import type { HostTensor, Weights } from '../../src/model/weights';

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

/** One pass in training mode, and three steps with the same number of images each. */
export interface PyTorchTraining {
  readonly batch: number;
  readonly train: { loss: number };
  readonly step3: { lr: number; momentum: number; weight_decay: number; losses: number[] };
}

/** What fixtures/make_pytorch_reference.py got from PyTorch. */
export interface PyTorchReference extends PyTorchTraining {
  /** Large ones are stored by every few rows. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly eval: { loss: number; lossPerImage: number[] };
  /** The same with fewer images; the names of its tensors begin with "few.". */
  readonly few: PyTorchTraining;
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

/** SimpleVGG's weights by formula, as the PyTorch script fills them. */
export function formulaWeights(): Weights {
  return weightsByFormula(SIMPLE_VGG);
}

/** A direction by formula over every trainable tensor, each number in [−1, 1). */
export function formulaDirection(k: number): Weights {
  return new Map(
    tensorSpecs(SIMPLE_VGG).flatMap((spec, tensor) =>
      spec.role === 'batchNorm.running' ? [] : [[spec.name, formulaTensor(spec, tensor, 1 + k, -1, 1)]],
    ),
  );
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
