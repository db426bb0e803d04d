import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sliceBatch, type Batch } from '../../src/data/batches';
import { CIFAR10 } from '../../src/data/cifar10';
import { datasetOf, imageBytes, type Dataset, type ImageKind } from '../../src/data/dataset';
import { tensorSpecs, type Architecture } from '../../src/model/architecture';
import { SIMPLE_VGG } from '../../src/model/networks';
import { formulaTensor, formulaWeights as weightsByFormula } from '../../src/model/formula';
import { decodeSafetensors } from '../../src/model/safetensors';
import type { HostTensor, Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';

const FOLDER = join(__dirname, '../../fixtures');

/** The first 64 training images of CIFAR-10. */
export function sampleImages(): Dataset {
  const bytes = readFileSync(join(FOLDER, 'cifar10-sample.bin'));
  const perImage = imageBytes(CIFAR10);
  const record = 1 + perImage;
  const sample = datasetOf(CIFAR10, new Uint8Array(bytes.length));
  for (let i = 0; i < sample.count; i++) {
    sample.labels[i] = bytes[i * record];
    sample.images.set(bytes.subarray(i * record + 1, (i + 1) * record), i * perImage);
  }
  return sample;
}

/** Images of 9x9 pixels of two channels, all different, in seven classes: the shape of no data set. */
export function oddImages(count: number): Dataset {
  const kind: ImageKind = { side: 9, channels: 2, classes: 7, mean: [0.25, 0.5], deviation: [0.2, 0.4] };
  const random = randomStream(1, 'odd images');
  return {
    kind,
    count,
    images: Uint8Array.from({ length: count * imageBytes(kind) }, () => random.bits() & 255),
    labels: Uint8Array.from({ length: count }, (_, index) => index % kind.classes),
  };
}

/** The named images of the sample as a batch. */
export function sampleBatch(from: number, to: number): Batch {
  return sliceBatch(sampleImages(), from, to);
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

/** Thresholds and p-values that SciPy's searches find: see fixtures/make_change_point_reference.py. */
export function changePointReference() {
  return fixtureJson('change-point-reference.json') as {
    cases: {
      /** Of each run. */
      batchSizes: number[];
      seeds: number[];
      values: number[];
      /** log2 of the threshold, and the slope per doubling; null for an infinite end of its interval. */
      knot: number;
      knotInterval: [number, number];
      slope: number;
      slopeInterval: [number | null, number | null];
      line: { slope: number; slopeInterval: [number, number] };
      /** Against a level for each batch size; null where there is nothing to tell it by. */
      lackOfFit: { statistic: number; freedom: [number, number]; pValue: number } | null;
      pValue: number;
      /** How many it comes from, and whether they are all that there are. */
      permutations: number;
      enumerated: boolean;
    }[];
  };
}

/** What fixtures/make_networks_reference.py got from PyTorch for the paper's networks. */
export interface NetworksReference {
  readonly images: number;
  /** The bytes of F1's images are hashed numbers under this salt. */
  readonly digits: { readonly salt: number };
  readonly adam: { readonly lr: number };
  /** Tensors of each state_dict, by name, with their shapes. */
  readonly architectures: Readonly<
    Record<string, { readonly trainable: number; readonly tensors: Readonly<Record<string, number[]>> }>
  >;
  readonly results: Readonly<Record<string, NetworkResults>>;
  /** Named as "C1.trainGrad.features.0.weight"; large ones are stored by every few elements. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** Of one network; groups of tensors are evalGrad, trainGrad, running and adamChange. */
export interface NetworkResults {
  /** Of all tensors, one behind the other. */
  readonly parametersSha256: string;
  readonly losses: {
    readonly eval: number;
    readonly evalPerImage: number[];
    readonly train: number;
    readonly adam: number[];
  };
  /** Of the tensors that are not stored whole, one in how many elements is. */
  readonly every: Readonly<Record<string, number>>;
  /** Of whole tensors, by group and name. */
  readonly norms: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export function networksReference(): NetworksReference {
  const json = fixtureJson('networks-reference.json') as NetworksReference;
  const { tensors } = decodeSafetensors(readFileSync(join(FOLDER, 'networks-reference.safetensors')));
  return { ...json, tensors };
}

interface KeskarBox {
  epsilon: number;
  phi: number;
}
interface KeskarResults {
  loss: number;
  keskar: { full: KeskarBox[]; subspace: { centre: number[]; boxes: KeskarBox[] } };
}

/** The rise of the loss where the weights take a step. */
interface Rise {
  rise: number;
  risePerImage: number[];
}
/** Vectors are of all trainable parameters, tensor behind tensor. */
interface Curvature {
  loss: number;
  gradientNorm: number;
  hessian: { topEigenvalues: number[]; trace: number; signsVariance: number };
  quadraticForms: number[];
  hessianProducts: number[][];
  sam: Rise;
  adaptiveSam: Rise;
}

/** What PyTorch's double backward says of curvature and ascent: see fixtures/make_sharpness_reference.py. */
export function sharpnessReference() {
  return fixtureJson('sharpness-reference.json') as {
    network: { widths: [number, number, number]; hidden: number };
    images: number;
    /** Directions are tensors by formula, each under the salt plus the direction's number. */
    directions: { salt: number; count: number };
    samRho: number;
    adaptiveSamRho: number;
    fixed: Curvature;
    softmaxRegression: { loss: number; gradientNorm: number; topEigenvalue: number; trace: number };
    gradientNoise: {
      batches: number;
      batch: number;
      meanSquaredNorm: number;
      covarianceTrace: number;
      squaredNormOfMean: number;
    };
  };
}

/** One linear layer on CIFAR-10's pixels, whose Hessian has a closed form. */
export function softmaxRegression(): Architecture {
  const { channels, side, classes } = CIFAR10;
  return {
    name: 'softmax regression',
    layers: [
      { kind: 'flatten', channels, side },
      {
        kind: 'linear',
        name: 'classifier.0',
        inputs: channels * side * side,
        outputs: classes,
        relu: false,
      },
    ],
  };
}

/** What SciPy's L-BFGS-B finds with PyTorch's gradients: see fixtures/make_sharpness_reference.py. */
export function keskarReference() {
  return fixtureJson('sharpness-reference.json') as {
    network: { widths: number[]; hidden: number };
    images: number;
    /** The dimension of the subspace, and the salt of the hashed numbers that its matrix is made of. */
    keskar: { subspace: number; salt: number };
    fixed: KeskarResults;
    batch: KeskarResults;
  };
}
