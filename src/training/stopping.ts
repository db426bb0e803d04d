/** When a training ends before its last epoch. */
export type StoppingRule = StallingRule | TargetRule;

/** Where the loss counts as having ceased to improve. */
interface StallingRule {
  /** Epochs without improvement after which training ends. */
  readonly patience: number;
  /** Share of the lowest loss so far by which an epoch must be lower to count, in [0, 1). */
  readonly improvement: number;
}

/** Where the loss is low enough: trainings of all batch sizes can end at one loss, in as many epochs as each takes. */
interface TargetRule {
  /** Mean loss of an epoch's steps, in nats, at or below which training ends. */
  readonly loss: number;
}

/**
 * Whether a rule says that training ends here.
 *
 * @param losses one an epoch, in nats.
 */
export function endsTraining(losses: readonly number[], rule: StoppingRule): boolean {
  return 'loss' in rule
    ? losses.length > 0 && losses[losses.length - 1] <= rule.loss
    : hasStalled(losses, rule);
}

/**
 * Whether training has ceased to improve: none of the last `patience` epochs has brought the loss down by a share of
 * `improvement` below what was the lowest loss that counted before it.
 *
 * @param losses one an epoch, in nats.
 */
export function hasStalled(losses: readonly number[], { patience, improvement }: StallingRule): boolean {
  let lowest = Infinity;
  let since = 0;
  for (const loss of losses) {
    since++;
    if (loss < lowest * (1 - improvement)) [lowest, since] = [loss, 0];
  }
  return since >= patience;
}
