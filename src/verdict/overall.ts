import type { Claim, Verdict } from './claim';

/**
 * The overall verdict: the headline's, unless the runs cannot carry it.
 *
 * @param curvature the same claim near the minimizer: where it disagrees the reason says so.
 * @param rules whether the preset trains to convergence, and whether it is only a smoke run.
 */
export function overallVerdict(
  headline: Claim,
  comparable: Claim,
  curvature: Claim,
  rules: { readonly requiresConvergence: boolean; readonly smoke: boolean },
): { verdict: Verdict; reason: string } {
  const disagreement =
    curvature.verdict === headline.verdict
      ? ''
      : `; near the minimizer the picture is another (${curvature.verdict}: ${curvature.reason})`;
  const reason = `${headline.reason}${disagreement}`;
  if (rules.smoke) {
    return { verdict: 'INCONCLUSIVE', reason: `this is a smoke run, too short to judge by; ${reason}` };
  }
  if (comparable.verdict === 'PASS') return { verdict: headline.verdict, reason };
  if (rules.requiresConvergence) {
    return { verdict: 'INCONCLUSIVE', reason: `not at comparable minimizers: ${comparable.reason}` };
  }
  return {
    verdict: headline.verdict,
    reason: `${reason}; but the runs did not end at comparable training losses, which confounds this (${comparable.reason})`,
  };
}
