import { short, type Verdict } from '../../verdict/claim';
import type { Section } from '../section';
import { distinct } from '../pairs';
import type { Report } from '../report';
import { count, hasInterval, listed, number, percent, range, type Text } from '../text';

type Sensitivity = NonNullable<Report['sensitivity']>;
type TrainingSensitivity = NonNullable<Report['trainingSensitivity']>;

const KINDS = [
  ['mean', 'mean rise'],
  ['maximum', 'greatest rise'],
  ['curvature', 'curvature'],
] as const;

/** What becomes of the verdict when the curves are drawn or measured another way, or LB is trained another way. */
export function sensitivitySections({ sensitivity, trainingSensitivity, preset }: Report): Section[] {
  return [
    ...(sensitivity ? [ofCurves(sensitivity)] : []),
    ...(trainingSensitivity ? [ofTraining(trainingSensitivity, Number(preset.directions))] : []),
  ];
}

/** "5 PASS, 1 FAIL and 0 INCONCLUSIVE". */
export function tally(rows: readonly { readonly verdict: Verdict }[]): string {
  const of = (wanted: Verdict) => `${rows.filter(({ verdict }) => verdict === wanted).length} ${wanted}`;
  return listed([of('PASS'), of('FAIL'), of('INCONCLUSIVE')]);
}

function ofCurves({ seed, directions, images, alphas, rows }: Sensitivity): Section {
  const places = distinct(
    rows.map(({ normalization, split, range }) => JSON.stringify([normalization, split, range])),
  );
  return {
    title: 'Sensitivity to how the curves are drawn',
    level: 2,
    blocks: [
      {
        paragraph: `Of ${count(rows.length, 'way')} to draw and measure the curves, the verdicts are ${tally(rows)}.`,
      },
      {
        paragraph:
          `LB over SB with its 95% interval over ${count(directions, 'direction')} of seed ${seed}, from ` +
          `${alphas.length} alphas over ${images.train} training and ${images.test} test images. A range is the ` +
          'largest |α| that is taken. Each verdict is of that cell alone, not corrected for their number; the cells ' +
          `share curves and noise, so that they are no ${rows.length} independent findings. They are about the minimizers of ` +
          'that one seed, whatever number of seeds the verdict rests on.',
      },
      {
        table: {
          name: 'Sensitivity to how the curves are drawn',
          head: ['normalization', 'split', 'range', ...KINDS.map(([, words]) => words)],
          rows: places.map((place) => {
            const [normalization, split, range] = JSON.parse(place) as [string, string, number];
            const cells = KINDS.map(([kind]) =>
              sensitivityCell(
                rows.find(
                  (row) =>
                    row.rise === kind &&
                    row.normalization === normalization &&
                    row.split === split &&
                    row.range === range,
                ),
              ),
            );
            return [normalization, split, number(range), ...cells];
          }),
        },
      },
    ],
  };
}

function sensitivityCell(row: Sensitivity['rows'][number] | undefined): Text {
  if (!row) return '–';
  const { estimate, interval, verdict } = row;
  const [low, high] = interval;
  const known = hasInterval(interval) ? ` (${number3(low)}–${number3(high)})` : '';
  return [`${number3(estimate)}${known} `, { verdict }];
}

function ofTraining({ seed, rows }: TrainingSensitivity, directions: number): Section {
  // Fewer where the experiment has grown since.
  const held = Math.max(...rows.map(({ n }) => n));
  const part = held > 0 && held < directions ? ` They rest on ${held} of the ${directions} directions.` : '';
  return {
    title: "Sensitivity to LB's learning rate",
    level: 2,
    blocks: [
      {
        paragraph:
          `Of ${count(rows.length, 'learning rate')} of LB, of seed ${seed}, the verdicts on whether LB rises faster are ` +
          `${tally(rows)}. Only where the training losses are comparable do they bear on the claim.${part}`,
      },
      {
        table: {
          name: "Sensitivity to LB's learning rate",
          head: [
            'learning rate',
            'training',
            'train loss',
            'train accuracy',
            'test loss',
            'test accuracy',
            'comparable with SB',
            'SB rise, each direction',
            'LB rise, each direction',
            'ratio of rises',
            '95% interval',
            'verdict',
          ],
          rows: rows.map(
            ({ learningRate, diverged, train, test, comparable, rises, estimate, interval, verdict }) => [
              number(learningRate),
              diverged ?? 'finished',
              number(train?.loss ?? NaN),
              percent(train?.accuracy ?? NaN),
              number(test?.loss ?? NaN),
              percent(test?.accuracy ?? NaN),
              comparable ? 'yes' : 'no',
              each(rises, 'smallBatch'),
              each(rises, 'largeBatch'),
              number(estimate),
              range(interval),
              { verdict },
            ],
          ),
        },
      },
    ],
  };
}

function each(
  rises: TrainingSensitivity['rows'][number]['rises'],
  regime: 'smallBatch' | 'largeBatch',
): string {
  return rises?.length ? rises.map((along) => number3(along[regime])).join(', ') : '–';
}

/** Three significant digits, since several of these stand in one row. */
function number3(value: number): string {
  return Number.isFinite(value) ? short(value) : 'n/a';
}
