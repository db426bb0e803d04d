import type { EngineInfo } from './engine';

/** An engine as a sentence says it: "wasm on CPU (…), 2 workers of 1 thread". */
export function describeEngine({ name, device, threads, workers }: EngineInfo): string {
  const ofThreads = `${threads} thread${threads === 1 ? '' : 's'}`;
  return `${name} on ${device}, ${workers > 1 ? `${workers} workers of ` : ''}${ofThreads}`;
}
