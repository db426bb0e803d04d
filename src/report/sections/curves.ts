import type { Section, Table } from '../section';
import { curvePairs, distinct, seedsOf, spreadAt } from '../pairs';
import type { CurveReport, Report } from '../report';
import { number, type Text } from '../text';

/** The loss curves, and what they come to along each direction. */
export function curveSections({ curves, runs }: Report): Section[] {
  return [
    {
      title: 'The curves',
      level: 2,
      blocks: [
        {
          figure: 'curves',
          caption: 'Loss around the SB (blue) and LB (red) minimizers along random directions.',
        },
        { paragraph: curveNote(curves) },
        { table: { ...lossTable(curves, seedsOf({ runs })), name: 'Loss at each α', detail: true } },
      ],
    },
    {
      title: 'Ratios along each direction',
      level: 3,
      blocks: [
        {
          figure: 'ratios',
          caption:
            "A circle is LB over SB along one direction, a diamond a seed's geometric mean with its 95% interval over " +
            'directions. The control, where one was run, is SB with another order of its batches over SB, in grey.',
        },
        { paragraph: riseNote(curves) },
        { table: riseTable(curves) },
      ],
    },
  ];
}

/** For each seed, split and α: mean over the directions, and the least and greatest loss. */
export function lossTable(curves: readonly CurveReport[], seeds: readonly number[]): Omit<Table, 'name'> {
  const rows = seeds.flatMap((seed) =>
    distinct(curves.map(({ split }) => split)).flatMap((split) => {
      const own = (regime: CurveReport['regime']) =>
        curves.filter((curve) => curve.seed === seed && curve.split === split && curve.regime === regime);
      const [small, large] = [own('SB'), own('LB')];
      const alphas = (small[0] ?? large[0])?.alphas ?? [];
      return alphas.map((alpha, i) => [
        String(seed),
        split,
        number(alpha),
        ...spread(small, i),
        ...spread(large, i),
      ]);
    }),
  );
  const head = ['seed', 'split', 'α', 'SB mean', 'SB least to greatest', 'LB mean', 'LB least to greatest'];
  return { head, rows };
}

function spread(curves: readonly CurveReport[], index: number): [string, string] {
  const { mean, least, greatest } = spreadAt(curves, index);
  return [number(mean), Number.isFinite(mean) ? `${number(least)} to ${number(greatest)}` : 'n/a'];
}

function curveNote(curves: readonly CurveReport[]): Text {
  const directions = distinct(curves.map(({ direction }) => direction)).length;
  const drawn =
    directions === 1
      ? 'One direction was drawn for each seed'
      : `${directions} directions were drawn for each seed`;
  return [
    `L(θ + αd) in nats, where θ is a minimizer and d a random direction. ${drawn}; SB and LB are perturbed by the ` +
      'same noise, scaled to the weights of each. The table gives the mean over directions and the least and greatest loss; every curve is in ',
    { code: 'report.json' },
    '. A direction is drawn again from the stored weights by ',
    { code: 'curve --direction-seed' },
    '.',
  ];
}

function riseNote(curves: readonly CurveReport[]): Text {
  const train = curves.find(({ split }) => split === 'train');
  if (!train) return 'No curve over training images was drawn.';
  const { alphas, images, normalization } = train;
  const test = curves.find(({ split }) => split === 'test');
  const added = Math.max(
    0,
    ...curves.flatMap(({ lossStandardError }) => lossStandardError).filter(Number.isFinite),
  );
  const part =
    added > 0
      ? ` Only a part of the training images was taken, which adds a standard error of up to ${number(added)} nats to a ` +
        'loss; the intervals of the ratios do not hold it.'
      : '';
  return (
    `A rise is the mean over ${alphas.length} alphas from ${Math.min(...alphas)} to ${Math.max(...alphas)} of ` +
    `L(θ + αd) − L(θ) in nats, over ${images} training images${test ? ` or ${test.images} test images` : ''} in ` +
    `evaluation mode, with ${normalization} normalization. The error rise is the same of the error rate, which does ` +
    'not depend on the scale of the logits. Most of a rise comes from the largest |α|, far from the minimizer.' +
    part
  );
}

function riseTable(curves: readonly CurveReport[]): Table {
  return {
    name: 'Rises along each direction',
    head: [
      'seed',
      'direction',
      'direction seed',
      'split',
      'SB rise',
      'LB rise',
      'ratio',
      'SB error rise',
      'LB error rise',
    ],
    rows: curvePairs(curves).map(({ seed, direction, split, one, other }) => [
      String(seed),
      String(direction),
      String(one.directionSeed),
      split,
      number(one.rise),
      number(other.rise),
      number(other.rise / one.rise),
      number(one.errorRise),
      number(other.errorRise),
    ]),
  };
}
