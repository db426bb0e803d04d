import type { Block, PageDocument, Section, Table } from '../../report/section';
import { count, listed, number } from '../../report/text';
import { STATISTICS_BATCH } from '../../training/statistics';
import { figuresOf } from './figures/all';
import { REMEDIES_TITLE } from './judge';
import type { NetworkReport, PaperReport } from './report';
import { largeBatchOf, REMEDY_CHANGES, REMEDY_WORDS, type PaperSettings, type Remedy } from './settings';
import { tablesOf, trialTable } from './tables';

/** The report as a document; the page and the Markdown are renderings of it. */
export function paperDocument(report: PaperReport): PageDocument {
  const { settings, progress, networks, command } = report;
  const claims = networks.flatMap(({ network, claims: own }) =>
    own.map(({ verdict, statement, reason }) => [network, { verdict }, statement, reason]),
  );
  return {
    title: "The paper's own measurements",
    lead: [introduction(report)],
    sections: [
      ...(progress
        ? [
            section(
              'What is missing',
              {
                paragraph: `${count(progress.done, 'job')} done. There are no claims before the end. Missing:`,
              },
              { list: progress.missing },
            ),
          ]
        : []),
      ...tablesOf(report).map((table) =>
        tableSection(
          table,
          ...(table.name === REMEDIES_TITLE ? [{ paragraph: remediesNote(settings.remedies) }] : []),
        ),
      ),
      ...figuresOf(report).map(({ id, chart, caption }) =>
        section(chart.title, { figure: id, caption: chart.subtitle }, { paragraph: caption }),
      ),
      section(
        'Claims',
        ...(claims.length > 0
          ? [{ table: { name: 'Claims', head: ['network', 'verdict', 'claim', 'why'], rows: claims } }]
          : []),
        { paragraph: aboutMetric(report) },
      ),
      tableSection(trialTable(report)),
      section('How to reproduce it', { code: command }, { paragraph: machine(report) }),
    ],
  };
}

function section(title: string, ...blocks: Block[]): Section {
  return { title, level: 2, blocks };
}

function tableSection(table: Table, ...notes: Block[]): Section {
  return section(table.name, { table }, ...notes);
}

/** What was measured, in a paragraph. */
function introduction({ settings, networks }: PaperReport): string {
  return (
    `Keskar et al. 2017, Tables 2, 3 and 4, over ${count(settings.seeds, 'trial')} from random starts. ` +
    `${listed(networks.map((network) => sizes(settings, network)))}. Both trained by Adam with learning rate ${settings.learningRate} until ` +
    `${count(settings.patience, 'epoch')} had not reduced the loss by ${number(100 * settings.improvement)}%, at most ` +
    `${settings.epochs} epochs. Mean ± standard deviation over trials; the paper's figures are from its full data.`
  );
}

/** What Metric 2.1 cannot tell, and how it was measured. */
function aboutMetric({ settings, format }: PaperReport): string {
  const batches = format === undefined ? "of LB's batch size" : `in batches of ${STATISTICS_BATCH} images`;
  const statistics =
    settings.statistics === 'batch'
      ? `each evaluation batch's own statistics, ${batches}, as the authors' networks did`
      : 'its running statistics';
  return (
    'Metric 2.1 depends on how the network is parametrized: scaling one layer up and the next one down leaves the ' +
    'function as it is and changes the metric (Dinh et al. 2017). It is found by ten iterations of L-BFGS-B from each ' +
    'of two starts, so it is a lower bound. paper.json has the value from each start; where the two differ, a ratio may ' +
    'be off by as much, and its interval over trials does not include that error. Batch norm normalized by ' +
    `${statistics}.`
  );
}

/** The program and the machine behind the report. */
function machine({ environment }: PaperReport): string {
  return (
    `${environment.engineVersion}, ${environment.device}, ${count(environment.threads, 'thread')}, ` +
    `Node.js ${environment.node}, ${environment.platform}, commit ${environment.commit ?? 'unknown'}.`
  );
}

/** How LB was trained with remedies, and what was measured. */
function remediesNote(remedies: readonly Remedy[]): string {
  const { lambda, iterations } = REMEDY_CHANGES.conservative.conservative;
  const { epsilon } = REMEDY_CHANGES.adversarial.adversarial;
  const what: Readonly<Record<Remedy, string>> = {
    augmentation: 'random crops of images padded by four pixels, and flips left to right',
    conservative: `${iterations} steps of Adam for each batch, with a penalty of λ = ${lambda} on the distance from the weights before it`,
    adversarial: `half of the loss is on images shifted by ε = ${number(255 * epsilon)}/255 along the sign of their gradient`,
  };
  return (
    `LB was also trained with ${listed(remedies.map((remedy) => `${REMEDY_WORDS[remedy]} (${what[remedy]})`))}, from ` +
    'the same initial weights and with the same stopping rule, applied to the loss that is trained. Accuracy and ' +
    "sharpness are measured on the unchanged images, so that φ is of the same function of the weights as LB's."
  );
}

function sizes(settings: PaperSettings, { network, trainImages, sharpnessImages }: NetworkReport): string {
  const images = sharpnessImages === trainImages ? 'all of them' : `the first ${sharpnessImages}`;
  return (
    `${network}: ${trainImages} training images, SB ${settings.smallBatch}, LB ${largeBatchOf(settings, network)}, ` +
    `sharpness over ${images}`
  );
}
