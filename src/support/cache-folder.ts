import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The user's cache folder for this project: `$SHARP_MINIMA_CACHE`, else `$XDG_CACHE_HOME/sharp-minima`,
 * else `~/.cache/sharp-minima`. TensorFlow and the decoded CIFAR-10 live there.
 */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment.SHARP_MINIMA_CACHE;
  if (own) return own;
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sharp-minima');
}
