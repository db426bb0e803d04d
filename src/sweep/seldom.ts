/** How often a long job is heard of where no bar shows it, in ms. */
const EVERY = 300_000;

/**
 * Does something at most every five minutes, however often it is asked to, and not in the first five.
 *
 * @param now in ms.
 */
export function seldom<Args extends readonly unknown[]>(
  act: (...args: Args) => void,
  now: () => number = () => performance.now(),
): (...args: Args) => void {
  let last = now();
  return (...args) => {
    if (now() - last < EVERY) return;
    last = now();
    act(...args);
  };
}
