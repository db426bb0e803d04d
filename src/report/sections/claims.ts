import { counted } from '../../verdict/claim';
import type { Section } from '../section';
import { seedsOf } from '../pairs';
import type { Report } from '../report';
import { count, inUnit, listed, namedSeeds, number, range, rangeInUnit, type Text } from '../text';

/** The verdict with its reason, what it is about, and what a flag changed. */
export function lead({ verdict, reason, runs, preset }: Report): Text[] {
  const seeds = seedsOf({ runs });
  const scope =
    seeds.length === 1
      ? `One seed was run (${seeds[0]}): the interval is over random directions, and the verdict is about these ` +
        'two minimizers, not yet about the two methods.'
      : `${seeds.length} seeds were run (${namedSeeds(seeds)}): the interval is over seeds, the verdict is about the two methods, on these images.`;
  // More of the same takes nothing away from a preset's verdict.
  const changed = preset.changed.filter((name) => name !== 'seeds' && name !== 'directions');
  const flags = `Flags changed the preset's ${listed(changed)}: its usual verdict may not carry over.`;
  return [[{ verdict }, `: ${sentence(reason)}`], scope, ...(changed.length ? [flags] : [])];
}

/** The claims; each seed by itself, where there are several; and what is measured beside the claims. */
export function claimSections(report: Report): Section[] {
  return [claims(report), ...eachSeed(report), ...measures(report)];
}

function claims({ claims }: Report): Section {
  return {
    title: 'Claims',
    level: 2,
    blocks: [
      {
        figure: 'claims',
        caption: 'Estimates with their 95% intervals, beside the line of no difference between SB and LB.',
      },
      {
        table: {
          name: 'Claims',
          head: ['claim', 'verdict', 'estimate', '95% interval', 'n', 'why', 'shown by'],
          rows: claims.map(({ statement, verdict, estimate, interval, n, over, unit, reason, shownBy }) => [
            statement,
            { verdict },
            inUnit(estimate, unit),
            rangeInUnit(interval, unit),
            counted(n, over),
            reason,
            { section: shownBy },
          ]),
        },
      },
    ],
  };
}

function eachSeed(report: Report): Section[] {
  const seeds = seedsOf(report);
  const rows = report.claims.flatMap(({ statement, unit, bySeed }) =>
    bySeed.map(({ seed, estimate, interval, n, over }) => [
      statement,
      String(seed),
      inUnit(estimate, unit),
      rangeInUnit(interval, unit),
      counted(n, over),
    ]),
  );
  if (seeds.length === 1 || rows.length === 0) return [];
  return [
    {
      title: 'Each seed by itself',
      level: 3,
      blocks: [
        {
          paragraph:
            "These intervals are over each seed's own directions or test images. They tell how well one pair of " +
            'minimizers is known, and nothing of how much seeds differ; the verdicts above do not rest on them.',
        },
        {
          figure: 'seeds',
          caption: "Each seed's own estimate. The intervals are over directions or images, not over seeds.",
        },
        {
          table: {
            name: 'Each seed by itself',
            head: ['claim', 'seed', 'estimate', '95% interval within the seed', 'n'],
            rows,
          },
        },
      ],
    },
  ];
}

function measures({ measures }: Report): Section[] {
  if (measures.length === 0) return [];
  return [
    {
      title: 'Measures',
      level: 2,
      blocks: [
        { paragraph: `${count(measures.length, 'figure')} reported beside the claims, without a verdict.` },
        {
          table: {
            name: 'Measures',
            head: ['measure', 'of', 'estimate', '95% interval', 'n'],
            rows: measures.map(({ statement, regime, estimate, interval, n, over }) => [
              statement,
              regime ?? 'LB against SB',
              number(estimate),
              range(interval),
              counted(n, over),
            ]),
          },
        },
      ],
    },
  ];
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
