import { ownVerdict } from '../../verdict/claim';
import type { Section } from '../section';
import { curvatureClaimOf, headlineOf, refersTo } from '../headline';
import { curvePairs, seedsOf } from '../pairs';
import type { Report } from '../report';
import { number, type Text } from '../text';
import { lossTable } from './curves';

const TITLE = 'Near the minimizer';

/** The curves close to the minimizer, and how much each bends there. */
export function nearSections(report: Report): Section[] {
  const { curvatureCurves } = report;
  if (curvatureCurves.length === 0) {
    if (!refersTo(report, TITLE)) return [];
    return [{ title: TITLE, level: 2, blocks: [{ paragraph: 'No curves were drawn near the minimizer.' }] }];
  }
  const [{ alphas, images, normalization }] = curvatureCurves;
  const note =
    `A curvature is the c of the quadratic a + bα + cα² of least squares through ${alphas.length} alphas from ` +
    `${Math.min(...alphas)} to ${Math.max(...alphas)}, in nats, over ${images} images, with ${normalization} ` +
    'normalization. The directions are those of the curves above.';
  return [
    {
      title: TITLE,
      level: 2,
      blocks: [
        { figure: 'near', caption: 'The same curves on a finer grid, close to the minimizers.' },
        { paragraph: note },
        ...agreement(report).map((paragraph) => ({ paragraph })),
        {
          table: {
            name: 'Curvature along each direction',
            head: ['seed', 'direction', 'split', 'SB curvature', 'LB curvature', 'ratio'],
            rows: curvePairs(curvatureCurves).map(({ seed, direction, split, one, other }) => [
              String(seed),
              String(direction),
              split,
              number(one.curvature),
              number(other.curvature),
              number(other.curvature / one.curvature),
            ]),
          },
        },
        {
          table: {
            ...lossTable(curvatureCurves, seedsOf(report)),
            name: 'Loss at each α near the minimizer',
            detail: true,
          },
        },
      ],
    },
  ];
}

/** Whether the curvature says the same as the rise. */
function agreement(report: Report): Text[] {
  const [curvature, headline] = [curvatureClaimOf(report), headlineOf(report)];
  if (!curvature || !headline) return [];
  const [near, whole] = [ownVerdict(curvature), ownVerdict(headline)];
  return [
    [
      'Near the minimizer the interval says ',
      { verdict: near },
      `, which ${near === whole ? 'agrees with' : 'differs from'} that on the whole curve, `,
      { verdict: whole },
      '.',
    ],
  ];
}
