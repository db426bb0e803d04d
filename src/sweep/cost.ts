import type { Work } from '../experiment/cost';
import type { Job } from './job';
import { imagesOfMeasure } from './measure';
import type { WorkLeft } from './results';

/**
 * Images that have to pass through the network for what is left of a job: at most so many where training ends by a rule.
 * Passes that take a gradient count as training.
 */
export function workOf({ training: { epochs, trainSize, testSize } }: Job, left: WorkLeft): Work {
  // Batch norm's statistics computed anew, both splits evaluated with them, and the test images at the end of training.
  const ends = left.training ? 2 * (trainSize + testSize) : 0;
  const work = { training: left.training ? epochs * trainSize : 0, evaluation: ends };
  for (const measure of left.measures) {
    work[measure.kind === 'rise' ? 'evaluation' : 'training'] += imagesOfMeasure(measure);
  }
  return work;
}
