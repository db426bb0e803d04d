/**
 * Resolves in the event loop's next turn, so that signals and progress displays are served during a long computation.
 * Node.js has `setImmediate`; elsewhere a timer does.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve);
  });
}
