import type { CurveReport, Report, RunReport } from './report';

/** The report for people to read, as Markdown that stands beside its picture. */
export function reportMarkdown(report: Report): string {
  return (
    [
      `# Do large batches find sharp minima? ${report.verdict}`,
      `**${report.verdict}**: ${report.reason}.`,
      `![Loss curves of SB and LB](sharpness_comparison.png)`,
      scope(report),
      '## Claims',
      claimTable(report),
      '## The two runs',
      runTable(report.runs),
      '## Rises along each direction',
      riseTable(report.curves),
      riseNote(report.curves),
      '## How this was made',
      settingsList(report),
    ].join('\n\n') + '\n'
  );
}

function scope({ runs, preset }: Report): string {
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  const words =
    seeds === 1
      ? 'One seed was run: the interval is over random directions, and the verdict is about these two minimizers, not yet about the two methods.'
      : `${seeds} seeds were run.`;
  const changed = preset.changed.length
    ? ` Flags changed the preset's ${preset.changed.join(', ')}: its usual verdict may not carry over.`
    : '';
  return words + changed;
}

function claimTable({ claims }: Report): string {
  return table(
    ['claim', 'verdict', 'estimate', '95% interval', 'n', 'why'],
    claims.map(({ statement, verdict, estimate, interval, n, reason }) => [
      statement,
      `**${verdict}**`,
      number(estimate),
      n > 1 ? `${number(interval[0])} to ${number(interval[1])}` : '–',
      String(n),
      reason,
    ]),
  );
}

function runTable(runs: readonly RunReport[]): string {
  return table(
    ['run', 'batch size', 'epochs', 'train loss', 'train accuracy', 'test loss', 'test accuracy', 'seconds'],
    runs.map(({ regime, seed, batchSize, epochs, train, test, seconds }) => [
      `${regime}, seed ${seed}`,
      String(batchSize),
      String(epochs),
      number(train.loss),
      percent(train.accuracy),
      number(test.loss),
      percent(test.accuracy),
      seconds.toFixed(0),
    ]),
  );
}

function riseTable(curves: readonly CurveReport[]): string {
  const small = curves.filter(({ regime }) => regime === 'SB');
  return table(
    ['seed', 'direction', 'split', 'SB rise', 'LB rise', 'ratio', 'SB error rise', 'LB error rise'],
    small.map((sb) => {
      const lb = curves.find(
        ({ regime, seed, direction, split }) =>
          regime === 'LB' && seed === sb.seed && direction === sb.direction && split === sb.split,
      );
      return [
        String(sb.seed),
        String(sb.direction),
        sb.split,
        number(sb.rise),
        number(lb?.rise ?? NaN),
        number((lb?.rise ?? NaN) / sb.rise),
        number(sb.errorRise),
        number(lb?.errorRise ?? NaN),
      ];
    }),
  );
}

function riseNote(curves: readonly CurveReport[]): string {
  const { alphas, images, normalization } = curves.find(({ split }) => split === 'train')!;
  const added = Math.max(
    0,
    ...curves.flatMap(({ lossStandardError }) => lossStandardError).filter(Number.isFinite),
  );
  const part =
    added > 0
      ? ` Only a part of the training images was taken, which adds a standard error of up to ${number(added)} nats to a loss.`
      : '';
  return (
    `A rise is the mean over ${alphas.length} alphas in [${Math.min(...alphas)}, ${Math.max(...alphas)}] of ` +
    `L(θ + αd) − L(θ) in nats, over ${images} training images in evaluation mode, with ${normalization} normalization; ` +
    'the error rise is the same of the error rate, which does not depend on the scale of the logits. ' +
    'SB and LB are perturbed by the same noise in each direction. Most of a rise comes from the largest |α|, far ' +
    'from the minimizer.' +
    part
  );
}

function settingsList({ preset, environment }: Report): string {
  const lines = [...Object.entries(environment), ...Object.entries(preset)].map(
    ([name, value]) => `- ${name}: ${Array.isArray(value) ? value.join(', ') || 'none' : String(value)}`,
  );
  return lines.join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : 'n/a';
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}
