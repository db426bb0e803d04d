import { beforeAll, expect, test } from '@jest/globals';
import { inThisThread } from '../../src/compute/compute';
import { firstImages } from '../../src/data/dataset';
import type { EngineName } from '../../src/engine/engine';
import { computeSharpnessCurve, type Curve } from '../../src/landscape/curve';
import { normalizeDirection, randomDirection } from '../../src/landscape/directions';
import { initialWeights } from '../../src/model/architecture';
import { SIMPLE_VGG } from '../../src/model/networks';
import { trainableNetwork } from '../../src/model/trainable';
import { randomStream } from '../../src/support/random';
import { describeEngines } from '../helpers/describe-engines';
import { sampleImages } from '../helpers/fixtures';

const SEED = 42;
/** Few, since a software GPU evaluates about one image a second. */
const images = firstImages(sampleImages(), 4);
const alphas = [-1, -0.5, 0, 0.5, 1];

/** The first engine's is what the others' are held against. */
const curves = new Map<EngineName, Curve>();

describeEngines('engines agree', (engine, name) => {
  let curve: Curve;
  beforeAll(async () => {
    const weights = initialWeights(SIMPLE_VGG, randomStream(SEED, 'weights'));
    const direction = normalizeDirection(SIMPLE_VGG, randomDirection(SIMPLE_VGG, SEED), weights, 'filter');
    const compute = inThisThread(engine());
    curve = await computeSharpnessCurve(compute, SIMPLE_VGG, images, weights, direction, alphas);
    curves.set(name, curve);
  }, 300_000);

  test('on the loss curve of the same weights and direction, to a thousandth', () => {
    const [first] = curves.values();
    curve.points.forEach(({ loss }, at) => {
      expect(Math.abs(loss / first.points[at].loss - 1)).toBeLessThanOrEqual(1e-3);
    });
  });

  test("on a seed's initial weights, to the last bit", async () => {
    const weights = initialWeights(SIMPLE_VGG, randomStream(SEED, 'weights'));
    const network = trainableNetwork(engine(), SIMPLE_VGG, weights);
    const there = await network.weights();
    expect([...there.keys()]).toEqual([...weights.keys()]);
    // Jest compares arrays of millions of numbers for seconds.
    for (const [tensor, { data }] of weights) {
      expect(Buffer.compare(bytesOf(there.get(tensor)!.data), bytesOf(data))).toBe(0);
    }
    network.dispose();
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
