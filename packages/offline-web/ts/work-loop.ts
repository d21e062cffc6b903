const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 30_000;

/** Does one piece of work after the other. After a failure it waits, longer each time, before it asks for work again. */
export interface WorkLoop {
  /** There may be work. During the wait after a failure it stays until the wait is over. */
  wake(): void;
  /** The same, and ends the wait. */
  hurry(): void;
  stop(): void;
}

/** `next` says what to do now, or null. Failures go to `onError`; each is reported once. */
export function createWorkLoop(next: () => (() => Promise<void>) | null, onError: (thrown: unknown) => void): WorkLoop {
  let running = false;
  let stopped = false;
  let retry: ReturnType<typeof setTimeout> | null = null;
  let failures = 0;

  const more = (): ReturnType<typeof next> => (stopped ? null : next());
  const run = async (): Promise<void> => {
    try {
      for (let step = more(); step !== null; step = more()) await step();
      failures = 0;
    } catch (thrown) {
      if (stopped) return;
      retry = setTimeout(hurry, Math.min(RETRY_FIRST_MS * 2 ** failures, RETRY_LAST_MS));
      failures += 1;
      onError(thrown);
    } finally {
      running = false;
    }
  };
  const wake = (): void => {
    if (running || retry !== null || more() === null) return;
    running = true;
    queueMicrotask(() => void run());
  };
  const endWait = (): void => {
    if (retry !== null) clearTimeout(retry);
    retry = null;
  };
  const hurry = (): void => {
    endWait();
    wake();
  };
  return {
    wake,
    hurry,
    stop() {
      stopped = true;
      endWait();
    },
  };
}
