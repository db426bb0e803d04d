import type { Report } from './report';

type ClaimReport = Report['claims'][number];

/** The claim that the verdict is about; absent from a report that does not make it. */
export function headlineOf(report: Report): ClaimReport | undefined {
  return claimOf(report, 'lb-rises-faster');
}

/** The same claim near the minimizer. */
export function curvatureClaimOf(report: Report): ClaimReport | undefined {
  return claimOf(report, 'lb-curvature');
}

export function claimOf({ claims }: Report, id: string): ClaimReport | undefined {
  return claims.find((claim) => claim.id === id);
}

/** Whether a claim says that a section shows it, so that the section must be there. */
export function refersTo({ claims }: Report, section: string): boolean {
  return claims.some(({ shownBy }) => shownBy === section);
}
