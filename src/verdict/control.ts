import { short, type Claim } from './claim';
import type { Ratio } from './ratio';

/** The largest factor, up or down, by which SB differed from SB with another batch order. */
export function largestControlFactor({ bySeed }: Ratio): number {
  return Math.exp(Math.max(...bySeed.map(({ estimate }) => Math.abs(Math.log(estimate)))));
}

/**
 * The headline in the light of its control. Directions tell nothing of how much two runs of one method differ;
 * a PASS of one seed that differs no more than SB from SB does becomes INCONCLUSIVE.
 *
 * @param control the ratio of SB with another batch order to SB; null where none was run.
 */
export function heldAgainstControl(headline: Claim, control: Ratio | null): Claim {
  if (!control || control.unusable || headline.over === 'seeds' || headline.verdict !== 'PASS')
    return headline;
  const factor = largestControlFactor(control);
  if (Math.abs(Math.log(headline.estimate)) > Math.log(factor)) return headline;
  return {
    ...headline,
    verdict: 'INCONCLUSIVE',
    reason:
      `${headline.reason}; but SB differs from SB with another batch order by a factor of ${short(factor)}, ` +
      'so that a ratio as large as this comes without a large batch too',
  };
}
