import type { Rates } from '../compute/rates';
import type { EngineInfo, EngineName } from '../engine/engine';

// What a worker process and the one that started it say to each other.

/** What a worker process is told as it starts, as its argument. */
export interface WorkerSetting {
  readonly engine: EngineName;
  readonly cache: string;
  /** See openStore. */
  readonly store: string;
  /** The folder of data sets that the user has. */
  readonly data?: string;
}

export type ToWorker =
  /** A job's value, which the worker checks. */
  | { readonly kind: 'run'; readonly job: unknown }
  | { readonly kind: 'rates' }
  /** Stores what was done of the job under way, and ends it. */
  | { readonly kind: 'interrupt' }
  /** Ends the process: behind a disconnect Node would not tell of its end. */
  | { readonly kind: 'end' };

export type FromWorker =
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  | { readonly kind: 'unready'; readonly message: string }
  | { readonly kind: 'say'; readonly line: string }
  | { readonly kind: 'progress'; readonly images: number; readonly note: string }
  | { readonly kind: 'rates'; readonly rates: Rates }
  | { readonly kind: 'done' }
  | { readonly kind: 'interrupted' }
  /** In one line. */
  | { readonly kind: 'failed'; readonly message: string };
