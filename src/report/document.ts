import type { Report } from './report';
import { changeSections } from './sections/changes';
import { claimSections, lead } from './sections/claims';
import { controlSections } from './sections/control';
import { curveSections } from './sections/curves';
import { generalizationSections } from './sections/generalization';
import { makingSections } from './sections/making';
import { nearSections } from './sections/near';
import { powerSections } from './sections/power';
import { runSections } from './sections/runs';
import { sensitivitySections } from './sections/sensitivity';
import { seedsOf } from './pairs';
import type { ReportDocument } from './section';

/** What there is to say of a report. Every form for people to read is a rendering of this. */
export function reportDocument(report: Report): ReportDocument {
  return {
    title:
      seedsOf(report).length > 1
        ? 'Do large batches find sharp minima?'
        : 'Is this large-batch minimum sharper?',
    verdict: report.verdict,
    lead: lead(report),
    sections: [
      ...claimSections(report),
      ...powerSections(report),
      ...curveSections(report),
      ...nearSections(report),
      ...runSections(report),
      ...generalizationSections(report),
      ...controlSections(report),
      ...sensitivitySections(report),
      ...changeSections(report),
      ...makingSections(report),
    ],
  };
}
