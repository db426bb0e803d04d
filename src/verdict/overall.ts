import { ownVerdict, type Claim, type Verdict } from './claim';

/** What a verdict depends on besides its claims. */
export interface Rules {
  /** Whether the preset trains to convergence. */
  readonly requiresConvergence: boolean;
  /** Whether it is only a smoke run. */
  readonly smoke: boolean;
}

/**
 * The overall verdict: the headline's, unless the runs cannot carry it.
 *
 * @param headline as its control left it.
 * @param curvature the same claim near the minimizer: where it disagrees the reason says so.
 */
export function overallVerdict(
  headline: Claim,
  comparable: Claim,
  curvature: Claim,
  { requiresConvergence, smoke }: Rules,
): { verdict: Verdict; reason: string } {
  // The curves are compared with the curves: that a control holds the headline back says nothing of its shape.
  const disagreement =
    ownVerdict(curvature) === ownVerdict(headline)
      ? ''
      : `; near the minimizer the picture is another (${curvature.verdict}: ${curvature.reason})`;
  const reason = `for ${scopeOf(headline)}, ${headline.reason}${disagreement}`;
  if (smoke) {
    return { verdict: 'INCONCLUSIVE', reason: `this is a smoke run, too short to judge by; ${reason}` };
  }
  if (comparable.verdict === 'PASS') return { verdict: headline.verdict, reason };
  if (requiresConvergence) {
    return { verdict: 'INCONCLUSIVE', reason: `not at comparable minimizers: ${comparable.reason}` };
  }
  return {
    verdict: headline.verdict,
    reason: `${reason}; but the runs did not end at comparable training losses, which confounds this (${comparable.reason})`,
  };
}

/** What a claim is about: directions tell of two minimizers only, seeds of the methods that make them. */
function scopeOf({ over }: Pick<Claim, 'over'>): string {
  return over === 'seeds' ? 'the two methods on these images' : 'these two minimizers';
}

/** What may leave a verdict open, in the order in which it does. */
export const OPEN_BECAUSE = [
  'smoke',
  'not comparable',
  'no ratio',
  'one direction',
  'interval',
  'control',
] as const;
export type OpenBecause = (typeof OPEN_BECAUSE)[number];

/** Why the overall verdict is open; null where it is not. */
export function whyOpen(
  headline: Claim,
  comparable: Claim,
  { requiresConvergence, smoke }: Rules,
): OpenBecause | null {
  if (smoke) return 'smoke';
  if (requiresConvergence && comparable.verdict !== 'PASS') return 'not comparable';
  if (headline.verdict !== 'INCONCLUSIVE') return null;
  if (!Number.isFinite(headline.estimate)) return 'no ratio';
  if (headline.n === 1) return 'one direction';
  return ownVerdict(headline) === 'INCONCLUSIVE' ? 'interval' : 'control';
}
