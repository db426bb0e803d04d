import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../../src/data/batches';
import { standardize } from '../../src/data/standardize';
import type { Engine } from '../../src/engine/engine';
import { isTrainable, parameterCount, tensorSpecs } from '../../src/model/architecture';
import { evaluator } from '../../src/model/evaluator';
import { formulaWeights, hashed } from '../../src/model/formula';
import { PAPER_NETWORKS, paperNetwork } from '../../src/model/networks';
import { trainableNetwork } from '../../src/model/trainable';
import { tensorNamed, type HostTensor, type Weights } from '../../src/model/weights';
import { evaluateImages } from '../../src/training/evaluate';
import { lossGradient } from '../../src/training/gradient';
import { optimizerFor } from '../../src/training/optimizer';
import { trainStep } from '../../src/training/train';
import { sha256 } from '../../src/support/sha256';
import { describeEngines } from '../helpers/describe-engines';
import { fastestEngine } from '../helpers/engine';
import { networksReference, sampleBatch } from '../helpers/fixtures';

// An engine may be without its hardware, on a machine that does other things too.
jest.setTimeout(600_000);

const reference = networksReference();
const IMAGES = reference.images;

/** The images that PyTorch saw: CIFAR-10's first ones, or digits by formula. */
function batchFor(network: string): Batch {
  if (network !== 'F1') return sampleBatch(0, IMAGES);
  const images = Uint8Array.from({ length: IMAGES * 784 }, (_, i) =>
    Math.floor(256 * hashed(i, 0, reference.digits.salt)),
  );
  return {
    images,
    labels: Uint8Array.from({ length: IMAGES }, (_, i) => i % 10),
    size: IMAGES,
    kind: { side: 28, channels: 1, classes: 10, mean: [0.1307], deviation: [0.3081] },
  };
}

describe("the paper's networks", () => {
  test.each(PAPER_NETWORKS)("%s has the tensors of PyTorch's twin, and as many parameters", (name) => {
    const { trainable, tensors } = reference.architectures[name];
    const specs = tensorSpecs(paperNetwork(name));
    expect(specs.map((spec) => [spec.name, spec.shape])).toEqual(Object.entries(tensors));
    expect(parameterCount(paperNetwork(name))).toBe(trainable);
  });

  test('C1 has 1,757,834 trainable parameters', () => {
    expect(parameterCount(paperNetwork('C1'))).toBe(1_757_834);
  });
});

/** Relative. */
const TOLERANCE = 1e-4;
/**
 * Among a million activations rounding may turn one from one side of a ReLU or a pooling window to the other, which
 * moves the gradients of all layers before it by so much; at least half of the tensors must be closer.
 */
const FLIPPED = 1e-2;

describeEngines("parity of the paper's networks with PyTorch", (opened, engineName) => {
  // Where webgpu is tried on a CPU it does less than an image a second.
  const names = engineName === 'webgpu' ? (['F1', 'C1'] as const) : (['F1', 'C1', 'C2'] as const);

  describe.each(names)('%s', (name) => {
    const architecture = paperNetwork(name);
    const { losses, norms, every, parametersSha256 } = reference.results[name];
    const weights = formulaWeights(architecture);
    const batch = batchFor(name);
    const dataset = { ...batch, count: IMAGES };
    const trainable = tensorSpecs(architecture).filter(isTrainable);
    /** A bias that batch norm takes away again: its gradient is rounding alone. */
    const isIdle = (tensor: string) =>
      architecture.layers.some(
        (layer) =>
          layer.kind !== 'flatten' &&
          layer.batchNorm &&
          tensor === `${layer.kind === 'convBlock' ? layer.conv : layer.name}.bias`,
      );
    let engine: Engine;
    beforeAll(() => {
      engine = opened();
    });

    /** How far a tensor lies from PyTorch's, relative to its norm. */
    function errorOf(group: string, tensor: string, ours: Float32Array): number {
      const theirs = tensorNamed(reference.tensors, `${name}.${group}.${tensor}`).data;
      const step = every[tensor] ?? 1;
      const norm = norms[group][tensor];
      let sum = 0;
      let squares = 0;
      ours.forEach((value, i) => {
        squares += value * value;
        if (i % step === 0) sum += (value - theirs[i / step]) ** 2;
      });
      // Every so many elements stand for all.
      return Math.max(Math.sqrt(sum * step) / norm, Math.abs(Math.sqrt(squares) / norm - 1));
    }

    function expectMostlyClose(group: string, ours: Weights): void {
      const tensors = trainable
        .map((spec) => spec.name)
        .filter((tensor) => !isIdle(tensor) || group === 'evalGrad');
      const errors = tensors.map((tensor) => errorOf(group, tensor, tensorNamed(ours, tensor).data));
      expect(Math.max(...errors)).toBeLessThanOrEqual(FLIPPED);
      expect(errors.sort((a, b) => a - b)[errors.length >> 1]).toBeLessThanOrEqual(TOLERANCE);
    }

    test('has its parameters by formula, to the last bit', () => {
      const bytes = Buffer.concat(
        [...weights.values()].map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
      );
      expect(sha256(bytes)).toBe(parametersSha256);
    });

    test('gives its logits and losses in evaluation mode', async () => {
      const network = evaluator(engine, architecture, weights);
      const images = standardize(engine, batch);
      const logits = network.logits(images);
      expect(errorOf('logits', 'eval', await logits.data<'float32'>())).toBeLessThanOrEqual(TOLERANCE);
      tf.dispose([images, logits]);
      network.dispose();
      const results = await evaluateImages(engine, architecture, weights, dataset);
      results.losses.forEach((loss, i) =>
        expect(Math.abs(loss / losses.evalPerImage[i] - 1)).toBeLessThanOrEqual(TOLERANCE),
      );
    });

    // What is folded and unfolded around the pass is the same for all engines.
    (engineName === fastestEngine() ? test : test.skip)(
      'has its gradient under fixed statistics',
      async () => {
        const { loss, gradient } = await lossGradient(engine, architecture, weights, dataset, {
          statistics: 'fixed',
          batchSize: IMAGES,
        });
        expect(Math.abs(loss / losses.eval - 1)).toBeLessThanOrEqual(TOLERANCE);
        expectMostlyClose('evalGrad', gradient);
      },
    );

    test("has its gradient under the batch's statistics", async () => {
      const { loss, gradient } = await lossGradient(engine, architecture, weights, dataset, {
        statistics: 'batch',
        batchSize: IMAGES,
      });
      expect(Math.abs(loss / losses.train - 1)).toBeLessThanOrEqual(TOLERANCE);
      expectMostlyClose('trainGrad', gradient);
      for (const { name: tensor } of trainable.filter((spec) => isIdle(spec.name))) {
        expect(tensorNamed(gradient, tensor).data.every((value) => Math.abs(value) < 1e-6)).toBe(true);
      }
    });

    // In C2 PyTorch's own float32 lies a few percent off its float64 by then.
    (engineName === 'webgpu' || name === 'C2' ? test.skip : test)(
      'takes three steps of Adam as it does',
      async () => {
        const network = trainableNetwork(engine, architecture, weights);
        const optimizer = optimizerFor(engine, network, { kind: 'adam', weightDecay: 0 });
        for (const theirs of losses.adam) {
          const loss = await trainStep(engine, network, optimizer, batch, reference.adam.lr);
          expect(Math.abs(loss / theirs - 1)).toBeLessThanOrEqual(TOLERANCE);
        }
        const after = await network.weights();
        optimizer.dispose();
        network.dispose();
        const errors = trainable
          .filter((spec) => !isIdle(spec.name))
          .map((spec) => errorOf('adamChange', spec.name, difference(after, weights, spec.name)));
        // Adam divides by the gradient's size, so that rounding counts in full where the gradient is small.
        expect(Math.max(...errors)).toBeLessThanOrEqual(5 * FLIPPED);
      },
    );
  });
});

function difference(after: Weights, before: Weights, tensor: string): Float32Array {
  const [{ data: end }, { data: start }]: HostTensor[] = [
    tensorNamed(after, tensor),
    tensorNamed(before, tensor),
  ];
  return end.map((value, i) => value - start[i]);
}
