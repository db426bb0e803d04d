import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { common } from './options';
import type { Command } from 'commander';
import type { Report } from '../report/report';
import { tensorboardFiles } from '../report/tensorboard';
import { comparisonStudy } from '../studies/comparison/study';
import { paperStudy } from '../studies/paper/study';
import type { Study } from '../studies/study';
import { sweepStudy } from '../studies/sweep/study';
import { UserError } from '../support/errors';
import { resultWriter } from '../support/folders';
import { holdFolder } from './out-folder';

export function reportOptions(command: Command): Command {
  return common(command)
    .description('write every form of a report again from its report.json or paper.json, without a store')
    .argument('<dir>', 'a folder with a report')
    .option('--tensorboard', "also write an experiment's training logs as TensorBoard event files");
}

/** Renders the report that a folder holds, of whichever study. */
export async function rewriteReport(path: string, { tensorboard }: { tensorboard?: boolean }): Promise<void> {
  const file = ['report.json', 'paper.json'].map((name) => join(path, name)).find(existsSync);
  if (!file)
    throw new UserError(`${path} holds no report.json and no paper.json: name the folder of a report.`);
  await holdFolder(path);
  const text = readFileSync(file, 'utf8');
  const write = resultWriter(path);
  const render = async <Findings>({ parse, files }: Study<never, Findings>): Promise<Findings> => {
    const findings = parse(text, file);
    for (const { name, content } of await files(findings)) write(name, content);
    return findings;
  };
  const kind = studyIn(text, file);
  if (tensorboard && kind !== 'comparison') {
    throw new UserError(`--tensorboard is for an experiment's report, and ${file} is of another study.`);
  }
  if (kind === 'paper') await render(paperStudy);
  else if (kind === 'sweep') await render(sweepStudy);
  else {
    const report: Report = await render(comparisonStudy);
    if (tensorboard) {
      for (const { path: name, content } of tensorboardFiles(report)) write(`tensorboard/${name}`, content);
    }
  }
  process.stdout.write(`${join(path, kind === 'paper' ? 'paper.html' : 'report.html')}\n`);
}

/** Which study a report is of; those of earlier versions do not say so. */
function studyIn(text: string, file: string): 'comparison' | 'paper' | 'sweep' {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${file} is not JSON: it is damaged.`);
  }
  const { study } = (value ?? {}) as { study?: unknown };
  if (study === 'paper' || study === 'sweep' || study === 'comparison') return study;
  if (file.endsWith('paper.json')) return 'paper';
  return typeof value === 'object' && value !== null && 'verdict' in value ? 'comparison' : 'sweep';
}
