import type { Work } from '../experiment/cost';
import type { Job } from './job';
import { imagesOfMeasure } from './measure';
import type { WorkLeft } from './results';

/**
 * Images that have to pass through the network for what is left of a job: at most so many where training ends by a rule.
 * Passes that take a gradient count as training.
 */
export function workOf({ training: { epochs, trainSize, testSize } }: Job, left: WorkLeft): Work {
  // Evaluated at the end of training, and with batch norm's statistics computed anew.
  const ends = left.training ? 2 * (trainSize + testSize) + trainSize : 0;
  const work = { training: left.training ? epochs * trainSize : 0, evaluation: ends };
  for (const measure of left.measures) {
    work[measure.kind === 'rise' ? 'evaluation' : 'training'] += imagesOfMeasure(measure);
  }
  return work;
}
