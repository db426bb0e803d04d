import { UserError } from '../errors';

/**
 * What of a Redis's URL may be shown: host and port.
 *
 * @throws UserError if it is none.
 */
export function placeOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !['redis:', 'rediss:'].includes(parsed.protocol) || !parsed.hostname) {
    throw new UserError('--queue must be like redis://user:password@host:6379, or rediss:// for TLS.');
  }
  return `${parsed.hostname}:${parsed.port || 6379}`;
}
