/** After so long without an error, in ms, the next one is of another outage. */
const QUIET = 60_000;

/**
 * Says what is wrong with a connection once for each outage, not at every attempt to have it back.
 *
 * @param now in ms.
 */
export function onceAnOutage(
  say: (line: string) => void,
  now: () => number = () => performance.now(),
): (error: Error) => void {
  const said = new Set<string>();
  let last = -Infinity;
  return ({ message }) => {
    if (now() - last > QUIET) said.clear();
    last = now();
    if (said.has(message)) return;
    said.add(message);
    say(message);
  };
}
