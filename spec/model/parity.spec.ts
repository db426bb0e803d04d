import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { computeSharpnessCurve } from '../../src/landscape/curve';
import { normalizeDirection } from '../../src/landscape/directions';
import { isTrainable, SIMPLE_VGG, tensorSpecs } from '../../src/model/architecture';
import { evaluator } from '../../src/model/evaluator';
import { trainableNetwork } from '../../src/model/trainable';
import { relativeDistance, type HostTensor, type Weights } from '../../src/model/weights';
import { randomStream } from '../../src/random';
import { evaluate } from '../../src/training/evaluate';
import { sgd } from '../../src/training/sgd';
import { trainStep } from '../../src/training/train';
import { specEngine } from '../support/engine';
import {
  formulaDirection,
  formulaWeights,
  pytorchReference,
  sampleBatch,
  sampleImages,
} from '../support/fixtures';

const TOLERANCE = 1e-4;
const BIAS_GRADIENT_TOLERANCE = 1e-6;
const reference = pytorchReference();
const names = tensorSpecs(SIMPLE_VGG).map(({ name }) => name);
const parameters = tensorSpecs(SIMPLE_VGG).filter(isTrainable);

/** classifier.0.weight is stored by every 16th row. */
function storedPart(name: string, { shape, data }: HostTensor): Float32Array {
  if (name !== 'classifier.0.weight') return data;
  const [height, width] = shape;
  const part = new Float32Array(data.length / reference.rows);
  for (let row = 0; row < height; row += reference.rows) {
    part.set(data.subarray(row * width, (row + 1) * width), (row / reference.rows) * width);
  }
  return part;
}

function expectClose(group: string, name: string, ours: HostTensor): void {
  const theirs = reference.tensors.get(`${group}.${name}`)!.data;
  expect(relativeDistance(storedPart(name, ours), theirs)).toBeLessThanOrEqual(TOLERANCE);
  const norm = Math.sqrt(ours.data.reduce((sum, value) => sum + value * value, 0));
  expect(Math.abs(norm / reference.norms[group][name] - 1)).toBeLessThanOrEqual(TOLERANCE);
}

describe('parity with PyTorch', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await specEngine();
  });

  test('logits and loss in evaluation mode are those of PyTorch', async () => {
    const batch = sampleBatch(0, 16);
    const network = evaluator(engine, SIMPLE_VGG, formulaWeights());
    const images = standardize(engine, batch);
    const logits = network.logits(images);
    expect(
      relativeDistance(logits.dataSync<'float32'>(), reference.tensors.get('eval.logits')!.data),
    ).toBeLessThanOrEqual(TOLERANCE);
    tf.dispose([images, logits]);
    network.dispose();
    const { loss } = await evaluate(engine, SIMPLE_VGG, formulaWeights(), {
      count: 16,
      images: batch.images,
      labels: batch.labels,
    });
    expect(Math.abs(loss / reference.eval.loss - 1)).toBeLessThanOrEqual(TOLERANCE);
  });

  describe('one pass in training mode', () => {
    let gradients: Weights;
    let after: Weights;
    let loss: number;
    let logits: Float32Array;
    beforeAll(() => {
      const network = trainableNetwork(engine, SIMPLE_VGG, formulaWeights());
      const batch = sampleBatch(0, 16);
      const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
      const result = network.pass(standardize(engine, batch), labels);
      loss = result.loss;
      logits = result.logits.dataSync<'float32'>();
      gradients = new Map(
        [...result.gradients].map(([name, gradient]) => {
          const variable = engine.kernels.variable(gradient);
          return [name, network.toHost(name, variable)];
        }),
      );
      after = network.weights();
    });

    test('gives its loss and logits', () => {
      expect(Math.abs(loss / reference.train.loss - 1)).toBeLessThanOrEqual(TOLERANCE);
      expect(relativeDistance(logits, reference.tensors.get('train.logits')!.data)).toBeLessThanOrEqual(
        TOLERANCE,
      );
    });

    test.each(parameters.filter(({ role }) => role !== 'conv.bias').map(({ name }) => name))(
      'gives the gradient of %s',
      (name) => expectClose('grad', name, gradients.get(name)!),
    );

    test.each(parameters.filter(({ role }) => role === 'conv.bias').map(({ name }) => name))(
      'gives the gradient of %s, which batch norm makes zero up to rounding',
      (name) => {
        const theirs = reference.tensors.get(`grad.${name}`)!.data;
        gradients
          .get(name)!
          .data.forEach((ours, i) =>
            expect(Math.abs(ours - theirs[i])).toBeLessThanOrEqual(BIAS_GRADIENT_TOLERANCE),
          );
      },
    );

    test.each(names.filter((name) => name.includes('running')))('moves %s', (name) =>
      expectClose('running', name, after.get(name)!),
    );
  });

  describe('three steps of SGD with momentum and weight decay', () => {
    let after: Weights;
    let losses: number[];
    beforeAll(() => {
      const network = trainableNetwork(engine, SIMPLE_VGG, formulaWeights());
      const { lr, momentum, weight_decay: weightDecay } = reference.step3;
      const optimizer = sgd(engine, network, { momentum, weightDecay });
      const noDropout = { rate: 0, random: randomStream(0) };
      losses = [0, 16, 32].map((from) =>
        trainStep(engine, network, optimizer, sampleBatch(from, from + 16), lr, noDropout),
      );
      after = network.weights();
    });

    test('see its losses', () => {
      losses.forEach((loss, step) =>
        expect(Math.abs(loss / reference.step3.losses[step] - 1)).toBeLessThanOrEqual(TOLERANCE),
      );
    });

    test.each(names)('lead to its %s', (name) => expectClose('step3', name, after.get(name)!));
  });

  test.each(reference.curves)(
    'the curve with $normalization normalization along direction $direction is that of PyTorch',
    async ({ normalization, direction, alphas, loss, accuracy }) => {
      const weights = formulaWeights();
      const noise = formulaDirection(direction);
      // The script's numbers have standard deviation 1/√3; `none` is defined for 1.
      const direct =
        normalization === 'none'
          ? new Map(
              [...noise].map(([name, { shape, data }]) => [
                name,
                { shape, data: data.map((d) => d * Math.sqrt(3)) },
              ]),
            )
          : noise;
      const normalized = normalizeDirection(SIMPLE_VGG, direct, weights, normalization);
      const curve = await computeSharpnessCurve(
        engine,
        SIMPLE_VGG,
        sampleImages(),
        weights,
        normalized,
        alphas,
      );
      curve.points.forEach((point, i) => {
        expect(Math.abs(point.loss / loss[i] - 1)).toBeLessThanOrEqual(TOLERANCE);
        expect(point.accuracy).toBe(accuracy[i]);
      });
    },
  );
});
