/** Lets a burst of calls go on in pieces, in the order of the calls, so that the page can answer in between. */
export interface Turns {
  /** Resolves when it is one's turn: at once for the first few, later for those that come within the same task of the page. */
  next(): Promise<void>;
}

/** `atOnce` calls have their turn in one task of the page. */
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
      startCounting();
      if (left === 0 || waiting.length > 0) return new Promise((resolve) => waiting.push(resolve));
      left -= 1;
      return Promise.resolve();
    },
  };
}
