import { execFileSync } from 'node:child_process';
import { totalmem } from 'node:os';
import type { EngineInfo } from '../engine/engine';
import type { Environment } from '../jobs/result';

/** What results are computed with. */
export function environmentOf(info: EngineInfo, skipped: readonly string[], dataSha256: string): Environment {
  return {
    engine: info.name,
    engineVersion: info.version,
    device: info.device,
    threads: info.threads,
    skippedEngines: [...skipped],
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    commit: currentCommit(),
    dataSha256,
  };
}

/** Bytes of main memory, of the machine, or of the container where that is less. */
export function availableMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

function currentCommit(): string | null {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=40', '--exclude', '*'], {
      cwd: __dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
}
