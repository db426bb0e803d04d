import { expect, test } from '@jest/globals';
import { jobId } from '../../src/jobs/job';
import { trainingId } from '../../src/jobs/training';
import { comparisonJobs, regimeTraining } from '../../src/studies/comparison/jobs';
import { comparisonOf, settingsOf } from '../../src/studies/comparison/settings';
import { regimeTraining as paperTraining } from '../../src/studies/paper/jobs';
import { paperSettingsOf } from '../../src/studies/paper/settings';
import { plannedRuns } from '../../src/studies/sweep/jobs';
import { parsePlan } from '../../src/studies/sweep/plan';
import { ENVIRONMENT } from '../helpers/environment';

// One store serves all studies: what one has done has the same id for the others.

const cifar10 = { train: '1'.repeat(64), test: '2'.repeat(64), trainImages: 50_000, testImages: 10_000 };
const setup = <Settings>(settings: Settings) => ({
  settings,
  engine: { name: 'wasm', version: '1' } as const,
  data: { cifar10 },
  environment: ENVIRONMENT,
});
const sweep = (text: string) =>
  plannedRuns(setup({ plan: parsePlan(text, 'plan.yaml'), planFile: 'plan.yaml' })).map(({ training }) =>
    trainingId(training),
  );

test("a sweep with the paper's protocol has the trainings of the paper study", () => {
  const paper = setup({ settings: paperSettingsOf('scaled', 42, { seeds: 1 }) });
  const trainings = (['SB', 'LB'] as const).map((regime) =>
    trainingId(paperTraining(paper, 'C1', regime, 42)),
  );
  expect(
    sweep(`name: paper
networks: [C1]
batchSizes: [26, 500]
seeds: [42]
trainSize: 5000
protocols: [{ name: adam, optimizer: { kind: adam }, learningRate: 0.001, until: { patience: 5, improvement: 0.01, epochs: 200 } }]
`),
  ).toEqual(trainings);
});

test('a sweep with the protocol of a preset has the trainings of the experiment', () => {
  const experiment = setup(comparisonOf(settingsOf('quick', 42, {})));
  expect(
    sweep(`name: quick
networks: [SimpleVGG]
batchSizes: [64]
seeds: [42]
trainSize: 12500
protocols: [{ name: sgd, optimizer: { kind: sgd }, learningRate: 0.01, schedule: cosine, epochs: 15 }]
`),
  ).toEqual([trainingId(regimeTraining(experiment, 'SB', 42))]);
});

test('the control and the table of sensitivity rest on the trainings of the experiment', () => {
  const settings = settingsOf('quick', 42, {});
  const ids = (parts: Parameters<typeof comparisonOf>[1]) =>
    new Set(comparisonJobs(setup(comparisonOf(settings, parts))).map(jobId));
  const experiment = ids({});
  const fresh = (parts: Parameters<typeof comparisonOf>[1]) =>
    comparisonJobs(setup(comparisonOf(settings, parts)))
      .filter((job) => 'train' in job)
      .map(jobId)
      .filter((id) => !experiment.has(id));
  expect(fresh({ parts: ['control'] })).toHaveLength(1);
  expect(fresh({ parts: ['sensitivity'] })).toEqual([]);
  const more = comparisonJobs(setup(comparisonOf({ ...settings, directions: 8 }))).map(jobId);
  expect([...experiment].every((id) => more.includes(id))).toBe(true);
});
