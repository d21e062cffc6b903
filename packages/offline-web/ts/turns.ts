/** Lets a burst of calls go on in pieces, in the order of the calls, so that the page can answer in between. */
export interface Turns {
  /** Resolves when it is one's turn: at once for the first few, later for those that come within the same task of the page. */
  next(): Promise<void>;
  /** Something that takes a task of the page at least has ended. */
  rested(): void;
}

/**
 * `atOnce` calls have their turn in one task of the page. Where a task ends is learnt by a message, which costs more than one call: it is sent only
 * for the second call since `rested` was last called, which says that a task has ended.
 */
export function createTurns(atOnce: number): Turns {
  let waiting: (() => void)[] = [];
  let left = atOnce;
  let counting = false;
  const channel = new MessageChannel();

  // A message, for timers wait longer the more of them there are.
  const startCounting = (): void => {
    if (counting) return;
    counting = true;
    channel.port2.postMessage(null);
  };
  channel.port1.onmessage = () => {
    counting = false;
    left = atOnce;
    if (waiting.length === 0) return;
    const now = waiting.slice(0, atOnce);
    waiting = waiting.slice(atOnce);
    left -= now.length;
    startCounting();
    for (const resolve of now) resolve();
  };
  // Under Node an open port keeps the process alive.
  (channel.port1 as { unref?: () => void }).unref?.();

  return {
    next() {
      if (left < atOnce) startCounting();
      if (left === 0 || waiting.length > 0) {
        startCounting();
        return new Promise((resolve) => waiting.push(resolve));
      }
      left -= 1;
      return Promise.resolve();
    },
    rested() {
      if (!counting) left = atOnce;
    },
  };
}
