import { chooseEngine } from '../compute/choose';
import type { Probe } from '../compute/probe';
import type { Rates } from '../compute/rates';
import { ENGINE_NAMES, type EngineName } from '../engine/engine';
import { presetSeconds } from '../studies/comparison/cost';
import { PRESETS, type PresetName } from '../studies/comparison/settings';
import { duration, imagesPerSecond } from '../support/progress';

/** What a machine can do: `doctor --json`. What is not known is null. */
export interface Diagnosis {
  readonly engines: readonly EngineDiagnosis[];
  /** With the engine that is chosen where none is named; null where none works. */
  readonly presets: readonly { readonly name: PresetName; readonly seconds: number | null }[];
}

export interface EngineDiagnosis {
  readonly name: EngineName;
  readonly available: boolean;
  readonly version: string | null;
  readonly device: string | null;
  readonly trainImagesPerSecond: number | null;
  readonly evalImagesPerSecond: number | null;
  /** What is the matter and how to mend it, where it is not available. */
  readonly remedy: string | null;
}

/**
 * Tries every engine, one after the other.
 *
 * @param probe tries one and measures how fast it is.
 */
export async function diagnose(probe: (name: EngineName) => Promise<Probe>): Promise<Diagnosis> {
  const probes = new Map<EngineName, Probe>();
  for (const name of ENGINE_NAMES) probes.set(name, await probe(name));
  const { name: chosen } = await chooseEngine(async (name) => probes.get(name)!);
  const rates = chosen ? ratesOf(probes.get(chosen)!) : undefined;
  return {
    engines: ENGINE_NAMES.map((name) => engineDiagnosis(name, probes.get(name)!)),
    presets: PRESETS.map((name) => ({
      name,
      seconds: rates ? Math.round(presetSeconds(name, rates)) : null,
    })),
  };
}

function ratesOf(probe: Probe): Rates | undefined {
  return 'info' in probe ? probe.rates : undefined;
}

function engineDiagnosis(name: EngineName, probe: Probe): EngineDiagnosis {
  const rates = ratesOf(probe);
  const info = 'info' in probe ? probe.info : undefined;
  return {
    name,
    available: info !== undefined,
    version: info?.version ?? null,
    device: info?.device ?? null,
    trainImagesPerSecond: rates?.training ?? null,
    evalImagesPerSecond: rates?.evaluation ?? null,
    remedy: 'missing' in probe ? probe.missing : null,
  };
}

/** A diagnosis for people. */
export function diagnosisText({ engines, presets }: Diagnosis): string {
  const rows = engines.map((engine) => [
    engine.name,
    engine.available ? 'works' : 'missing',
    engine.device ?? '–',
    rate(engine.trainImagesPerSecond),
    rate(engine.evalImagesPerSecond),
    engine.version ?? '–',
  ]);
  const missing = engines.flatMap(({ name, remedy }) => (remedy ? [`${name}: ${remedy}`] : []));
  return [
    ...aligned([['engine', '', 'device', 'training, images/s', 'evaluation, images/s', 'version'], ...rows]),
    ...(missing.length ? ['', ...missing] : []),
    '',
    ...aligned([
      ['preset', 'expected time here'],
      ...presets.map(({ name, seconds }) => [name, seconds === null ? '–' : duration(seconds)]),
    ]),
    '',
  ].join('\n');
}

function rate(value: number | null): string {
  return value === null ? '–' : imagesPerSecond(value);
}

function aligned(rows: readonly string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}
