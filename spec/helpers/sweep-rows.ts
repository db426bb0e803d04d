import type { Evaluation } from '../../src/training/evaluate';
import { trainingId, type Training } from '../../src/jobs/training';
import { plannedRuns } from '../../src/studies/sweep/jobs';
import { measuresOf, type Plan } from '../../src/studies/sweep/plan';
import { sweepReport, type SweepReport } from '../../src/studies/sweep/report/report';
import type { Row } from '../../src/studies/sweep/rows';
import { ENVIRONMENT } from './environment';
import { planSetup, tinyPlan } from './sweeps';

/** What a run came to. */
interface Outcome {
  readonly loss: number;
  readonly accuracy: number;
  readonly testAccuracy: number;
  readonly eigenvalue: number;
}

export const USUAL_OUTCOME: Outcome = { loss: 0.01, accuracy: 1, testAccuracy: 0.7, eigenvalue: 3 };

/** The rows of a plan, as if its runs had come to this; one that comes to nothing has diverged. */
export function rowsOf(plan: Plan, outcome: (training: Training) => Partial<Outcome> | undefined): Row[] {
  const measures = measuresOf(plan);
  const found = <Figures>(figures: Figures) => ({ figures, environments: [ENVIRONMENT] });
  const evaluation = (loss: number, accuracy: number): Evaluation => ({
    loss,
    accuracy,
    lossStandardError: 0,
  });
  return plannedRuns(planSetup(plan)).map((run): Row => {
    const row = { ...run, id: trainingId(run.training) };
    const given = outcome(run.training);
    if (!given) return { ...row, state: 'diverged', measures: measures.map((measure) => ({ measure })) };
    const { loss, accuracy, testAccuracy, eigenvalue } = { ...USUAL_OUTCOME, ...given };
    return {
      ...row,
      state: 'done',
      end: found({
        distanceFromStart: 1,
        weightsSha256: '',
        steps: 1,
        history: [{ epoch: 1, learningRate: 0.01, trainingModeLoss: 1 }],
      }),
      train: found(evaluation(loss, accuracy)),
      test: found(evaluation(1, testAccuracy)),
      measures: measures.map((measure) => ({
        measure,
        found: found({ value: eigenvalue, standardError: NaN, details: {} }),
      })),
    };
  });
}

/** A sweep whose eigenvalue and training loss grow with batch size, and of which one run does not count. */
export function exampleSweep(): SweepReport {
  const plan = tinyPlan({
    networks: ['C1'],
    batchSizes: [10, 20, 40, 80, 160, 320],
    seeds: [1, 2, 3],
    trainSize: 400,
    measures: [{ kind: 'eigenvalue', images: 16 }],
  });
  const rows = rowsOf(plan, ({ batchSize, seed }) => ({
    eigenvalue: Math.max(40, batchSize) * (1 + ((batchSize * seed) % 7) / 20),
    loss: batchSize === 20 && seed === 2 ? 0.2 : batchSize / 1e4,
  }));
  return sweepReport({ plan, planFile: 'plan.yaml' }, rows);
}
