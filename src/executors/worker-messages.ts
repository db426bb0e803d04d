import type { Rates } from '../compute/rates';
import type { EngineInfo, EngineName } from '../engine/engine';

// What a worker process and the process that started it send each other.

/** What a worker process is given at its start, as its argument. */
export interface WorkerSetting {
  readonly engine: EngineName;
  readonly cache: string;
  /** See openStore. */
  readonly store: string;
  /** A second store, which is only read. */
  readonly also?: string;
  /** The folder of data sets that the user has. */
  readonly data?: string;
  /** Engines that were tried before this one, for the record. */
  readonly skipped: readonly string[];
}

export type ToWorker =
  /** A job's value, which the worker checks. */
  | { readonly kind: 'run'; readonly job: unknown }
  | { readonly kind: 'rates'; readonly batchSize: number }
  /** Stores what was done of the job under way, and ends it. */
  | { readonly kind: 'interrupt' }
  /** Ends the process. */
  | { readonly kind: 'end' };

export type FromWorker =
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  | { readonly kind: 'unready'; readonly message: string }
  | { readonly kind: 'say'; readonly line: string }
  | { readonly kind: 'images'; readonly images: number; readonly of: 'training' | 'evaluation' }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'milestone'; readonly text: string }
  | { readonly kind: 'rates'; readonly rates: Rates }
  | { readonly kind: 'done' }
  | { readonly kind: 'interrupted' }
  /** In one line. */
  | { readonly kind: 'failed'; readonly message: string };
