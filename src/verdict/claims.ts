import { meanInterval } from './interval';

export type Verdict = 'PASS' | 'FAIL' | 'INCONCLUSIVE';

/** Something that the data can bear out or contradict. */
export interface Claim {
  readonly id: string;
  readonly statement: string;
  readonly verdict: Verdict;
  /** Why the verdict is what it is, in a sentence. */
  readonly reason: string;
  /** In the claim's own unit; NaN where there is none. */
  readonly estimate: number;
  /** 95% interval of the estimate. */
  readonly interval: readonly [number, number];
  /** Observations behind the interval. */
  readonly n: number;
}

/** Rises of both minimizers along one direction, drawn from the same noise. */
export interface PairedRise {
  readonly direction: number;
  readonly smallBatch: number;
  readonly largeBatch: number;
}

/** Loss and accuracy of a run over its whole training set, in evaluation mode. */
export interface TrainingEnd {
  readonly loss: number;
  readonly accuracy: number;
}

/** What counts as having converged, and to the same loss. */
const CONVERGED_ACCURACY = 0.99;
const COMPARABLE_LOSS_NATS = 0.05;

/**
 * The headline: along random directions the loss rises faster around LB's minimizer than around SB's. One
 * observation a direction, log(rise of LB / rise of SB), since both are perturbed by the same noise.
 *
 * PASS where the 95% interval of the mean log ratio lies above 0, FAIL where it lies below, INCONCLUSIVE where
 * it holds 0 or where any rise is not a positive number; no direction is ever dropped.
 *
 * @param rises at least one direction.
 */
export function risesFaster(rises: readonly PairedRise[]): Claim {
  const claim = {
    id: 'lb-rises-faster',
    statement: 'The training loss rises faster around the LB minimizer than around the SB minimizer.',
    n: rises.length,
  };
  const unusable = rises.find(
    ({ smallBatch, largeBatch }) => !isPositive(smallBatch) || !isPositive(largeBatch),
  );
  if (unusable) {
    return {
      ...claim,
      verdict: 'INCONCLUSIVE',
      reason:
        `direction ${unusable.direction} has a rise that is not a positive number ` +
        `(SB ${unusable.smallBatch}, LB ${unusable.largeBatch})`,
      estimate: NaN,
      interval: [NaN, NaN],
    };
  }
  const logRatios = rises.map(({ smallBatch, largeBatch }) => Math.log(largeBatch / smallBatch));
  const { mean, low, high } = meanInterval(logRatios);
  const verdict = low > 0 ? 'PASS' : high < 0 ? 'FAIL' : 'INCONCLUSIVE';
  const estimate = Math.exp(mean);
  const interval = [Math.exp(low), Math.exp(high)] as const;
  const share = `LB's rise is ${round(estimate)} times SB's (95% interval ${round(interval[0])} to ${round(interval[1])}, ${rises.length} direction${rises.length === 1 ? '' : 's'})`;
  const ending = {
    PASS: 'the interval lies above 1',
    FAIL: 'the interval lies below 1, against the claim',
    INCONCLUSIVE: rises.length === 1 ? 'one direction has no interval' : 'the interval holds 1',
  }[verdict];
  return { ...claim, verdict, reason: `${share}: ${ending}`, estimate, interval };
}

/**
 * Whether the two runs ended at training losses that can be compared: both at 99% training accuracy or more,
 * and within 0.05 nats of each other.
 */
export function comparableTrainingLoss(smallBatch: TrainingEnd, largeBatch: TrainingEnd): Claim {
  const difference = largeBatch.loss - smallBatch.loss;
  const converged = Math.min(smallBatch.accuracy, largeBatch.accuracy) >= CONVERGED_ACCURACY;
  const close = Math.abs(difference) <= COMPARABLE_LOSS_NATS;
  const percent = (share: number) => `${(100 * share).toFixed(2)}%`;
  return {
    id: 'comparable-training-loss',
    statement: 'Both runs end at 99% training accuracy or more and within 0.05 nats of each other.',
    verdict: converged && close ? 'PASS' : 'FAIL',
    reason:
      `training accuracy SB ${percent(smallBatch.accuracy)}, LB ${percent(largeBatch.accuracy)}; ` +
      `training loss SB ${round(smallBatch.loss)}, LB ${round(largeBatch.loss)} nats`,
    estimate: difference,
    interval: [NaN, NaN],
    n: 1,
  };
}

/**
 * The overall verdict: the headline's, unless the runs cannot carry it.
 *
 * @param rules whether the preset trains to convergence, and whether it is only a smoke run.
 */
export function overallVerdict(
  headline: Claim,
  comparable: Claim,
  rules: { readonly requiresConvergence: boolean; readonly smoke: boolean },
): { verdict: Verdict; reason: string } {
  if (rules.smoke) {
    return {
      verdict: 'INCONCLUSIVE',
      reason: `this is a smoke run, too short to judge by; ${headline.reason}`,
    };
  }
  if (comparable.verdict === 'PASS') return { verdict: headline.verdict, reason: headline.reason };
  if (rules.requiresConvergence) {
    return { verdict: 'INCONCLUSIVE', reason: `not at comparable minimizers: ${comparable.reason}` };
  }
  return {
    verdict: headline.verdict,
    reason: `${headline.reason}; but the runs did not end at comparable training losses, which confounds this (${comparable.reason})`,
  };
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

/** Three significant digits, without an exponent where that stays short. */
function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}
