import { stringify } from 'csv-stringify/sync';
import type { Environment } from '../../jobs/result';
import type { SweepReport } from './report/report';

const COLUMNS = [
  'training',
  'network',
  'protocol',
  'batch_size',
  'seed',
  'train_size',
  'learning_rate',
  'epochs',
  'state',
  'quantity',
  'value',
  'standard_error',
  'engine',
  'device',
  'threads',
  'commit',
] as const;

/**
 * A sweep's results as tidy CSV (RFC 4180) with a header: a row for each run and quantity, and one without a quantity for
 * a run of which nothing is known.
 *
 * `training` is the training's id, `epochs` those that it took; losses are in nats, accuracies in [0, 1]. Engine, device,
 * threads and commit are those that computed the quantity; where several did, they are separated by " / ". What is not a
 * finite number is an empty cell.
 */
export function sweepCsv({ plan, groups, environments }: SweepReport): string {
  const records = groups.flatMap(({ network, protocol, runs }) =>
    runs.flatMap(({ training, batchSize, seed, learningRate, end, state, figures = [] }) => {
      const run = {
        training,
        network,
        protocol,
        batch_size: batchSize,
        seed,
        train_size: plan.trainSize,
        learning_rate: learningRate,
        epochs: end?.epochs,
        state,
      };
      if (figures.length === 0) return [run];
      return figures.map(({ quantity, value, standardError, environments: indices }) => ({
        ...run,
        quantity,
        value,
        standard_error: standardError,
        ...provenance(indices.map((index) => environments[index])),
      }));
    }),
  );
  return stringify(records, {
    header: true,
    columns: COLUMNS,
    record_delimiter: 'windows',
    cast: { number: (value) => (Number.isFinite(value) ? String(value) : '') },
  });
}

function provenance(environments: readonly Environment[]) {
  const all = (of: (environment: Environment) => string | number | null) =>
    [...new Set(environments.map(of))].filter((value) => value !== null).join(' / ');
  return {
    engine: all(({ engineVersion }) => engineVersion),
    device: all(({ device }) => device),
    threads: all(({ threads }) => threads),
    commit: all(({ commit }) => commit),
  };
}
