import { stringify } from 'yaml';
import type { PageDocument, Section } from '../../../report/section';
import {
  commandWord,
  count,
  hasInterval,
  listed,
  number,
  percent,
  range,
  type Text,
} from '../../../report/text';
import type { ChangePoint } from '../../../verdict/change-point';
import { unfinishedCount } from '../rows';
import { figureOf } from './charts';
import type { GroupReport, QuantityMean, QuantityReport, RunReport, SweepReport } from './report';

/** The report of a sweep as a document; the page and the Markdown are renderings of it. */
export function sweepDocument(report: SweepReport): PageDocument {
  const { plan, environments } = report;
  const runs = report.groups.flatMap((group) => group.runs);
  const unfinished = unfinishedCount(runs);
  return {
    title: `Sweep ${plan.name}: batch size against test accuracy and sharpness`,
    lead: [
      `${count(runs.length, 'run')} of ${listed(report.groups.map(({ network, protocol }) => `${network} (${protocol})`))} ` +
        `on ${plan.trainSize} training images: ${standing(runs)}.`,
      ...(unfinished > 0
        ? [
            `${count(unfinished, 'run')} not finished yet. Intervals and thresholds are reported once all are.`,
          ]
        : []),
    ],
    sections: [
      ...report.groups.flatMap((group) => groupSections(report, group, unfinished)),
      { title: 'Method', level: 2, blocks: [{ list: METHOD }] },
      {
        title: 'How to reproduce it',
        level: 2,
        blocks: [
          { code: command(report) },
          { paragraph: 'with the plan' },
          { code: stringify(plan).trimEnd() },
          ...environments.map((one) => ({ paragraph: machine(one) })),
        ],
      },
    ],
  };
}

function groupSections(report: SweepReport, group: GroupReport, unfinished: number): Section[] {
  const { network, protocol, quantities, runs } = group;
  const name = `${network}, ${protocol}`;
  const { chart, id } = figureOf(report, group);
  const excluded = runs.filter(({ end, comparable }) => end && !comparable);
  return [
    {
      title: name,
      level: 2,
      blocks: [
        { list: quantities.filter(({ role }) => role !== 'control').map(finding) },
        { paragraph: controlFinding(quantities.find(({ role }) => role === 'control')!) },
        ...(excluded.length > 0 ? [{ paragraph: exclusions(excluded) }] : []),
        { figure: id, caption: `${chart.subtitle}. ${chart.note}.` },
        ...(unfinished === 0 ? [{ table: changeTable(name, quantities) }] : []),
        { table: meanTable(name, group) },
        { table: runTable(name, group) },
      ],
    },
  ];
}

/** How many runs are in which state, in words. */
function standing(runs: readonly RunReport[]): string {
  const ended = runs.filter(({ end }) => end);
  const diverged = runs.filter(({ state }) => state === 'diverged');
  const parts = [
    [runs.length - ended.length - diverged.length, 'not evaluated yet'],
    [diverged.length, 'diverged'],
    [ended.filter(({ comparable }) => !comparable).length, 'not comparable by training loss'],
    [ended.filter(({ comparable }) => comparable).length, 'comparable'],
  ] as const;
  return listed(parts.filter(([n]) => n > 0).map(([n, words]) => `${n} ${words}`));
}

/** How a quantity changes with batch size, as a sentence. */
function finding({ name, change, scale }: QuantityReport): Text {
  if (change.kind === 'unknown') return `${name}: the threshold is not determined: ${change.reason}.`;
  if (change.kind === 'none') {
    return (
      `${name}: no change with batch size is detected (${change.reason}). This does not show that there is none: a ` +
      `straight line over all batch sizes changes ${changeWords(change.slope, change.slopeInterval, scale)}.`
    );
  }
  const { sign, threshold, pValue, lackOfFit } = change;
  return (
    `${name}: ${sign > 0 ? 'rises' : 'falls'} beyond batch size ${number(rounded(threshold))} ` +
    `(95% CI ${thresholdRange(change)}), ${slopeWords(change, scale)}; p = ${number(pValue)}.` +
    (lackOfFit && lackOfFit.pValue <= MISFIT
      ? ` The broken stick does not fit (lack of fit: F(${lackOfFit.freedom.join(', ')}) = ` +
        `${number(lackOfFit.statistic)}, p = ${number(lackOfFit.pValue)}): rely on the means, not on threshold and slope.`
      : '')
  );
}

/** Level of the test for lack of fit. */
const MISFIT = 0.05;

/** By how much a quantity changes, where the direction has been said. */
function slopeWords({ slope, slopeInterval, sign }: Change, scale: QuantityReport['scale']): string {
  const [low, high] = slopeInterval;
  return scale === 'log' || sign > 0
    ? changeWords(slope, slopeInterval, scale)
    : changeWords(-slope, [-high, -low], scale);
}

function changeWords(
  slope: number,
  interval: readonly [number, number],
  scale: QuantityReport['scale'],
): string {
  return scale === 'log'
    ? `as batch size to the power ${number(slope)} (${intervalWords(interval)})`
    : `by ${number(slope)} per doubling (${intervalWords(interval)})`;
}

function intervalWords(interval: readonly [number, number]): string {
  return hasInterval(interval) ? `95% CI ${range(interval)}` : 'its 95% CI is unbounded';
}

type Change = Extract<ChangePoint, { kind: 'change' }>;

/** Ends that are cut at the smallest or the largest batch size are open. */
function thresholdRange({ interval, cut }: Change): string {
  const [low, high] = interval.map((end) => number(rounded(end)));
  return `${cut.below ? `${low} or less` : low} to ${cut.above ? `${high} or more` : high}`;
}

/** Batch sizes are whole numbers. */
function rounded(batchSize: number): number {
  return Math.round(batchSize);
}

/** Whether the change in sharpness may come from the training loss. */
function controlFinding({ change, means, scale }: QuantityReport): Text {
  const values = means.map(({ mean }) => mean);
  const reach =
    values.length > 0
      ? ` (means from ${number(Math.min(...values))} to ${number(Math.max(...values))} nats)`
      : '';
  const why = 'The control is the training loss, since the curvature of a cross entropy decreases with it';
  if (change.kind === 'unknown') {
    return `${why}. Whether it changes with batch size is not determined: ${change.reason}.`;
  }
  if (change.kind === 'none') return `${why}. No change with batch size is detected in it${reach}.`;
  return (
    `Caution: although all runs that count are comparable, the training loss itself ` +
    `${change.sign > 0 ? 'rises' : 'falls'} with batch size${reach}, ${slopeWords(change, scale)}. The curvature of a ` +
    'cross entropy decreases with the loss, so part of the change in sharpness may come from that.'
  );
}

function exclusions(runs: readonly RunReport[]): Text {
  const words = ({ batchSize, seed, end }: RunReport) =>
    `batch size ${batchSize} of seed ${seed} (training loss ${number(end!.trainingLoss)}, accuracy ${percent(end!.trainingAccuracy)})`;
  return `Not comparable, so drawn hollow and excluded from means and thresholds: ${listed(runs.map(words))}.`;
}

function changeTable(name: string, quantities: readonly QuantityReport[]) {
  return {
    name: `${name}: changes with batch size`,
    head: ['quantity', 'change', 'threshold', '95%', 'slope', '95%', 'p', 'p (lack of fit)'],
    rows: quantities.map(({ name: quantity, change, scale }) => {
      if (change.kind === 'unknown') return [quantity, 'not determined', '–', '–', '–', '–', '–', '–'];
      const slope = [
        `${number(change.slope)}${scale === 'log' ? ' (power)' : ' per doubling'}`,
        range(change.slopeInterval),
        number(change.pValue),
      ];
      if (change.kind === 'none') return [quantity, 'none detected', '–', '–', ...slope, '–'];
      return [
        quantity,
        change.sign > 0 ? 'rises' : 'falls',
        number(rounded(change.threshold)),
        thresholdRange(change),
        ...slope,
        change.lackOfFit ? number(change.lackOfFit.pValue) : '–',
      ];
    }),
  };
}

function meanTable(name: string, { runs, quantities }: GroupReport) {
  const sizes = [...new Set(runs.map(({ batchSize }) => batchSize))].sort((one, other) => one - other);
  return {
    name: `${name}: means over seeds`,
    head: ['batch size', 'runs', 'learning rate', 'epochs', ...quantities.map((quantity) => quantity.name)],
    rows: sizes.map((batchSize) => {
      const own = runs.filter((run) => run.batchSize === batchSize);
      const counted = own.filter(({ comparable }) => comparable);
      const epochs = counted.map(({ end }) => end!.epochs);
      return [
        String(batchSize),
        counted.length === own.length ? String(own.length) : `${counted.length} of ${own.length}`,
        number(own[0].learningRate),
        epochsWords(epochs),
        ...quantities.map(({ means }) => meanWords(means.find((mean) => mean.batchSize === batchSize))),
      ];
    }),
  };
}

function epochsWords(epochs: readonly number[]): string {
  const [low, high] = [Math.min(...epochs), Math.max(...epochs)];
  if (epochs.length === 0) return 'n/a';
  return low === high ? String(low) : `${low} to ${high}`;
}

function meanWords(mean: QuantityMean | undefined): string {
  if (!mean) return 'n/a';
  return mean.interval ? `${number(mean.mean)} (${range(mean.interval)})` : number(mean.mean);
}

function runTable(name: string, { runs, quantities }: GroupReport) {
  return {
    name: `${name}: the runs`,
    detail: true,
    head: [
      'batch size',
      'seed',
      'state',
      'comparable',
      'epochs',
      'training accuracy',
      ...quantities.map((quantity) => quantity.name),
      'test loss',
      'distance from start',
    ],
    rows: runs.map(({ batchSize, seed, state, comparable, end }) => [
      String(batchSize),
      String(seed),
      state,
      comparable ? 'yes' : 'no',
      end ? String(end.epochs) : '–',
      end ? percent(end.trainingAccuracy) : '–',
      ...quantities.map(({ points }) => {
        const point = points.find((one) => one.batchSize === batchSize && one.seed === seed);
        return point ? number(point.value) : '–';
      }),
      end ? number(end.testLoss) : '–',
      end ? number(end.distanceFromStart) : '–',
    ]),
  };
}

const METHOD: readonly Text[] = [
  'A run counts if it ended at 99% training accuracy or more and within 0.05 nats of the smallest batch size of its seed ' +
    'that did: the claim comparable-training-loss, applied to each run.',
  'Means are over seeds, with 95% confidence intervals by Student’s t. They are geometric where a quantity is positive ' +
    'throughout, except for test accuracy.',
  'The threshold is the bend of a broken stick: level up to it and a straight line beyond it, in log2 of the batch size, ' +
    'with a level for each seed, fitted by least squares to the runs that count. p is the fraction of permutations of each ' +
    'seed’s values over its batch sizes that a broken stick fits at least as well; a change is reported where p ≤ 0.05. ' +
    'p is not corrected for the number of quantities.',
  'The test for lack of fit (F test) compares the distance of the means from the broken stick with the scatter of the runs ' +
    'around these means. Where no change is detected, the slope is that of a straight line over all batch sizes.',
  'On a logarithmic scale the slope beyond the threshold is a power of the batch size.',
];

/** The command that makes the report again. */
function command({ file, environments }: SweepReport): string {
  const engines = [...new Set(environments.map(({ engine }) => ` --engine ${engine}`))];
  return `npx ts-node reproduce.ts sweep ${commandWord(file)}${engines.length === 1 ? engines[0] : ''}`;
}

function machine(environment: SweepReport['environments'][number]): Text {
  const { engineVersion, device, threads, node, platform, commit } = environment;
  return `${engineVersion}, ${device}, ${count(threads, 'thread')}, Node.js ${node}, ${platform}, commit ${commit ?? 'unknown'}.`;
}
