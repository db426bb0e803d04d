import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { z } from 'zod';
import { jobId, jobLabel, jobSchema, type Job } from '../../src/jobs/job';
import { MEASURE_DEFAULTS, measureId, measureSchema, type Measure } from '../../src/jobs/measure';
import {
  maxEpochs,
  networkContent,
  TRAINING_DEFAULTS,
  trainingId,
  trainingSchema,
  type Minimizer,
  type Training,
} from '../../src/jobs/training';
import { anyJob, anyMeasure, anyTraining, rekeyed } from '../helpers/jobs';

/** Names of the fields of an object's schema that may be left out. */
function optionalFields(schema: unknown): string[] {
  const { shape } = schema as z.ZodObject;
  return Object.keys(shape).filter((key) => shape[key].safeParse(undefined).success);
}

/** Every way to change one number, flag or text of a JSON value. */
function changes(value: unknown): unknown[] {
  if (typeof value === 'number') return [value + 1, value * (1 + 2 ** -40) || 2 ** -40];
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'string') return [`${value}x`];
  if (Array.isArray(value)) {
    const spliced = (at: number, ...others: unknown[]) => [
      ...value.slice(0, at),
      ...others,
      ...value.slice(at + 1),
    ];
    return value.flatMap((member, at) => [
      ...changes(member).map((other) => spliced(at, other)),
      spliced(at),
    ]);
  }
  return Object.entries(value as object).flatMap(([key, member]) =>
    changes(member).map((other) => ({ ...(value as object), [key]: other })),
  );
}

/** Another place in the same training. */
const otherPlace = ({ at }: Minimizer) => ({ step: typeof at === 'object' ? at.step + 1 : 1 });

const without = <T extends object>(value: T, key: string): T =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)) as T;

describe('the id of a job', () => {
  test('does not depend on the order of keys, nor on JSON in between', () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        const copy = jobSchema.parse(rekeyed(JSON.parse(JSON.stringify(job))));
        expect(jobId(copy)).toBe(jobId(job));
      }),
    );
  });

  test('of a training is the same with a field at its default as without the field', () => {
    const fields = optionalFields(trainingSchema);
    expect(fields).toEqual([
      ...['format', 'schedule', 'scheduleEpochs', 'until', 'augment', 'batchOrder', 'conservative'],
      ...['adversarial', 'start'],
    ]);
    fc.assert(
      fc.property(anyTraining, fc.constantFrom(...fields), (training, field) => {
        const bare = without(training, field);
        const defaults: Readonly<Record<string, unknown>> = {
          ...TRAINING_DEFAULTS,
          scheduleEpochs: maxEpochs(training),
        };
        expect(trainingId({ ...bare, [field]: defaults[field] })).toBe(trainingId(bare));
      }),
    );
  });

  test('of a training is the same with a dropout of 0 as without, and in the training that it starts from', () => {
    fc.assert(
      fc.property(anyTraining, anyTraining, (training, other) => {
        const layers = training.network.layers.map((layer) => without(layer, 'dropout'));
        const bare = { ...training, network: { layers } };
        const explicit = { ...bare, network: { layers: layers.map((layer) => ({ ...layer, dropout: 0 })) } };
        expect(trainingId(explicit)).toBe(trainingId(bare));
        expect(trainingId({ ...bare, network: networkContent(explicit.network) })).toBe(trainingId(bare));
        const warm = (from: Training): Training => ({ ...other, start: { training: from, at: 'end' } });
        expect(trainingId(warm(explicit))).toBe(
          trainingId({ ...other, start: { training: { ...bare, augment: bare.augment ?? false } } }),
        );
      }),
      { numRuns: 30 },
    );
  });

  test('of a measure is the same with a field at its default as without the field', () => {
    const { options } = measureSchema as unknown as { options: z.ZodObject[] };
    const fieldsOf = (kind: string) =>
      optionalFields(options.find(({ shape }) => shape.kind.safeParse(kind).success)!);
    const tried = new Set<string>();
    fc.assert(
      fc.property(anyMeasure, fc.nat(), (measure, at) => {
        const fields = fieldsOf(measure.kind);
        const field = fields[at % fields.length];
        tried.add(`${measure.kind}.${field}`);
        const bare = without(measure, field);
        const defaults: Readonly<Record<string, unknown>> = MEASURE_DEFAULTS[measure.kind];
        expect(measureId({ ...bare, [field]: defaults[field] } as Measure)).toBe(measureId(bare));

        const from0 = (images: Measure['images']) => ({ ...images, from: images.from ?? 0 });
        const explicit = {
          ...measure,
          of: measure.of.map(({ training, at: place }): Minimizer => ({ training, at: place ?? 'end' })),
          images: from0(measure.images),
          ...(measure.kind === 'path' && { testImages: from0(measure.testImages) }),
        };
        expect(measureId(explicit)).toBe(measureId(measure));
      }),
      { numRuns: 500 },
    );
    // Each kind has a split and statistics, some more; only a dimension has no default.
    expect([...tried].sort()).toEqual(
      Object.keys(MEASURE_DEFAULTS)
        .flatMap((kind) => fieldsOf(kind).map((field) => `${kind}.${field}`))
        .sort(),
    );
    for (const [kind, defaults] of Object.entries(MEASURE_DEFAULTS)) {
      expect(
        fieldsOf(kind)
          .filter((field) => field !== 'dimension')
          .sort(),
      ).toEqual(Object.keys(defaults).sort());
    }
  });

  test('changes with every value of a training, and of the one that it starts from', () => {
    fc.assert(
      fc.property(anyTraining, (training) => {
        const { start, ...own } = training;
        const others = changes(own).map((other) => ({ ...(other as Training), start }));
        if (typeof start === 'object') {
          const starts = changes(start.training) as Training[];
          others.push(...starts.map((from) => ({ ...training, start: { ...start, training: from } })));
          others.push({ ...training, start: { ...start, at: otherPlace(start) } });
        }
        expect(others.length).toBeGreaterThan(30);
        const id = trainingId(training);
        for (const other of others) expect(trainingId(other)).not.toBe(id);
      }),
      { numRuns: 15 },
    );
  });

  test('changes with every value of a measure', () => {
    fc.assert(
      fc.property(anyMeasure, (measure) => {
        const { of, kind, ...own } = measure;
        const id = measureId(measure);
        for (const other of changes(own)) {
          expect(measureId({ ...(other as object), of, kind } as Measure)).not.toBe(id);
        }
        for (const [index, minimizer] of of.entries()) {
          const { training } = minimizer;
          const other = { ...minimizer, training: { ...training, seed: training.seed + 1 } };
          for (const one of [other, { ...minimizer, at: otherPlace(minimizer) }]) {
            const changed = of.map((same, at) => (at === index ? one : same));
            expect(measureId({ ...measure, of: changed })).not.toBe(id);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  test('of a training does not depend on the snapshots that are wanted, so that it is never under way twice', () => {
    fc.assert(
      fc.property(anyTraining, (train) => {
        expect(jobId({ train, snapshots: [1, 2] })).toBe(jobId({ train }));
      }),
      { numRuns: 10 },
    );
  });
});

// These ids must never change: stores of users are addressed by them, and what is stored under another id is computed
// again, which takes days. A new field of a job needs a default that is what was there before. Where the program comes to
// give other results for the same job, raise Training.format, and add entries here; never edit those that are there.
describe('the ids that were given once', () => {
  const pinned = JSON.parse(readFileSync(join(__dirname, '../../fixtures/job-ids.json'), 'utf8')) as {
    label: string;
    id: string;
    job: Job;
  }[];

  test.each(pinned)('$label', ({ label, id, job }) => {
    const parsed = jobSchema.parse(job);
    expect(jobId(parsed)).toBe(id);
    expect(jobLabel(parsed)).toBe(label);
  });

  test('hold for fields that are left out, since defaults never change either', () => {
    expect(TRAINING_DEFAULTS).toEqual({
      format: 1,
      schedule: 'constant',
      augment: false,
      batchOrder: 0,
      start: 'seed',
    });
    const common = { split: 'train', statistics: 'recomputed' };
    expect(MEASURE_DEFAULTS).toEqual({
      evaluation: common,
      curve: { ...common, normalization: 'filter' },
      phi: { ...common, space: 'full', orthonormal: false, batchNorm: 'batch' },
      sam: { ...common, adaptive: false },
      eigenvalue: common,
      trace: common,
      noise: common,
      path: { ...common, path: 'straight', pathStatistics: 'recomputed' },
    });
  });

  test('are of all that there is', () => {
    expect(pinned.length).toBeGreaterThanOrEqual(7);
    expect(new Set(pinned.map(({ id }) => id)).size).toBe(pinned.length);
  });
});
