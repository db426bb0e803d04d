import type { Section } from '../section';
import { refersTo } from '../headline';
import type { Report } from '../report';
import { number, percent } from '../text';

const TITLE = 'Generalization';

/** How the two minimizers of each seed do on the same test images. */
export function generalizationSections(report: Report): Section[] {
  const { generalization, runs } = report;
  if (generalization.length === 0) {
    if (!refersTo(report, TITLE)) return [];
    return [{ title: TITLE, level: 2, blocks: [{ paragraph: 'The test images were not compared.' }] }];
  }
  const accuracy = (regime: 'SB' | 'LB', seed: number) =>
    percent(runs.find((run) => run.regime === regime && run.seed === seed)?.test.accuracy ?? NaN);
  return [
    {
      title: TITLE,
      level: 2,
      blocks: [
        {
          paragraph:
            'Both minimizers of a seed are tested on the same images. Only images that one classifies right and the ' +
            'other wrong tell them apart; the standard error is that of the paired differences.',
        },
        {
          table: {
            name: 'Generalization',
            head: [
              'seed',
              'test images',
              'SB test accuracy',
              'LB test accuracy',
              'only SB right',
              'only LB right',
              "LB's test loss less SB's (nats)",
              'standard error (nats)',
            ],
            rows: generalization.map((test) => [
              String(test.seed),
              String(test.images),
              accuracy('SB', test.seed),
              accuracy('LB', test.seed),
              String(test.onlySmallBatchRight),
              String(test.onlyLargeBatchRight),
              number(test.lossDifference),
              number(test.lossDifferenceError),
            ]),
          },
        },
      ],
    },
  ];
}
