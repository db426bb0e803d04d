import { short, type Claim } from './claim';
import type { Ratio } from './ratio';

/** The largest factor, up or down, by which SB differed from SB with another batch order; NaN without a ratio. */
export function largestControlFactor({ bySeed, unusable }: Ratio): number {
  if (unusable) return NaN;
  return Math.exp(Math.max(...bySeed.map(({ estimate }) => Math.abs(Math.log(estimate)))));
}

/**
 * The headline in the light of its control. Directions tell nothing of how much two runs of one method differ;
 * a PASS of one seed that differs no more than SB from SB does becomes INCONCLUSIVE.
 *
 * @param control the ratio of SB with another batch order to SB; null where none was run.
 */
export function heldAgainstControl(headline: Claim, control: Ratio | null): Claim {
  if (!control || headline.over === 'seeds' || headline.verdict !== 'PASS') return headline;
  if (control.unusable) {
    return {
      ...headline,
      reason: `${headline.reason}; the control has no ratio to hold it against (${control.unusable})`,
    };
  }
  const factor = largestControlFactor(control);
  if (exceeds(headline, factor)) return headline;
  return {
    ...headline,
    verdict: 'INCONCLUSIVE',
    reason:
      `${headline.reason}; but ${differing(factor)}, ` +
      'so that a ratio as large as this comes without a large batch too',
  };
}

/**
 * A claim beside the headline with a word in its reason on how its control compares; its verdict stays. Only a
 * decided claim of one seed needs it.
 */
export function besideControl(claim: Claim, control: Ratio | null): Claim {
  if (!control || control.unusable || claim.over === 'seeds' || claim.verdict === 'INCONCLUSIVE')
    return claim;
  const factor = largestControlFactor(control);
  const compared = exceeds(claim, factor) ? 'less' : 'no less';
  return { ...claim, reason: `${claim.reason}; ${differing(factor)}, which is ${compared}` };
}

function exceeds({ estimate }: Claim, factor: number): boolean {
  return Math.abs(Math.log(estimate)) > Math.log(factor);
}

function differing(factor: number): string {
  return `SB with another batch order differs from SB by a factor of ${short(factor)}`;
}
