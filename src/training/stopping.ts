/** When the loss counts as having ceased to improve. */
export interface StoppingRule {
  /** Epochs without improvement after which training ends. */
  readonly patience: number;
  /** Share of the lowest loss so far by which an epoch must be lower to count, in [0, 1). */
  readonly improvement: number;
}

/**
 * Whether training has ceased to improve: none of the last `patience` epochs has brought the loss down by a share of
 * `improvement` below what was the lowest loss that counted before it.
 *
 * @param losses one an epoch, in nats.
 */
export function hasStalled(losses: readonly number[], { patience, improvement }: StoppingRule): boolean {
  let lowest = Infinity;
  let since = 0;
  for (const loss of losses) {
    since++;
    if (loss < lowest * (1 - improvement)) [lowest, since] = [loss, 0];
  }
  return since >= patience;
}
