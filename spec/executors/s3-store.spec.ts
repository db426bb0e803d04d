import { createServer, type AddressInfo, type Socket } from 'node:net';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import { openStore } from '../../src/executors/open-store';
import { s3Store } from '../../src/executors/s3-store';
import { s3ServerMissing, startS3Server } from '../helpers/s3-server';
import { storeConformance } from '../helpers/store-conformance';

test('a store whose service does not answer, or stops halfway, is given up in one line', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (request) => {
      if (!request.toString().includes('halfway')) return;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nno more');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const earlier = { ...process.env };
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
  });
  try {
    const timeouts = { connectionTimeout: 500, socketTimeout: 300, requestTimeout: 500 };
    const store = s3Store('s3://sweeps/x', process.env, timeouts);
    const asks = [
      () => store.read('a'),
      () => store.read('halfway'),
      () => store.write('a', Buffer.from('1')),
      () => store.create('a', Buffer.from('1')),
      () => store.list(''),
    ];
    for (const ask of asks) {
      await expect(ask()).rejects.toThrow(/^s3:\/\/sweeps\/x cannot be used \(.*\): check its bucket/);
    }
  } finally {
    process.env = earlier;
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

const PAGE = 10;
const missing = s3ServerMissing();

if (missing) process.stderr.write(`The specs do without a store in S3: ${missing}\n`);

(missing ? describe.skip : describe)('a store in S3', () => {
  let server: Awaited<ReturnType<typeof startS3Server>>;
  let stores = 0;
  const earlier = { ...process.env };
  const open = (location: string) => openStore(location, () => {});

  beforeAll(async () => {
    server = await startS3Server(PAGE);
    const { endpoint } = server;
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
    });
    const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1' });
    await client.send(new CreateBucketCommand({ Bucket: 'sweeps' }));
  });
  afterAll(() => {
    server.stop();
    process.env = earlier;
  });

  storeConformance(async () => open(`s3://sweeps/${++stores}`));

  test('lists more names than come in one answer', async () => {
    const store = open('s3://sweeps/many');
    const names = Array.from({ length: 2 * PAGE + 3 }, (_, at) => `results/${String(at).padStart(2, '0')}`);
    for (const name of names) await store.write(name, Buffer.from('1'));
    expect(await store.list('results/')).toEqual(names);
  });

  test('in a bucket alone, or one that is not there, is used, or refused in one line', async () => {
    const whole = open('s3://sweeps');
    await whole.write('results/a', Buffer.from('1'));
    expect(await whole.list('results/')).toEqual(['results/a']);
    const nowhere = open('s3://nowhere/x');
    const asks = [
      () => nowhere.read('a'),
      () => nowhere.write('a', Buffer.from('1')),
      () => nowhere.create('a', Buffer.from('1')),
      () => nowhere.list(''),
    ];
    for (const ask of asks) {
      await expect(ask()).rejects.toThrow(UserError);
      await expect(ask()).rejects.toThrow(
        /^s3:\/\/nowhere\/x cannot be used \(NoSuchBucket: .*\): check its bucket/,
      );
    }
    expect(() => open('s3://')).toThrow('--store s3:// names no bucket');
  });
});
