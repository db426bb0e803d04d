import type { Row } from '../../src/sweep/collect';
import { trainingId, type SweepTraining } from '../../src/sweep/job';
import { expandPlan, type Plan } from '../../src/sweep/plan';
import { sweepReport, type SweepReport } from '../../src/sweep/report/report';
import { ENVIRONMENT } from './environment';
import { SETTING, tinyPlan } from './sweeps';

/** What a run came to. */
interface Outcome {
  readonly loss: number;
  readonly accuracy: number;
  readonly testAccuracy: number;
  readonly eigenvalue: number;
}

export const USUAL_OUTCOME: Outcome = { loss: 0.01, accuracy: 1, testAccuracy: 0.7, eigenvalue: 3 };

/** The rows of a plan, as if its runs had come to this; one that comes to nothing has diverged. */
export function rowsOf(of: Plan, outcome: (training: SweepTraining) => Partial<Outcome> | undefined): Row[] {
  return expandPlan(of, SETTING).map(({ protocol, job: { training, measures } }): Row => {
    const row = { id: trainingId(training), protocol, training, environment: ENVIRONMENT };
    const given = outcome(training);
    if (!given) return { ...row, state: 'diverged', measures: measures.map((measure) => ({ measure })) };
    const { loss, accuracy, testAccuracy, eigenvalue } = { ...USUAL_OUTCOME, ...given };
    return {
      ...row,
      state: 'done',
      trained: {
        train: { loss, accuracy, lossStandardError: 0 },
        test: { loss: 1, accuracy: testAccuracy, lossStandardError: 0 },
        distanceFromStart: 1,
        weightsSha256: '',
        history: [{ epoch: 1, learningRate: 0.01, trainingModeLoss: 1, test: null }],
      },
      measures: measures.map((measure) => ({
        measure,
        figures: { value: eigenvalue, standardError: NaN, details: {} },
        environment: ENVIRONMENT,
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
  return sweepReport(plan, rows, 'plan.yaml');
}
