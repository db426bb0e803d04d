import { listed, number, percent } from '../report/text';
import { REGIMES, type Regime } from '../training/regime';
import { meanInterval, standardDeviation } from '../verdict/interval';
import { figuresOf } from './figures/all';
import { REMEDIES_TITLE, sharpnessIn } from './judge';
import { PHASES } from './folder';
import { EPSILONS, PUBLISHED, SPACES, type Space } from './published';
import type { NetworkReport, PaperReport, PaperRun } from './report';
import { REMEDY_CHANGES, REMEDY_WORDS, type Remedy } from './settings';

export interface PaperTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The report as Markdown: the paper's tables with its own figures beside them, and a claim for each. */
export function paperMarkdown(report: PaperReport): string {
  const { settings, command, networks } = report;
  const claims = networks.flatMap(({ network, claims: own }) =>
    own.map(({ verdict, statement, reason }) => `| ${network} | **${verdict}** | ${statement} | ${reason} |`),
  );
  return [
    `# ${TITLE}`,
    introduction(report),
    ...tablesOf(report).flatMap(({ title, head, rows }) => [
      `## ${title}`,
      [markdownRow(head), markdownRow(head.map(() => '---')), ...rows.map(markdownRow)].join('\n'),
    ]),
    ...(settings.remedies.length > 0 ? [remediesNote(settings.remedies)] : []),
    ...figuresOf(report).flatMap(({ file, chart, caption }) => [
      `## ${chart.title}`,
      `![${chart.title}](${file})`,
      caption,
    ]),
    '## Claims',
    ['| network | verdict | claim | why |', '| --- | --- | --- | --- |', ...claims].join('\n'),
    aboutMetric(report),
    '## The trials',
    [
      markdownRow(TRIAL_HEAD),
      markdownRow(TRIAL_HEAD.map(() => '---')),
      ...trialRows(report).map(markdownRow),
    ].join('\n'),
    '## Made by',
    `\`\`\`\n${command}\n\`\`\``,
    machine(report),
    '',
  ].join('\n\n');
}

export const TITLE = "The paper's own measurements";

/** What was done, in a paragraph. */
export function introduction({ settings, networks }: PaperReport): string {
  return (
    `Keskar et al. 2017, Tables 2, 3 and 4, over ${counted(settings.seeds, 'trial')} from random starts. ` +
    `${listed(networks.map(sizes))}. Both trained by Adam with learning rate ${settings.learningRate} until ` +
    `${settings.patience} epochs had not brought the loss down by ${number(100 * settings.improvement)}%, at most ` +
    `${settings.epochs} epochs. Mean ± standard deviation over trials; the paper's figures are of its full data.`
  );
}

/** What Metric 2.1 cannot tell. */
export function aboutMetric({ settings }: PaperReport): string {
  return (
    'Metric 2.1 depends on how the network is parametrized: scaling one layer up and the next one down leaves the ' +
    'function as it is and changes the metric (Dinh et al. 2017). It is found by ten iterations of L-BFGS-B from each ' +
    'of two starts, so it is a lower bound; paper.json has what each start found, and where they differ a ratio may be ' +
    `off by as much, which its interval over trials does not hold. Batch norm normalized by ${settings.statistics === 'batch' ? "each evaluation batch's own statistics, of LB's batch size, as the authors' networks did" : 'its running statistics'}.`
  );
}

/** What the report was made by. */
export function machine({ environment }: PaperReport): string {
  return (
    `${environment.engineVersion}, ${environment.device}, ${counted(environment.threads, 'thread')}, ` +
    `Node.js ${environment.node}, ${environment.platform}, commit ${environment.commit ?? 'unknown'}.`
  );
}

/** The tables as plain text, for a terminal. */
export function paperText(report: PaperReport): string {
  return tablesOf(report)
    .map(({ title, head, rows }) => {
      const all = [head, ...rows];
      const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
      const lines = all.map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column]))
          .join('  ')
          .trimEnd(),
      );
      return `${title}\n${lines.join('\n')}\n`;
    })
    .join('\n');
}

export const TRIAL_HEAD = [
  'network',
  'regime',
  'seed',
  'batch size',
  'epochs',
  'last loss while training',
  'training loss',
  'distance from start',
  'minutes',
];

/** The trials of all networks, a row each under {@link TRIAL_HEAD}. */
export function trialRows({ networks }: PaperReport): string[][] {
  return networks.flatMap(({ network, runs, remedies }) => [
    ...runs.map((run) => trialRow(network, run, run.regime)),
    ...remedies.flatMap((own) => own.runs.map((run) => trialRow(network, run, `LB, ${own.remedy}`))),
  ]);
}

function trialRow(network: string, run: PaperRun, training: string): string[] {
  return [
    network,
    training,
    String(run.seed),
    String(run.batchSize),
    `${run.epochs}${run.stalled ? '' : ' (the most allowed)'}`,
    number(run.history.at(-1)?.trainingModeLoss ?? NaN),
    number(run.train.loss),
    number(run.distanceFromStart),
    (run.seconds / 60).toFixed(1),
  ];
}

/** Tables 2, 3 and 4, and the remedies' where there are any. */
export function tablesOf({ networks }: PaperReport): PaperTable[] {
  const treated = networks.filter(({ remedies }) => remedies.length > 0);
  return [
    accuracyTable(networks),
    ...SPACES.map((space) => sharpnessTable(networks, space)),
    ...(treated.length > 0 ? [remedyTable(treated)] : []),
    ...(networks.some(({ others }) => others.length > 0) ? [otherTable(networks), noiseTable(networks)] : []),
  ];
}

/** Measures that came after the paper, in evaluation mode. */
function otherTable(networks: readonly NetworkReport[]): PaperTable {
  return {
    title: 'Other measures of sharpness, first trial',
    head: ['network', 'regime', 'SAM rise', 'adaptive SAM rise', 'top Hessian eigenvalue', 'Hessian trace'],
    rows: networks.flatMap(({ network, others }) =>
      others.map(({ regime, sam, adaptiveSam, topEigenvalue, trace }) => [
        network,
        regime,
        plusMinus(sam.value, sam.standardError),
        plusMinus(adaptiveSam.value, adaptiveSam.standardError),
        plusMinus(topEigenvalue.value, topEigenvalue.residual),
        plusMinus(trace.value, trace.standardError),
      ]),
    ),
  };
}

/** The paper's cause. The trace of the covariance may be divided by a ‖gradient‖² of 0, so it stands below the line. */
function noiseTable(networks: readonly NetworkReport[]): PaperTable {
  return {
    title: 'Gradient signal to noise, first trial',
    head: [
      'network',
      'regime',
      ...PHASES.map((phase) => `‖gradient‖² / tr covariance, ${phase} of training`),
    ],
    rows: networks.flatMap(({ network, others }) =>
      others.map(({ regime, noise }) => [
        network,
        regime,
        ...PHASES.map((phase) => {
          const { value, standardError } = noise.find((one) => one.phase === phase)!.signalToNoise;
          return plusMinus(value, standardError);
        }),
      ]),
    ),
  };
}

/** A value with its standard error, or with a bound of its error. */
function plusMinus(value: number, error: number): string {
  return `${number(value)} ± ${number(Number(error.toPrecision(2)))}`;
}

function accuracyTable(networks: readonly NetworkReport[]): PaperTable {
  const columns = [
    { name: 'training accuracy', of: (run: PaperRun) => run.train.accuracy, published: 'trainAccuracy' },
    { name: 'test accuracy', of: (run: PaperRun) => run.test.accuracy, published: 'testAccuracy' },
  ] as const;
  return {
    title: 'Table 2: accuracy',
    head: [
      'network',
      ...columns.flatMap(({ name }) => REGIMES.flatMap((regime) => [`${name} ${regime}`, 'paper'])),
    ],
    rows: networks.map((network) => [
      network.network,
      ...columns.flatMap(({ of, published }) =>
        REGIMES.flatMap((regime) => [
          spread(valuesOf(network, regime, of), percent),
          percent(PUBLISHED[network.network][published][regime]),
        ]),
      ),
    ]),
  };
}

function sharpnessTable(networks: readonly NetworkReport[], space: Space): PaperTable {
  return {
    title:
      space === 'full' ? 'Table 3: sharpness in the full space' : 'Table 4: sharpness in a random subspace',
    head: [
      'network',
      ...EPSILONS.flatMap((epsilon) => REGIMES.flatMap((regime) => [`ε = ${epsilon} ${regime}`, 'paper'])),
    ],
    rows: networks.map((network) => [
      network.network,
      ...EPSILONS.flatMap((epsilon, index) =>
        REGIMES.flatMap((regime) => [
          spread(
            valuesOf(network, regime, (run) => sharpnessIn(run, space, epsilon)),
            number,
          ),
          number(PUBLISHED[network.network].sharpness[space][index][regime]),
        ]),
      ),
    ]),
  };
}

/** SB, LB, and LB with each remedy, one below the other. */
function remedyTable(networks: readonly NetworkReport[]): PaperTable {
  const columns = SPACES.flatMap((space) =>
    EPSILONS.map((epsilon) => ({
      name: `φ in the ${space === 'full' ? 'full space' : 'subspace'}, ε = ${epsilon}`,
      of: (run: PaperRun) => sharpnessIn(run, space, epsilon),
    })),
  );
  return {
    title: REMEDIES_TITLE,
    head: ['network', 'training', 'test accuracy', ...columns.map(({ name }) => name)],
    rows: networks.flatMap(({ network, runs, remedies }) =>
      [
        ...REGIMES.map((regime) => ({
          training: String(regime),
          own: runs.filter((run) => run.regime === regime),
        })),
        ...remedies.map(({ remedy, runs: own }) => ({ training: `LB, ${remedy}`, own })),
      ].map(({ training, own }) => [
        network,
        training,
        spread(
          own.map((run) => run.test.accuracy),
          percent,
        ),
        ...columns.map(({ of }) => spread(own.map(of), number)),
      ]),
    ),
  };
}

/** What was done to LB, and what it was judged by. */
export function remediesNote(remedies: readonly Remedy[]): string {
  const { lambda, iterations } = REMEDY_CHANGES.conservative.conservative;
  const { epsilon } = REMEDY_CHANGES.adversarial.adversarial;
  const what: Readonly<Record<Remedy, string>> = {
    augmentation: 'crops at random out of images padded by four pixels, and flips left to right',
    conservative: `${iterations} steps of Adam a batch, held by λ = ${lambda} to where the batch began`,
    adversarial: `half of the loss is of images moved by ε = ${number(255 * epsilon)}/255 along the sign of their gradient`,
  };
  return (
    `LB was also trained with ${listed(remedies.map((remedy) => `${REMEDY_WORDS[remedy]} (${what[remedy]})`))}, from ` +
    'the same initial weights and ended by the same rule, which looks at the loss that is trained. Accuracy and ' +
    "sharpness are of the images as they are: φ is of the same function of the weights as LB's."
  );
}

function valuesOf({ runs }: NetworkReport, regime: Regime, of: (run: PaperRun) => number): number[] {
  return runs.filter((run) => run.regime === regime).map(of);
}

/** "78.12% ± 0.34%"; one trial has no standard deviation. */
function spread(values: readonly number[], write: (value: number) => string): string {
  const { mean } = meanInterval(values);
  return values.length > 1 ? `${write(mean)} ± ${write(standardDeviation(values))}` : write(mean);
}

function sizes({ network, trainImages, sharpnessImages, runs }: NetworkReport): string {
  const [small, large] = REGIMES.map((regime) => runs.find((run) => run.regime === regime)!.batchSize);
  return (
    `${network}: ${trainImages} training images, SB ${small}, LB ${large}, sharpness over ` +
    `${sharpnessImages === trainImages ? 'all of them' : `the first ${sharpnessImages}`}`
  );
}

function markdownRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
