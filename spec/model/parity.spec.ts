import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { inThisThread } from '../../src/compute/compute';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { computeSharpnessCurve } from '../../src/landscape/curve';
import { normalizeDirection } from '../../src/landscape/directions';
import { isTrainable, tensorSpecs } from '../../src/model/architecture';
import { SIMPLE_VGG } from '../../src/model/networks';
import { evaluator } from '../../src/model/evaluator';
import { trainableNetwork } from '../../src/model/trainable';
import { type HostTensor, type Weights } from '../../src/model/weights';
import { evaluate } from '../../src/training/evaluate';
import { optimizerFor } from '../../src/training/optimizer';
import { trainStep } from '../../src/training/train';
import { describeEngines } from '../helpers/describe-engines';
import { fastestEngine } from '../helpers/engine';
import { relativeDistance } from '../helpers/distance';
import {
  formulaDirection,
  formulaWeights,
  pytorchReference,
  sampleBatch,
  sampleImages,
} from '../helpers/fixtures';

// An engine may be without its hardware, on a machine that does other things too.
jest.setTimeout(300_000);

/** Relative: XNNPACK, under wasm, sums in another order than oneDNN and PyTorch do. */
const TOLERANCES = { tensorflow: 1e-4, webgpu: 1e-3, wasm: 1e-3 };
const BIAS_GRADIENT_TOLERANCE = 1e-6;
const reference = pytorchReference();
const names = tensorSpecs(SIMPLE_VGG).map(({ name }) => name);
const parameters = tensorSpecs(SIMPLE_VGG).filter(isTrainable);

/** Every so many rows of a tensor, as many as are stored of it. */
function storedPart({ shape, data }: HostTensor, stored: HostTensor): Float32Array {
  const every = shape[0] / stored.shape[0];
  const width = data.length / shape[0];
  return data.filter((_, i) => Math.floor(i / width) % every === 0);
}

function expectClose(group: string, name: string, ours: HostTensor, tolerance: number): void {
  const theirs = reference.tensors.get(`${group}.${name}`)!;
  expect(relativeDistance(storedPart(ours, theirs), theirs.data)).toBeLessThanOrEqual(tolerance);
  const norm = Math.sqrt(ours.data.reduce((sum, value) => sum + value * value, 0));
  expect(Math.abs(norm / reference.norms[group][name] - 1)).toBeLessThanOrEqual(tolerance);
}

describeEngines('parity with PyTorch', (opened, engineName) => {
  const tolerance = TOLERANCES[engineName];
  // Where webgpu is tried on a CPU it does less than an image a second.
  const slow = engineName === 'webgpu';
  const { batch: batchSize, train, step3 } = slow ? reference.few : reference;
  const group = (name: string) => (slow ? `few.${name}` : name);
  let engine: Engine;
  beforeAll(() => {
    engine = opened();
  });

  test('logits and loss in evaluation mode are those of PyTorch', async () => {
    const batch = sampleBatch(0, batchSize);
    const network = evaluator(engine, SIMPLE_VGG, formulaWeights());
    const images = standardize(engine, batch);
    const logits = network.logits(images);
    const theirs = reference.tensors.get('eval.logits')!.data.subarray(0, logits.size);
    expect(relativeDistance(await logits.data<'float32'>(), theirs)).toBeLessThanOrEqual(tolerance);
    tf.dispose([images, logits]);
    network.dispose();
    const { loss } = await evaluate(engine, SIMPLE_VGG, formulaWeights(), {
      ...batch,
      count: batchSize,
    });
    const lossPerImage = reference.eval.lossPerImage.slice(0, batchSize);
    const theirLoss = lossPerImage.reduce((sum, value) => sum + value, 0) / batchSize;
    expect(Math.abs(loss / theirLoss - 1)).toBeLessThanOrEqual(tolerance);
  });

  describe('one pass in training mode', () => {
    let gradients: Weights;
    let after: Weights;
    let loss: number;
    let logits: Float32Array;
    beforeAll(async () => {
      const network = trainableNetwork(engine, SIMPLE_VGG, formulaWeights());
      const batch = sampleBatch(0, batchSize);
      const labels = tf.tensor1d(Int32Array.from(batch.labels), 'int32');
      const result = await network.pass(standardize(engine, batch), labels);
      loss = result.loss;
      logits = await result.logits.data<'float32'>();
      const onHost = new Map<string, HostTensor>();
      for (const [name, gradient] of result.gradients) {
        onHost.set(name, await network.toHost(name, gradient));
      }
      gradients = onHost;
      after = await network.weights();
    });

    test('gives its loss and logits', () => {
      expect(Math.abs(loss / train.loss - 1)).toBeLessThanOrEqual(tolerance);
      const theirs = reference.tensors.get(group('train.logits'))!.data;
      expect(relativeDistance(logits, theirs)).toBeLessThanOrEqual(tolerance);
    });

    test.each(parameters.filter(({ role }) => role !== 'conv.bias').map(({ name }) => name))(
      'gives the gradient of %s',
      (name) => expectClose(group('grad'), name, gradients.get(name)!, tolerance),
    );

    test.each(parameters.filter(({ role }) => role === 'conv.bias').map(({ name }) => name))(
      'gives the gradient of %s, which batch norm makes zero up to rounding',
      (name) => {
        const theirs = reference.tensors.get(`${group('grad')}.${name}`)!.data;
        gradients
          .get(name)!
          .data.forEach((ours, i) =>
            expect(Math.abs(ours - theirs[i])).toBeLessThanOrEqual(BIAS_GRADIENT_TOLERANCE),
          );
      },
    );

    test.each(names.filter((name) => name.includes('running')))('moves %s', (name) =>
      expectClose(group('running'), name, after.get(name)!, tolerance),
    );
  });

  describe('three steps of SGD with momentum and weight decay', () => {
    let after: Weights;
    let losses: number[];
    beforeAll(async () => {
      const network = trainableNetwork(engine, SIMPLE_VGG, formulaWeights());
      const { lr, momentum, weight_decay: weightDecay } = step3;
      const optimizer = optimizerFor(engine, network, { kind: 'sgd', momentum, weightDecay });
      losses = [];
      for (const from of [0, batchSize, 2 * batchSize]) {
        const batch = sampleBatch(from, from + batchSize);
        losses.push(await trainStep(engine, network, optimizer, batch, lr));
      }
      after = await network.weights();
    });

    test('see its losses', () => {
      losses.forEach((loss, step) =>
        expect(Math.abs(loss / step3.losses[step] - 1)).toBeLessThanOrEqual(tolerance),
      );
    });

    test.each(names)('lead to its %s', (name) =>
      expectClose(group('step3'), name, after.get(name)!, tolerance),
    );
  });

  // A curve is evaluations at other weights, whatever the engine: one alone is drawn on the others.
  (slow ? test.skip : test).each(
    engineName === fastestEngine() ? reference.curves : reference.curves.slice(0, 1),
  )(
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
        inThisThread(engine),
        SIMPLE_VGG,
        sampleImages(),
        weights,
        normalized,
        alphas,
      );
      curve.points.forEach((point, i) => {
        expect(Math.abs(point.loss / loss[i] - 1)).toBeLessThanOrEqual(tolerance);
        expect(point.accuracy).toBe(accuracy[i]);
      });
    },
  );
});
