import { availableParallelism, cpus, totalmem } from 'node:os';
import type { EngineName } from '../src/engine/engine';
import { messageOf } from '../src/support/errors';
import { fixedOf, memoryLacking, seriesOf, type Point, type Settings } from './growth-plan';
import type { Growth, GrowthRow } from './growth-results';
import { measurePoint, type Figures, type Outcome } from './growth-point';
import { openSide, type SideName } from './sides';

// How cost grows with one quantity at a time.

type Outcomes = ReadonlyMap<SideName, Outcome>;

const MEMORY_MIB = Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2 ** 20;

/**
 * Measures every point on each engine, and training on PyTorch too.
 *
 * @param onProgress is told what is done so far after every point.
 */
export async function measureGrowth(
  engines: readonly EngineName[],
  settings: Settings,
  onProgress: (growth: Growth, fresh: readonly GrowthRow[]) => void,
): Promise<Growth> {
  const threads = availableParallelism();
  const names: readonly SideName[] = [...engines, 'pytorch'];
  const { versions, missing } = await callTheRoll(names);
  const rows: GrowthRow[] = [];
  const growth: Growth = {
    machine: {
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      threads,
      memoryGiB: MEMORY_MIB / 1024,
      node: process.version,
      versions,
    },
    fixed: fixedOf(settings),
    rows,
  };
  const known = new Map<string, Outcomes>();

  for (const { varies, points } of seriesOf(settings, threads)) {
    // Each point costs more than the one before, so a side that failed there is not tried again.
    const out = new Map(missing);
    let before: { value: number; outcomes: Outcomes } | undefined;
    for (const { value, point } of points) {
      const sides = names.filter((name) => point.task === 'train' || name !== 'pytorch');
      const key = JSON.stringify(point);
      const outcomes = known.get(key) ?? (await outcomesAt(point, sides, out, lacking(before, value)));
      known.set(key, outcomes);
      const fresh = sides.map((engine): GrowthRow => {
        const outcome = outcomes.get(engine)!;
        const common = { engine, varies, value };
        if (typeof outcome !== 'string') return { ...common, ...outcome, reason: null };
        if (!out.has(engine)) out.set(engine, `${outcome} (at ${varies} ${value})`);
        return { ...common, ...NOTHING, reason: outcome };
      });
      rows.push(...fresh);
      onProgress(growth, fresh);
      before = { value, outcomes };
    }

    function lacking(earlier: typeof before, value: number): ReadonlyMap<SideName, string> {
      if (!earlier || (varies !== 'batch size' && varies !== 'width')) return new Map();
      const peaks = new Map<SideName, number>();
      for (const [name, one] of earlier.outcomes) if (typeof one !== 'string') peaks.set(name, one.peakMiB!);
      return memoryLacking(peaks, value / earlier.value, MEMORY_MIB);
    }
  }
  return growth;

  /** What comes of a point on every side: of those that are out, why they are. */
  async function outcomesAt(
    point: Point,
    sides: readonly SideName[],
    out: ReadonlyMap<SideName, string>,
    lacking: ReadonlyMap<SideName, string>,
  ): Promise<Outcomes> {
    const still = sides.filter((name) => !out.has(name) && !lacking.has(name));
    const outcomes = await measurePoint(point, still, settings);
    return new Map(sides.map((name) => [name, out.get(name) ?? lacking.get(name) ?? outcomes.get(name)!]));
  }
}

const NOTHING: Figures = {
  imagesPerSecond: null,
  seconds: null,
  cores: null,
  peakMiB: null,
  timesPytorch: null,
};

/** Opens each side once: its version, or why it cannot be had here. */
async function callTheRoll(
  names: readonly SideName[],
): Promise<{ versions: Record<string, string>; missing: Map<SideName, string> }> {
  const versions: Record<string, string> = {};
  const missing = new Map<SideName, string>();
  for (const name of names) {
    try {
      const side = await openSide(name);
      versions[name] = side.version;
      await side.end();
    } catch (error) {
      missing.set(name, messageOf(error));
    }
  }
  return { versions, missing };
}
