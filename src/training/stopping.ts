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
export interface TargetRule {
  /** Of the training images at an epoch's end, in nats, at or below which training ends. */
  readonly loss: number;
}

/** What rules look at of an epoch, in nats. */
export interface EpochLosses {
  /** Mean of the steps, each before its own. */
  readonly trainingModeLoss: number;
  /** Of the training images at the epoch's end; missing where it was not looked at. */
  readonly trainingLoss?: number;
}

/** Whether a rule says that training ends behind these epochs. */
export function endsTraining(epochs: readonly EpochLosses[], rule: StoppingRule): boolean {
  if (isTarget(rule))
    return epochs.length > 0 && (epochs[epochs.length - 1].trainingLoss ?? NaN) <= rule.loss;
  return hasStalled(
    epochs.map(({ trainingModeLoss }) => trainingModeLoss),
    rule,
  );
}

/**
 * Whether the rule asks for the loss of the training images behind an epoch. The mean of the steps would not do: it is
 * of weights all along the epoch, which are the farther from the last the more steps there are, and of none behind the
 * last step.
 *
 * @param trainingModeLoss of that epoch, in nats: one far above the target saves the look.
 */
export function asksForTrainingLoss(
  rule: StoppingRule | undefined,
  trainingModeLoss: number,
): rule is TargetRule {
  return rule !== undefined && isTarget(rule) && trainingModeLoss <= NEAR * rule.loss;
}

/** How many times the target an epoch's mean may be for its end to be looked at. */
const NEAR = 10;

function isTarget(rule: StoppingRule): rule is TargetRule {
  return 'loss' in rule;
}

/**
 * Whether training has ceased to improve: none of the last `patience` epochs has brought the loss down by a share of
 * `improvement` below what was the lowest loss that counted before it.
 */
function hasStalled(losses: readonly number[], { patience, improvement }: StallingRule): boolean {
  let lowest = Infinity;
  let since = 0;
  for (const loss of losses) {
    since++;
    if (loss < lowest * (1 - improvement)) [lowest, since] = [loss, 0];
  }
  return since >= patience;
}
