/** How the learning rate goes on: down to 0 along a cosine, or not at all. */
export type Schedule = 'cosine' | 'constant';

/**
 * The learning rate of an epoch.
 *
 * @param base that of the first epoch.
 * @param epoch from 0 to epochs − 1.
 */
export function learningRateAt(schedule: Schedule, base: number, epoch: number, epochs: number): number {
  return schedule === 'cosine' ? cosineAnnealing(base, epoch, epochs) : base;
}

/**
 * Learning rate of each epoch under cosine annealing to 0, stepped once an epoch (Loshchilov & Hutter 2017;
 * PyTorch's CosineAnnealingLR with T_max = epochs).
 *
 * @param epoch from 0 to epochs − 1.
 */
export function cosineAnnealing(base: number, epoch: number, epochs: number): number {
  return (base * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
}

/** The small batch's learning rate scaled by the square root of the ratio of batch sizes (Krizhevsky 2014). */
export function squareRootScaled(learningRate: number, smallBatch: number, largeBatch: number): number {
  return learningRate * Math.sqrt(largeBatch / smallBatch);
}
