import type { EngineInfo } from '../../src/engine/engine';

export type Name = EngineInfo['name'];

const VARIABLE = 'SHARP_MINIMA_SPEC_ENGINES';

/** Tells the specs, which run in sandboxes of their own, why each engine is missing here, or null where it is not. */
export function announceAvailability(missing: Readonly<Record<Name, string | null>>): void {
  process.env[VARIABLE] = JSON.stringify(missing);
}

/** Each engine, the fastest first, with the reason why it is missing here, or null. */
export function availability(): [Name, string | null][] {
  return Object.entries(JSON.parse(process.env[VARIABLE] ?? '{}')) as [Name, string | null][];
}
