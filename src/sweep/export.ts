import { stringify } from 'csv-stringify/sync';
import type { EnvironmentReport } from '../report/report';
import type { Row } from './collect';
import { measureLabel } from './measure';

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
 * What is known of a sweep as CSV of RFC 4180 with a header, tidy: a row for each job and quantity that was measured of
 * it, and one without a quantity for a job that has none.
 *
 * training is the training's address, epochs those that it took; losses are in nats, accuracies in [0, 1]. Engine,
 * device, threads and commit are those that the quantity was found with. What is not a number is an empty cell.
 */
export function sweepCsv(rows: readonly Row[]): string {
  return stringify(rows.flatMap(recordsOf), {
    header: true,
    columns: COLUMNS,
    record_delimiter: 'windows',
    cast: { number: (value) => (Number.isFinite(value) ? String(value) : '') },
  });
}

interface Quantity {
  readonly quantity: string;
  readonly value: number;
  readonly standard_error: number;
  readonly engine?: string;
  readonly device?: string;
  readonly threads?: number;
  readonly commit?: string | null;
}

function recordsOf(row: Row): object[] {
  const { id, protocol, training, state, trained } = row;
  const { network, batchSize, seed, trainSize, learningRate } = training;
  const job = {
    training: id,
    network,
    protocol,
    batch_size: batchSize,
    seed,
    train_size: trainSize,
    learning_rate: learningRate,
    epochs: trained?.history.length,
    state,
  };
  const quantities = quantitiesOf(row);
  return quantities.length > 0 ? quantities.map((quantity) => ({ ...job, ...quantity })) : [job];
}

function quantitiesOf({ trained, environment, measures }: Row): Quantity[] {
  const ends = trained
    ? [
        { quantity: 'training loss', value: trained.train.loss, error: trained.train.lossStandardError },
        { quantity: 'training accuracy', value: trained.train.accuracy },
        { quantity: 'test loss', value: trained.test.loss, error: trained.test.lossStandardError },
        { quantity: 'test accuracy', value: trained.test.accuracy },
        { quantity: 'distance from start', value: trained.distanceFromStart },
      ].map((end) => ({ ...end, by: environment }))
    : [];
  const measured = measures.flatMap(({ measure, figures, environment: by }) => {
    if (!figures) return [];
    const quantity = measureLabel(measure);
    const { value, standardError: error, details } = figures;
    const { residual } = details;
    const bound =
      typeof residual === 'number' ? [{ quantity: `${quantity}, residual`, value: residual, by }] : [];
    return [{ quantity, value, error, by }, ...bound];
  });
  return [...ends, ...measured].map(({ quantity, value, error = NaN, by }: Figure) => ({
    quantity,
    value,
    standard_error: error,
    engine: by?.engineVersion,
    device: by?.device,
    threads: by?.threads,
    commit: by?.commit,
  }));
}

interface Figure {
  readonly quantity: string;
  readonly value: number;
  /** Its standard error, where it has one. */
  readonly error?: number;
  readonly by?: EnvironmentReport;
}
