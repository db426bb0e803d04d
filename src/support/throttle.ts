/** How often a long job is heard of where no bar shows it, in ms. */
const INTERVAL = 300_000;

/**
 * Calls a function at most once in an interval, and not in the first one.
 *
 * @param interval in ms; five minutes by default.
 * @param now in ms.
 */
export function throttled<Args extends readonly unknown[]>(
  act: (...args: Args) => void,
  interval = INTERVAL,
  now: () => number = () => performance.now(),
): (...args: Args) => void {
  let last = now();
  return (...args) => {
    if (now() - last < interval) return;
    last = now();
    act(...args);
  };
}
