import { stringify } from 'yaml';
import type { PageDocument, Section } from '../../report/section';
import {
  commandWord,
  count,
  hasInterval,
  listed,
  number,
  percent,
  range,
  type Text,
} from '../../report/text';
import type { ChangePoint } from '../../verdict/change-point';
import { figureOf } from './charts';
import type { GroupReport, QuantityMean, QuantityReport, RunReport, SweepReport } from './report';

/** What there is to say of a sweep; the page and the Markdown are renderings of this. */
export function sweepDocument(report: SweepReport): PageDocument {
  const { plan, environments } = report;
  const runs = report.groups.flatMap((group) => group.runs);
  return {
    title: `Sweep ${plan.name}: batch size against test accuracy and sharpness`,
    lead: [
      `${count(runs.length, 'run')} of ${listed(report.groups.map(({ network, protocol }) => `${network} (${protocol})`))} ` +
        `on ${plan.trainSize} training images: ${standing(runs)}.`,
    ],
    sections: [
      ...report.groups.flatMap((group) => groupSections(report, group)),
      { title: 'How it is told', level: 2, blocks: [{ list: METHOD }] },
      {
        title: 'Made by',
        level: 2,
        blocks: [
          { code: commands(report) },
          { paragraph: 'by the plan' },
          { code: stringify(plan).trimEnd() },
          ...environments.map((one) => ({ paragraph: machine(one) })),
        ],
      },
    ],
  };
}

function groupSections(report: SweepReport, group: GroupReport): Section[] {
  const { network, protocol, quantities, runs } = group;
  const name = `${network}, ${protocol}`;
  const { chart, id } = figureOf(report, group);
  const left = runs.filter(({ end, comparable }) => end && !comparable);
  return [
    {
      title: name,
      level: 2,
      blocks: [
        { list: quantities.filter(({ role }) => role !== 'control').map(findings) },
        { paragraph: caution(quantities.find(({ role }) => role === 'control')!) },
        ...(left.length > 0 ? [{ paragraph: leftOut(left) }] : []),
        { figure: id, caption: `${chart.subtitle}. ${chart.note}.` },
        { table: changeTable(name, quantities) },
        { table: meanTable(name, group) },
        { table: runTable(name, group) },
      ],
    },
  ];
}

function standing(runs: readonly RunReport[]): string {
  const ended = runs.filter(({ end }) => end);
  const parts = [
    [runs.length - ended.length - diverged(runs).length, 'not ended yet'],
    [diverged(runs).length, 'diverged'],
    [ended.filter(({ comparable }) => !comparable).length, 'at a training loss that cannot be compared'],
    [ended.filter(({ comparable }) => comparable).length, 'comparable'],
  ] as const;
  return listed(parts.filter(([n]) => n > 0).map(([n, words]) => `${n} ${words}`));
}

function diverged(runs: readonly RunReport[]): readonly RunReport[] {
  return runs.filter(({ state }) => state === 'diverged');
}

/** What is found of a quantity, as a sentence. */
function findings({ name, change, scale }: QuantityReport): Text {
  if (change.kind === 'unknown') return `${name}: nothing can be told, since ${change.reason}.`;
  if (change.kind === 'none') {
    return (
      `${name}: no change with batch size is found (${change.reason}), which does not show that there is none: a ` +
      `straight line over all batch sizes goes ${changeWords(change.slope, change.slopeInterval, scale)}.`
    );
  }
  const { sign, threshold, pValue, lackOfFit } = change;
  return (
    `${name}: ${sign > 0 ? 'rises' : 'falls'} beyond batch size ${number(rounded(threshold))} ` +
    `(95%: ${thresholdRange(change)}), ${slopeWords(change, scale)}; p = ${number(pValue)}.` +
    (lackOfFit && lackOfFit.pValue <= MISFIT
      ? ` A level and a straight line do not describe it (lack of fit: F(${lackOfFit.freedom.join(', ')}) = ` +
        `${number(lackOfFit.statistic)}, p = ${number(lackOfFit.pValue)}): threshold, slope and both intervals are ` +
        'those of no stretch of it, and the means say more.'
      : '')
  );
}

/** Up to which p a broken stick is told not to describe a quantity. */
const MISFIT = 0.05;

/** By how much; whether up or down has been said. */
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
    : `by ${number(slope)} for each doubling (${intervalWords(interval)})`;
}

function intervalWords(interval: readonly [number, number]): string {
  return hasInterval(interval) ? `95%: ${range(interval)}` : 'its 95% interval has no end';
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

/** Whether what sharpness does may be what the training loss does. */
function caution(loss: QuantityReport): Text {
  const means = loss.means.map(({ mean }) => mean);
  const reach =
    means.length > 0
      ? ` (means from ${number(Math.min(...means))} to ${number(Math.max(...means))} nats)`
      : '';
  const why = 'The control is the training loss, since the curvature of a cross entropy falls with it';
  if (loss.change.kind === 'unknown')
    return `${why}: too few runs count to tell whether it changes with batch size.`;
  if (loss.change.kind === 'none') return `${why}: no change with batch size is found in it${reach}.`;
  return (
    `Caution: though all runs that count are comparable, the training loss itself ` +
    `${loss.change.sign > 0 ? 'rises' : 'falls'} with batch size${reach}, ${slopeWords(loss.change, loss.scale)}. The curvature ` +
    'of a cross entropy falls with the loss, so that some of what is found of sharpness may be that.'
  );
}

function leftOut(runs: readonly RunReport[]): Text {
  const words = ({ batchSize, seed, end }: RunReport) =>
    `batch size ${batchSize} of seed ${seed} (training loss ${number(end!.trainingLoss)}, accuracy ${percent(end!.trainingAccuracy)})`;
  return `Drawn hollow and left out of means and thresholds, as not comparable: ${listed(runs.map(words))}.`;
}

function changeTable(name: string, quantities: readonly QuantityReport[]) {
  return {
    name: `${name}: changes with batch size`,
    head: ['quantity', 'change', 'threshold', '95%', 'slope', '95%', 'p', 'p of the lack of fit'],
    rows: quantities.map(({ name: quantity, change, scale }) => {
      if (change.kind === 'unknown') return [quantity, 'cannot tell', '–', '–', '–', '–', '–', '–'];
      const slope = [
        `${number(change.slope)}${scale === 'log' ? ' (power)' : ' a doubling'}`,
        range(change.slopeInterval),
        number(change.pValue),
      ];
      if (change.kind === 'none') return [quantity, 'none found', '–', '–', ...slope, '–'];
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
  'A run counts where it ended at 99% training accuracy or more and within 0.05 nats of the smallest batch size of its ' +
    'seed that did: the claim comparable-training-loss, for each run by itself.',
  'Means are over seeds, with 95% intervals by Student’s t; of quantities that are positive throughout, test accuracy ' +
    'apart, geometric ones.',
  'The threshold is where a broken stick bends that is level up to it and straight beyond it in log2 of the batch size, with a ' +
    'level of its own for each seed, fitted by least squares to the runs that count. p is the share of permutations of ' +
    'each seed’s values over its batch sizes that such a stick fits as well; a change is told where it is 0.05 or less. ' +
    'No p is corrected for there being several quantities.',
  'The lack of fit sets how far the means of the batch sizes lie from the broken stick against the noise of the runs ' +
    'around them (F test). Where no change is found, the slope is that of a straight line over all batch sizes.',
  'What a quantity does beyond the threshold is a power of batch size where its scale is logarithmic.',
];

/** What makes the report again. */
function commands({ file, environments }: SweepReport): string {
  const path = commandWord(file);
  const engines = [...new Set(environments.map(({ engine }) => ` --engine ${engine}`))];
  return [
    `npx ts-node reproduce.ts sweep ${path}${engines.length === 1 ? engines[0] : ''}`,
    `npx ts-node reproduce.ts sweep report ${path}`,
  ].join('\n');
}

function machine(environment: SweepReport['environments'][number]): Text {
  const { engineVersion, device, threads, node, platform, commit } = environment;
  return `${engineVersion}, ${device}, ${count(threads, 'thread')}, Node.js ${node}, ${platform}, commit ${commit ?? 'unknown'}.`;
}
