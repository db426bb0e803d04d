import { Root } from 'protobufjs/light';
import type { Report, RunReport } from './report';
import { tfRecord } from './tfrecord';

type Epoch = RunReport['history'][number];

/** A file of a log, its path relative to the folder that TensorBoard is started on. */
export interface LogFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** The part of TensorFlow's event.proto and summary.proto that scalars need. Outside a oneof a 0 is not written. */
const Event = Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
      },
    },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: {
      fields: { tag: { type: 'string', id: 1 }, simpleValue: { type: 'float', id: 2 } },
      oneofs: { value: { oneof: ['simpleValue'] } },
    },
  },
}).lookupType('Event');

/** TensorBoard looks for tfevents; the digits are the second in which the file was begun, which a report lacks. */
const FILE_NAME = 'events.out.tfevents.0000000000.sharp-minima';

/**
 * The trainings of a report as TensorBoard logs, a folder each: SB-seed42, LB-seed42, SB-control-seed42.
 *
 * A step is an epoch: train/loss (nats, in training mode), train/learning_rate and, where it was tested, test/loss
 * (nats) and test/accuracy (in [0, 1]), all in float32. A report has no dates, so that time counts from the start
 * of the training, each epoch an equal share of its seconds.
 */
export function tensorboardFiles({ runs, control }: Report): LogFile[] {
  return [
    ...runs.map((run) => logFile(`${run.regime}-seed${run.seed}`, run)),
    ...(control?.runs ?? []).map((run) => logFile(`${run.regime}-control-seed${run.seed}`, run)),
  ];
}

function logFile(folder: string, { history, seconds, epochs }: RunReport): LogFile {
  const events = [
    { fileVersion: 'brain.Event:2' },
    ...history.map((record) => ({
      wallTime: (seconds * record.epoch) / epochs,
      step: record.epoch,
      summary: { value: scalarsOf(record) },
    })),
  ];
  const records = events.map((event) => tfRecord(Event.encode(event).finish()));
  return { path: `${folder}/${FILE_NAME}`, content: Buffer.concat(records) };
}

function scalarsOf({ trainingModeLoss, learningRate, test }: Epoch): { tag: string; simpleValue: number }[] {
  const train = [
    { tag: 'train/loss', simpleValue: trainingModeLoss },
    { tag: 'train/learning_rate', simpleValue: learningRate },
  ];
  if (!test) return train;
  return [
    ...train,
    { tag: 'test/loss', simpleValue: test.loss },
    { tag: 'test/accuracy', simpleValue: test.accuracy },
  ];
}
