import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../src/sweep/canonical';
import { jobSchema, measureId, trainingId, type Job } from '../../src/sweep/job';
import { expandPlan, planSchema, type Plan } from '../../src/sweep/plan';
import { anyPlan, jobId, SETTING } from '../helpers/sweeps';

/** A JSON value with the keys of all its objects in another order. */
function rekeyed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rekeyed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, rekeyed(member)]),
  );
}

/** Every way to change one number, flag or text of a JSON value. */
function changes(value: unknown): unknown[] {
  if (typeof value === 'number') return [value + 1, value * (1 + 2 ** -40) || 2 ** -40];
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'string') return [`${value}x`];
  if (value === null) return [0];
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

const jobsOf = (plan: Plan) => expandPlan(plan, SETTING).map(({ job }) => job);

describe('the canonical text', () => {
  test('is JSON of the same value, and the same in whatever order keys were written', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value as never);
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(text)).toEqual(plain);
        expect(canonicalJson(rekeyed(plain) as never)).toBe(text);
      }),
    );
  });
});

describe("a job's address", () => {
  test('is the same whichever plan the job comes from, in whatever order and by whatever names', () => {
    fc.assert(
      fc.property(anyPlan, anyPlan, (one, other) => {
        const shuffled = {
          ...one,
          name: 'other-name',
          networks: [...one.networks].reverse(),
          batchSizes: [...one.batchSizes].reverse(),
          seeds: [...one.seeds, 12_345_678].reverse(),
          protocols: one.protocols.map((protocol, at) => ({ ...protocol, name: `renamed-${at}` })),
          measures: [...one.measures].reverse(),
        };
        const ids = new Set(jobsOf(planSchema.parse(shuffled)).map(jobId));
        for (const job of jobsOf(one)) expect(ids).toContain(jobId(job));
        for (const job of [...jobsOf(one), ...jobsOf(other)]) {
          expect(jobId(jobSchema.parse(rekeyed(JSON.parse(JSON.stringify(job)))))).toBe(jobId(job));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('changes with any value that decides figures', () => {
    fc.assert(
      fc.property(anyPlan, fc.nat(), (plan, at) => {
        const jobs = jobsOf(plan);
        const job = jobs[at % jobs.length];
        const trainings = changes(job.training) as Job['training'][];
        expect(trainings.length).toBeGreaterThan(15);
        const ids = [job.training, ...trainings].map(trainingId);
        // Two ways to change a number may come to the same value, but none to the job's own.
        for (const id of ids.slice(1)) expect(id).not.toBe(ids[0]);
        for (const training of trainings) expect(jobId({ ...job, training })).not.toBe(jobId(job));
        for (const measure of job.measures) {
          for (const other of changes(measure) as Job['measures']) {
            expect(measureId(other)).not.toBe(measureId(measure));
          }
        }
        for (const measures of changes(job.measures) as Job['measures'][]) {
          expect(jobId({ ...job, measures })).not.toBe(jobId(job));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('of its training stays when measures are added, so that nothing is trained again', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const fewer = planSchema.parse({ ...plan, measures: plan.measures.slice(1) });
        expect(jobsOf(fewer).map(({ training }) => trainingId(training))).toEqual(
          jobsOf(plan).map(({ training }) => trainingId(training)),
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe('the schema of jobs', () => {
  const [job] = jobsOf(
    planSchema.parse({
      name: 'one',
      networks: ['SimpleVGG'],
      batchSizes: [16],
      seeds: [1],
      trainSize: 64,
      protocols: [{ name: 'sgd', optimizer: { kind: 'sgd' }, learningRate: 0.01, epochs: 1 }],
      measures: [{ kind: 'keskar' }],
    }),
  );
  const withTraining = (more: object) => ({ ...job, training: { ...job.training, ...more } });

  test.each<[string, unknown]>([
    ['more than it knows', { ...job, command: 'rm' }],
    ['more in its training', withTraining({ out: '/etc/passwd' })],
    ['a path for a network', withTraining({ network: '../C1' })],
    ['a batch larger than its data', withTraining({ batchSize: 65 })],
    ['an image alone', withTraining({ batchSize: 63 })],
    ['more images than there are', withTraining({ trainSize: 50_001 })],
    ['endless epochs', withTraining({ epochs: Infinity })],
    ['another format', withTraining({ format: 2 })],
    ['no hash for its data', withTraining({ data: { train: 'any', test: 'any' } })],
    ['a measure over too many images', { ...job, measures: [{ ...job.measures[0], images: 65 }] }],
    ['a subspace of no dimension', { ...job, measures: [{ ...job.measures[0], space: 'subspace' }] }],
    ['no value at all', null],
  ])('refuses one with %s', (_, value) => {
    expect(jobSchema.safeParse(job).success).toBe(true);
    expect(jobSchema.safeParse(value).success).toBe(false);
  });
});
