import { counted, type Estimate } from '../../verdict/claim';
import type { Block, Section } from '../section';
import { curvatureClaimOf, headlineOf } from '../headline';
import { controlPairs, seedsOf } from '../pairs';
import type { ControlReport, Report } from '../report';
import { number, range, type Text } from '../text';
import { runTable } from './runs';

/** How much two runs of one method differ, beside how much the two methods do. */
export function controlSections(report: Report): Section[] {
  const { control } = report;
  const blocks: readonly Block[] = control
    ? comparison(report, control)
    : [
        {
          paragraph:
            'No control was run. Directions tell nothing of how much two runs of one method differ: a run of SB with ' +
            `another order of its batches, set against SB, does${report.controlCommand ? '. This command runs it:' : '.'}`,
        },
        ...(report.controlCommand ? [{ code: report.controlCommand }] : []),
      ];
  return [{ title: 'Control', level: 2, blocks }];
}

function comparison(report: Report, control: ControlReport): Block[] {
  const claims = { rise: headlineOf(report), curvature: curvatureClaimOf(report) };
  const row = (what: string, { estimate, interval, n, over }: Estimate): Text[] => [
    what,
    number(estimate),
    range(interval),
    counted(n, over),
  ];
  const rows = (['rise', 'curvature'] as const).flatMap((figure) => [
    row(`SB against SB, ${figure}`, control[figure]),
    ...(claims[figure] ? [row(`LB against SB, ${figure}`, claims[figure])] : []),
  ]);
  const pairs = controlPairs(report.curves, control.curves);
  const several = seedsOf(report).length > 1 || control.rise.bySeed.length > 1;
  return [
    { paragraph: control.statement.replace(/[^.]$/, '$&.') },
    { paragraph: largestFactor(control, claims.rise) },
    { table: { name: 'Control', head: ['ratio of', 'ratio', '95% interval', 'n'], rows } },
    ...(several
      ? [
          {
            table: {
              name: 'Control, each seed by itself',
              head: ['figure', 'seed', 'ratio', '95% interval within the seed', 'n'],
              rows: (['rise', 'curvature'] as const).flatMap((figure) =>
                control[figure].bySeed.map(({ seed, estimate, interval, n, over }) => [
                  figure,
                  String(seed),
                  number(estimate),
                  range(interval),
                  counted(n, over),
                ]),
              ),
            },
          },
        ]
      : []),
    { table: runTable('Runs of the control', control.runs) },
    {
      table: {
        name: 'Control along each direction',
        detail: true,
        head: ['seed', 'direction', 'split', 'SB rise', 'rise of SB with another order', 'ratio'],
        rows: pairs.map(({ seed, direction, split, one, other }) => [
          String(seed),
          String(direction),
          split,
          number(one.rise),
          number(other.rise),
          number(other.rise / one.rise),
        ]),
      },
    },
  ];
}

function largestFactor({ largestFactor }: ControlReport, headline: Estimate | undefined): Text {
  if (!Number.isFinite(largestFactor))
    return 'The control has no ratio of rises to hold the headline against.';
  const own = `The largest factor by which any pair of the control differs in its rise, up or down, is ${number(largestFactor)}`;
  const ratio = headline?.estimate ?? NaN;
  // A mean over seeds is no single pair; its interval holds how much two runs differ.
  if (headline?.over === 'seeds' || !Number.isFinite(ratio)) return `${own}.`;
  const [factor, which] = ratio >= 1 ? [ratio, "LB's rise is"] : [1 / ratio, "SB's rise is"];
  const whose = ratio >= 1 ? "SB's" : "LB's";
  const compared =
    factor > largestFactor
      ? 'more than two runs of SB differ'
      : 'no more than two runs of SB differ, so that such a ratio comes without a large batch too';
  return `${own}; ${which} ${number(factor)} times ${whose}, ${compared}.`;
}
