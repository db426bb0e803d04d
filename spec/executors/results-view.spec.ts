import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodePerImage, encodePerImage, resultsView } from '../../src/executors/results-view';
import { runJob } from '../../src/executors/run-job';
import type { ResultStore } from '../../src/executors/store';
import type { Job } from '../../src/jobs/job';
import { measureId, type EvaluationMeasure, type Measure } from '../../src/jobs/measure';
import { KEYS } from '../../src/jobs/result';
import { figuresOf, missingJobs, type Results } from '../../src/jobs/results';
import { trainingId, type Training } from '../../src/jobs/training';
import { summarize } from '../../src/training/evaluate';
import { freshStore, storedJson, tinyContext, tinyTraining } from '../helpers/kernel';

let training: Training;
let other: Training;
beforeAll(async () => {
  training = await tinyTraining({ stopAfter: { epochs: 1 } });
  other = { ...training, seed: 6 };
});

const evaluation = (of: Training = training, to = 20): EvaluationMeasure => ({
  kind: 'evaluation',
  of: [{ training: of }],
  images: { to },
});
const path = (): Measure => ({
  kind: 'path',
  of: [{ training }, { training: other }],
  alpha: 0.5,
  images: { to: 16 },
  testImages: { to: 8 },
});

/** A store with the results of jobs, and a count of what is read of it. */
async function storeWith(...jobs: Job[]): Promise<{ store: ResultStore; reads: string[] }> {
  const store = freshStore();
  const context = await tinyContext(store);
  for (const job of jobs) await runJob(context, job);
  const reads: string[] = [];
  const counting: ResultStore = {
    ...store,
    read(key) {
      reads.push(key);
      return store.read(key);
    },
  };
  return { store: counting, reads };
}

/** Stores a training as if another machine had done it, and ended at other weights. */
async function replaceWeights(store: ResultStore, of: Training): Promise<void> {
  const key = KEYS.training(trainingId(of));
  const result = (await storedJson<{ figures: object }>(store, key))!;
  const theirs = { ...result, figures: { ...result.figures, weightsSha256: '0'.repeat(64) } };
  await store.write(key, Buffer.from(JSON.stringify(theirs)));
}

describe('a view of results', () => {
  test('loads all that a pure function asks for, also what it asks for only once it knows other results', async () => {
    const { store, reads } = await storeWith({ measure: evaluation() }, { measure: evaluation(other) });
    const view = await resultsView(store);
    expect(reads).toEqual([]);
    let calls = 0;
    /** Looks at the other training only where the first one's evaluation is there. */
    const losses = (results: Results) => {
      calls++;
      const first = figuresOf(results.measure(evaluation()));
      if (!first) return [];
      const perImage = results.perImage(evaluation(other));
      return [first.loss, perImage && summarize(perImage).loss];
    };
    const found = await view.evaluate(losses);
    expect(found).toHaveLength(2);
    for (const loss of found) expect(loss).toBeGreaterThan(0);
    expect(found[1]).toBe(figuresOf(view.measure(evaluation(other)))!.loss);
    const before = [...reads];
    expect(new Set(before).size).toBe(before.length);
    // What is known is neither read nor asked for again.
    calls = 0;
    expect(await view.evaluate(losses)).toEqual(found);
    expect([calls, reads]).toEqual([1, before]);
    const ids = [evaluation(), evaluation(other)].map((measure) => [
      KEYS.training(trainingId(measure.of[0].training)),
      KEYS.measure(trainingId(measure.of[0].training), measureId(measure)),
    ]);
    expect([...view.asked]).toEqual(expect.arrayContaining(ids.flat()));
  });

  test('knows of no result that is not stored, and of new ones once it is refreshed', async () => {
    const { store } = await storeWith();
    const view = await resultsView(store);
    const jobs: Job[] = [{ train: training }, { train: training, snapshots: [1] }, { measure: evaluation() }];
    const missing = () => view.evaluate((results) => missingJobs(results, jobs));
    expect(await missing()).toEqual(jobs);
    const context = await tinyContext(store);
    await runJob(context, jobs[0]);
    expect(await missing()).toEqual(jobs);
    await view.refresh();
    expect(await missing()).toEqual(jobs.slice(1));
    for (const job of jobs.slice(1)) await runJob(context, job);
    await view.refresh();
    expect(await missing()).toEqual([]);
    await store.remove(KEYS.measure(trainingId(training), measureId(evaluation())));
    await view.refresh();
    expect(await missing()).toEqual(jobs.slice(2));
  });

  test('reads again the results of a training that may have changed', async () => {
    const { store } = await storeWith({ train: training });
    const view = await resultsView(store);
    const hash = () => view.evaluate((results) => figuresOf(results.training(training))?.weightsSha256);
    const before = await hash();
    await replaceWeights(store, training);
    await view.refresh([other]);
    expect(await hash()).toBe(before);
    await view.refresh([other, training]);
    expect(await hash()).toBe('0'.repeat(64));
  });

  test('counts a measure of other weights as missing, whichever of its minimizers changed', async () => {
    const { store } = await storeWith({ measure: evaluation() }, { measure: path() });
    const states = async () => {
      const view = await resultsView(store);
      return view.evaluate((results) => [
        results.measure(evaluation()).state,
        results.perImage(evaluation()) !== undefined,
        results.measure(path()).state,
      ]);
    };
    expect(await states()).toEqual(['done', true, 'done']);
    await replaceWeights(store, other);
    expect(await states()).toEqual(['done', true, 'missing']);
    await replaceWeights(store, training);
    expect(await states()).toEqual(['missing', false, 'missing']);
  });

  test('counts a measure of no training as missing', async () => {
    const { store } = await storeWith({ measure: evaluation() });
    await store.remove(KEYS.training(trainingId(training)));
    const view = await resultsView(store);
    expect(await view.evaluate((results) => results.measure(evaluation()).state)).toBe('missing');
  });

  test('says that a snapshot beyond the end failed, and so did what would be measured of it', async () => {
    const { store } = await storeWith({ train: training });
    const view = await resultsView(store);
    const beyond: Measure = { ...evaluation(), of: [{ training, at: { step: 4 } }] };
    const outcomes = await view.evaluate((results) => [
      results.snapshot(training, 3),
      results.snapshot(training, 4),
      results.measure(beyond),
    ]);
    const failed = { state: 'failed', reason: 'training ended after 3 steps, before step 4' };
    expect(outcomes).toEqual([{ state: 'missing' }, failed, failed]);
  });

  test('gives the loss of each image, whose mean is the loss', async () => {
    const curve: Measure = {
      kind: 'curve',
      directionSeed: 7,
      alphas: [-1, 1],
      of: [{ training }],
      images: { to: 20 },
    };
    const { store } = await storeWith({ measure: evaluation() }, { measure: curve }, { measure: path() });
    const view = await resultsView(store);
    const [one, along, none] = await view.evaluate((results) =>
      [evaluation(), curve, path()].map((measure) => results.perImage(measure)),
    );
    expect(summarize(one!)).toEqual(figuresOf(view.measure(evaluation())));
    expect(along!.losses).toHaveLength(40);
    const { points } = figuresOf(view.measure(curve)) as { points: { loss: number }[] };
    for (const [index, { loss }] of points.entries()) {
      const part = along!.losses.subarray(20 * index, 20 * (index + 1));
      expect(summarize({ losses: part, correct: along!.correct }).loss).toBe(loss);
    }
    expect(none).toBeUndefined();
  });

  test('refuses what is no result of this version, and names it', async () => {
    const { store } = await storeWith();
    const key = KEYS.training(trainingId(training));
    await store.write(key, Buffer.from('{"figures":1}'));
    const view = await resultsView(store);
    await expect(view.evaluate((results) => results.training(training))).rejects.toThrow(
      `${key} in ${store.name} is not a result of this version of the program`,
    );
  });
});

test('losses image by image come back from bytes as they were', () => {
  const images = fc.array(fc.record({ loss: fc.float({ noNaN: true }), hit: fc.constantFrom(0, 1) }));
  fc.assert(
    fc.property(images, fc.nat(3), (all, offset) => {
      const results = {
        losses: Float32Array.from(all, ({ loss }) => loss),
        correct: Uint8Array.from(all, ({ hit }) => hit),
      };
      // As a part of a larger buffer, and at any address.
      const encoded = encodePerImage({
        ...results,
        losses: Float32Array.from([1, ...results.losses]).subarray(1),
      });
      const shifted = Buffer.concat([Buffer.alloc(offset), encoded]).subarray(offset);
      expect(decodePerImage(shifted)).toEqual(results);
    }),
  );
});
