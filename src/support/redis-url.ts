import { UserError } from '../support/errors';

/** Behind the first /, ? or # there is no name and no password any more: an @ there is of one that has such a sign. */
const SIGN_IN_PASSWORD = /^rediss?:\/\/[^/?#]*[/?#].*@/s;

/**
 * What of a Redis's URL may be shown: host and port.
 *
 * @throws UserError if it is none, which shows no more of it.
 */
export function placeOf(url: string): string {
  if (SIGN_IN_PASSWORD.test(url)) {
    throw new UserError(
      '--queue has a /, ? or # in its name or password: percent-encode them there, as %2F, %3F and %23.',
    );
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !['redis:', 'rediss:'].includes(parsed.protocol) || !parsed.hostname) {
    throw new UserError('--queue must be like redis://user:password@host:6379, or rediss:// for TLS.');
  }
  return `${parsed.hostname}:${parsed.port || 6379}`;
}
