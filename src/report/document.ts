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
  if (report.progress) return partialDocument(report, report.progress);
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

/** A report of an experiment that is under way: what is there, and what is missing. */
function partialDocument(report: Report, { done, missing }: NonNullable<Report['progress']>): ReportDocument {
  const { runs, curves, generalization } = report;
  return {
    title: 'Do large batches find sharp minima?',
    verdict: report.verdict,
    lead: [[{ verdict: report.verdict }, `: ${report.reason}.`]],
    sections: [
      {
        title: 'What is missing',
        level: 2,
        blocks: [{ paragraph: `${done} jobs are done. Missing:` }, { list: missing }],
      },
      ...(curves.length > 0 ? curveSections(report) : []),
      ...(runs.length > 0 ? runSections(report) : []),
      ...(generalization.length > 0 ? generalizationSections(report) : []),
      ...makingSections(report),
    ],
  };
}
