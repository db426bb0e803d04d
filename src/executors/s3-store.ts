import {
  DeleteObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { messageOf, UserError } from '../support/errors';
import type { ResultStore } from './store';

/**
 * How long a request may take that is not heard of, in ms; the client tries it again, three times in all. Uploads of large
 * weights on a slow line have five minutes.
 */
const TIMEOUTS: Timeouts = { connectionTimeout: 10_000, socketTimeout: 60_000, requestTimeout: 300_000 };
type Timeouts = Readonly<Record<'connectionTimeout' | 'socketTimeout' | 'requestTimeout', number>>;

/**
 * A store in a bucket of S3, or of a service that speaks its protocol. Credentials, region and endpoint come as AWS's own
 * tools have them, from AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL and so on. An object appears whole or not at all,
 * and the client checks its checksum.
 *
 * @param location s3://bucket/prefix; the prefix may be left out.
 * @throws UserError if it is none.
 */
export function s3Store(
  location: string,
  environment: NodeJS.ProcessEnv = process.env,
  timeouts = TIMEOUTS,
): ResultStore {
  const [, Bucket, path] = /^s3:\/\/([^/]+)\/?(.*?)\/*$/.exec(location) ?? [];
  if (!Bucket)
    throw new UserError(`--store ${location} names no bucket: it is s3://bucket or s3://bucket/prefix.`);
  // That later versions than the pinned one need another Node.js is nothing to a user.
  environment.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const prefix = path ? `${path}/` : '';
  const ownEndpoint = environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  const client = new S3Client({
    // Others than AWS have their buckets in the path, and most of them no regions.
    ...(ownEndpoint && { forcePathStyle: true, region: environment.AWS_REGION ?? 'us-east-1' }),
    // Without them a connection that died is waited for without end.
    requestHandler: { ...timeouts, throwOnRequestTimeout: true },
  });

  /** Turns an error of the service into one for the user. */
  const asking = async <T>(request: Promise<T>): Promise<T> => {
    try {
      return await request;
    } catch (error) {
      if (error instanceof NoSuchKey) throw error;
      const why = `${(error as Error).name}: ${messageOf(error)}`.replaceAll('\n', ' ');
      throw new UserError(`${location} cannot be used (${why}): check its bucket and the AWS_ variables.`);
    }
  };

  return {
    name: location,
    async read(key) {
      try {
        const { Body } = await asking(client.send(new GetObjectCommand({ Bucket, Key: prefix + key })));
        return await asking(Body!.transformToByteArray());
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
    async write(key, content) {
      await asking(client.send(new PutObjectCommand({ Bucket, Key: prefix + key, Body: content })));
    },
    async create(key, content) {
      try {
        await client.send(
          new PutObjectCommand({ Bucket, Key: prefix + key, Body: content, IfNoneMatch: '*' }),
        );
        return true;
      } catch (error) {
        const { name } = error as Error;
        // Another one was first, or is at it in this moment.
        if (name === 'PreconditionFailed' || name === 'ConditionalRequestConflict') return false;
        return asking(Promise.reject(error));
      }
    },
    list: (within) =>
      asking(
        (async () => {
          const names: string[] = [];
          for await (const page of paginateListObjectsV2({ client }, { Bucket, Prefix: prefix + within })) {
            for (const { Key } of page.Contents ?? []) names.push(Key!.slice(prefix.length));
          }
          return names.sort();
        })(),
      ),
    async remove(key) {
      await asking(client.send(new DeleteObjectCommand({ Bucket, Key: prefix + key })));
    },
  };
}
