import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { jobId, jobSchema, type Job } from '../../../src/jobs/job';
import { architectureOf, trainingId } from '../../../src/jobs/training';
import { datasetsOf, plannedRuns, sweepJobs } from '../../../src/studies/sweep/jobs';
import { parsePlan, planSchema, type Plan } from '../../../src/studies/sweep/plan';
import { anyPlan, planSetup, tinyPlan } from '../../helpers/sweeps';

const runsOf = (plan: Plan) => plannedRuns(planSetup(plan));
const jobsOf = (plan: Plan) => sweepJobs(planSetup(plan));
const idsOf = (plan: Plan) => new Set(jobsOf(plan).map(jobId));
const measuresIn = (jobs: readonly Job[]) => jobs.flatMap((job) => ('measure' in job ? [job.measure] : []));

describe('the runs of a plan', () => {
  test('are every network, batch size, seed and protocol with each other, whole curves first', () => {
    const runs = runsOf(
      tinyPlan({
        networks: ['SimpleVGG', 'C1'],
        batchSizes: [8, 16, 24],
        seeds: [1, 2],
        protocols: [
          { name: 'sgd', optimizer: { kind: 'sgd' }, learningRate: 0.01, epochs: 3 },
          { name: 'adam', optimizer: { kind: 'adam' }, learningRate: 0.001, epochs: 3 },
        ],
      }),
    );
    expect(new Set(runs.map(({ training }) => trainingId(training))).size).toBe(2 * 3 * 2 * 2);
    expect(
      runs
        .slice(0, 7)
        .map(({ network, protocol, training: { batchSize, seed } }) => [seed, network, protocol, batchSize]),
    ).toEqual([
      [1, 'SimpleVGG', 'sgd', 8],
      [1, 'SimpleVGG', 'sgd', 16],
      [1, 'SimpleVGG', 'sgd', 24],
      [1, 'SimpleVGG', 'adam', 8],
      [1, 'SimpleVGG', 'adam', 16],
      [1, 'SimpleVGG', 'adam', 24],
      [1, 'C1', 'sgd', 8],
    ]);
    for (const { network, training } of runs) expect(architectureOf(training).name).toBe(network);
  });

  test.each([
    ['{}', { patience: 5, improvement: 0.01 }, 200],
    ['{ patience: 3, improvement: .1, epochs: 90 }', { patience: 3, improvement: 0.1 }, 90],
    ['{ loss: .01 }', { loss: 0.01 }, 200],
  ])('end by the rule %s', (rule, until, epochs) => {
    const text =
      'name: one\nnetworks: [C1]\nbatchSizes: [16]\nseeds: [1]\ntrainSize: 64\nprotocols:\n' +
      `  - { name: sgd, optimizer: { kind: sgd }, learningRate: .01, until: ${rule} }\n`;
    const [{ training }] = runsOf(parsePlan(text, 'SWEEP.yaml'));
    expect(training).toMatchObject({ until, stopAfter: { epochs } });
  });

  test.each([
    ['sqrt', [0.005, 0.01, 0.02]],
    ['linear', [0.0025, 0.01, 0.04]],
  ])('have a learning rate that is scaled by the rule %s', (rule, rates) => {
    const protocol = {
      name: 'scaled',
      optimizer: { kind: 'sgd' },
      learningRate: 0.01,
      scaling: { rule, from: 64 },
      epochs: 1,
    };
    const runs = runsOf(tinyPlan({ trainSize: 512, batchSizes: [16, 64, 256], protocols: [protocol] }));
    expect(runs.map(({ training }) => training.learningRate)).toEqual(rates);
  });

  test('take the first trainSize images of the data set of their network', () => {
    const plan = tinyPlan({ networks: ['SimpleVGG', 'F1', 'C3'], trainSize: 1000 });
    expect(datasetsOf(plan)).toEqual(['cifar10', 'mnist', 'cifar100']);
    expect(datasetsOf(tinyPlan({ networks: ['C4', 'C1', 'C2', 'C3'] }))).toEqual(['cifar100', 'cifar10']);
    const { data } = planSetup(plan);
    expect(runsOf(plan).map(({ training }) => training.data)).toEqual(
      [data.cifar10!, data.mnist!, data.cifar100!].map(({ train, test }) => ({ train, test, images: 1000 })),
    );
  });
});

describe('the jobs of a plan', () => {
  test('can all be run, as values that went through JSON', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        for (const job of jobsOf(plan)) expect(jobSchema.parse(JSON.parse(JSON.stringify(job)))).toEqual(job);
      }),
      { numRuns: 30 },
    );
  });

  test('do not depend on the order and the names in the plan', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const shuffled = planSchema.parse({
          ...plan,
          name: 'other-name',
          networks: [...plan.networks].reverse(),
          batchSizes: [...plan.batchSizes].reverse(),
          seeds: [...plan.seeds].reverse(),
          protocols: plan.protocols.map((protocol, index) => ({ ...protocol, name: `renamed-${index}` })),
          measures: [...plan.measures].reverse(),
        });
        expect(idsOf(shuffled)).toEqual(idsOf(plan));
      }),
      { numRuns: 20 },
    );
  });

  test('stay when seeds, measures or directions are added', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const more = idsOf(
          planSchema.parse({
            ...plan,
            seeds: [...plan.seeds, 12_345_678],
            measures: [
              ...plan.measures.map((measure) =>
                measure.kind === 'rise' ? { ...measure, directions: measure.directions + 2 } : measure,
              ),
              { kind: 'trace', samples: 7 },
            ],
          }),
        );
        for (const id of idsOf(plan)) expect(more).toContain(id);
      }),
      { numRuns: 20 },
    );
  });

  test('differ in the test evaluation alone where testSize does', () => {
    const [few, many] = [16, 32].map((testSize) => jobsOf(tinyPlan({ testSize })));
    const differing = few.filter((job, index) => jobId(job) !== jobId(many[index]));
    expect(measuresIn(differing)).toMatchObject([{ kind: 'evaluation', split: 'test', images: { to: 16 } }]);
    expect(differing).toHaveLength(1);
  });

  test('are an evaluation and a curve for each direction where the plan has a rise', () => {
    const plan = tinyPlan({
      measures: [{ kind: 'rise', directions: 2, alphas: [-1, 0, 0.5], normalization: 'layer', images: 16 }],
    });
    const [whole, tested, atMinimizer, ...curves] = measuresIn(jobsOf(plan));
    expect(whole).toMatchObject({ kind: 'evaluation', split: 'train', images: { to: 48 } });
    expect(tested).toMatchObject({ kind: 'evaluation', split: 'test', images: { to: 16 } });
    expect(atMinimizer).toMatchObject({ kind: 'evaluation', split: 'train', images: { to: 16 } });
    expect(curves).toEqual(
      [3000, 3001].map((directionSeed) => ({
        kind: 'curve',
        of: whole.of,
        images: { to: 16 },
        directionSeed,
        normalization: 'layer',
        alphas: [-1, 0.5],
      })),
    );
  });

  test('share the evaluation of all training images with a rise over all of them', () => {
    const jobs = jobsOf(tinyPlan({ measures: [{ kind: 'rise', directions: 1 }] }));
    expect(jobs).toHaveLength(5);
    expect(new Set(jobs.map(jobId)).size).toBe(4);
  });

  test.each<[object, object]>([
    [{ kind: 'keskar' }, { kind: 'phi', space: 'full', epsilon: 1e-3 }],
    [
      { kind: 'keskar', space: 'subspace', epsilon: 5e-4 },
      { kind: 'phi', space: 'subspace', epsilon: 5e-4, dimension: 100 },
    ],
    [{ kind: 'sam' }, { kind: 'sam', adaptive: false, rho: 0.05 }],
    [
      { kind: 'sam', adaptive: true },
      { kind: 'sam', adaptive: true, rho: 0.5 },
    ],
    [
      { kind: 'sam', rho: 0.1 },
      { kind: 'sam', adaptive: false, rho: 0.1 },
    ],
    [{ kind: 'eigenvalue' }, { kind: 'eigenvalue' }],
    [{ kind: 'trace' }, { kind: 'trace', samples: 20 }],
    [
      { kind: 'noise', batchSize: 4 },
      { kind: 'noise', batchSize: 4, batches: 10 },
    ],
  ])('measure %j as %j on all training images', (planned, expected) => {
    const measures = measuresIn(jobsOf(tinyPlan({ measures: [planned] })));
    const { of, images, ...own } = measures[2];
    expect(own).toEqual(expected);
    expect([of.length, images]).toEqual([1, { to: 48 }]);
  });
});
