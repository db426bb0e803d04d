import { listed, number, percent } from '../report/text';
import { REGIMES, type Regime } from '../training/regime';
import { meanInterval, standardDeviation } from '../verdict/interval';
import { sharpnessIn } from './judge';
import { EPSILONS, PUBLISHED, SPACES, type Space } from './published';
import type { NetworkReport, PaperReport, PaperRun } from './report';

interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The report as Markdown: the paper's tables with its own figures beside them, and a claim for each. */
export function paperMarkdown(report: PaperReport): string {
  const { settings, environment, command, networks } = report;
  const claims = networks.flatMap(({ network, claims: own }) =>
    own.map(({ verdict, statement, reason }) => `| ${network} | **${verdict}** | ${statement} | ${reason} |`),
  );
  return [
    "# The paper's own measurements",
    `Keskar et al. 2017, Tables 2, 3 and 4, over ${counted(settings.seeds, 'trial')} from random starts. ` +
      `${listed(networks.map(sizes))}. Both trained by Adam with learning rate ${settings.learningRate} until ` +
      `${settings.patience} epochs had not brought the loss down by ${number(100 * settings.improvement)}%, at most ` +
      `${settings.epochs} epochs. Mean ± standard deviation over trials; the paper's figures are of its full data.`,
    ...tablesOf(report).flatMap(({ title, head, rows }) => [
      `## ${title}`,
      [markdownRow(head), markdownRow(head.map(() => '---')), ...rows.map(markdownRow)].join('\n'),
    ]),
    '## Claims',
    ['| network | verdict | claim | why |', '| --- | --- | --- | --- |', ...claims].join('\n'),
    'Metric 2.1 depends on how the network is parametrized: scaling one layer up and the next one down leaves the ' +
      'function as it is and changes the metric (Dinh et al. 2017). It is found by ten iterations of L-BFGS-B, so ' +
      `it is a lower bound. Batch norm normalized by ${settings.statistics === 'batch' ? "each evaluation batch's own statistics, of LB's batch size, as the authors' networks did" : 'its running statistics'}.`,
    '## The trials',
    [
      markdownRow(TRIAL_HEAD),
      markdownRow(TRIAL_HEAD.map(() => '---')),
      ...networks.flatMap(({ network, runs }) => runs.map((run) => markdownRow(trialRow(network, run)))),
    ].join('\n'),
    '## Made by',
    `\`\`\`\n${command}\n\`\`\``,
    `${environment.engineVersion}, ${environment.device}, ${counted(environment.threads, 'thread')}, ` +
      `Node.js ${environment.node}, ${environment.platform}, commit ${environment.commit ?? 'unknown'}.`,
    '',
  ].join('\n\n');
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

const TRIAL_HEAD = [
  'network',
  'regime',
  'seed',
  'batch size',
  'epochs',
  'training loss',
  'distance from start',
  'minutes',
];

function trialRow(network: string, run: PaperRun): string[] {
  return [
    network,
    run.regime,
    String(run.seed),
    String(run.batchSize),
    `${run.epochs}${run.stalled ? '' : ' (the most allowed)'}`,
    number(run.train.loss),
    number(run.distanceFromStart),
    (run.seconds / 60).toFixed(1),
  ];
}

function tablesOf({ networks }: PaperReport): Table[] {
  return [accuracyTable(networks), ...SPACES.map((space) => sharpnessTable(networks, space))];
}

function accuracyTable(networks: readonly NetworkReport[]): Table {
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

function sharpnessTable(networks: readonly NetworkReport[], space: Space): Table {
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
