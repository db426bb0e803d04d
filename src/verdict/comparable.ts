import { short, singleNumbers, type Claim } from './claim';
import { meanInterval } from './interval';

/** Loss in nats and accuracy of a run over its whole training set, in evaluation mode. */
export interface TrainingEnd {
  readonly loss: number;
  readonly accuracy: number;
}

/** Where a seed's two runs ended. */
export interface TrainingEnds {
  readonly seed: number;
  readonly smallBatch: TrainingEnd;
  readonly largeBatch: TrainingEnd;
}

/** What counts as having converged, and to the same loss. */
const CONVERGED_ACCURACY = 0.99;
const COMPARABLE_LOSS_NATS = 0.05;

/**
 * Whether the runs of every seed ended at training losses that can be compared: both at 99% training accuracy
 * or more, and within 0.05 nats of each other. The estimate is the mean over seeds of LB's loss less SB's.
 */
export function comparableTrainingLoss(seeds: readonly TrainingEnds[]): Claim {
  const failing = seeds.find(({ smallBatch, largeBatch }) => !areComparable(smallBatch, largeBatch));
  const differences = seeds.map(({ smallBatch, largeBatch }) => largeBatch.loss - smallBatch.loss);
  const { mean, low, high, n } = meanInterval(differences);
  const percent = (share: number) => `${(100 * share).toFixed(2)}%`;
  const words = ({ seed, smallBatch, largeBatch }: TrainingEnds) =>
    `${seeds.length > 1 ? `seed ${seed}: ` : ''}training accuracy SB ${percent(smallBatch.accuracy)}, ` +
    `LB ${percent(largeBatch.accuracy)}; training loss SB ${short(smallBatch.loss)}, LB ${short(largeBatch.loss)} nats`;
  return {
    id: 'comparable-training-loss',
    statement: 'Both runs end at 99% training accuracy or more and within 0.05 nats of each other.',
    verdict: failing ? 'FAIL' : 'PASS',
    reason: failing ? words(failing) : seeds.map(words).join('; '),
    estimate: mean,
    interval: n > 1 ? [low, high] : [NaN, NaN],
    n,
    over: 'seeds',
    unit: 'nats',
    band: [-COMPARABLE_LOSS_NATS, COMPARABLE_LOSS_NATS],
    shownBy: 'The runs',
    bySeed: singleNumbers(seeds, differences),
  };
}

/** Whether two runs ended at training losses that can be compared; a run can be compared with itself if it converged. */
export function areComparable(one: TrainingEnd, other: TrainingEnd): boolean {
  return (
    Math.min(one.accuracy, other.accuracy) >= CONVERGED_ACCURACY &&
    Math.abs(other.loss - one.loss) <= COMPARABLE_LOSS_NATS
  );
}
