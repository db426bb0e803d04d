/**
 * An error whose message alone tells the user what is wrong and how to mend it.
 * The command line prints it as one line and exits with 2; every other error is a defect.
 */
export class UserError extends Error {
  override name = 'UserError';
}

/** A device that has no memory left for the work; the caller knows what the work was. */
export class OutOfDeviceMemory extends UserError {
  override name = 'OutOfDeviceMemory';
}

/** Why work stopped halfway: the user or the system asked for it, and what was done is stored. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
