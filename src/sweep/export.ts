import { stringify } from 'csv-stringify/sync';
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
] as const;

/**
 * What is known of a sweep as CSV of RFC 4180 with a header, tidy: a row for each job and quantity that was measured of
 * it, and one without a quantity for a job that has none.
 *
 * training is the training's address, epochs those that it took; losses are in nats, accuracies in [0, 1]. What is not
 * a number is an empty cell.
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

function quantitiesOf({ trained, measures }: Row): Quantity[] {
  const of = (quantity: string, value: number, standardError = NaN): Quantity => ({
    quantity,
    value,
    standard_error: standardError,
  });
  const ends = trained
    ? [
        of('training loss', trained.train.loss, trained.train.lossStandardError),
        of('training accuracy', trained.train.accuracy),
        of('test loss', trained.test.loss, trained.test.lossStandardError),
        of('test accuracy', trained.test.accuracy),
        of('distance from start', trained.distanceFromStart),
      ]
    : [];
  const measured = measures.flatMap(({ measure, figures }) =>
    figures ? [of(measureLabel(measure), figures.value, figures.standardError)] : [],
  );
  return [...ends, ...measured];
}
