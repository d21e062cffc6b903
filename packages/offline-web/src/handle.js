// @ts-check
/**
 * The handle of an open partition, `EngineHandle` in `ts/types.ts`: every method is one call into the engine, which knows them by numbers, because each
 * function that a module exports is code on both sides. Texts are JSON.
 *
 * @typedef {(call: number, text: string, more?: string) => any} Ask
 * @param {Ask} ask
 */
export function handle(ask) {
  /** In the order of `Call::of` in `handle.rs`. */
  const [enqueue, list, journal, syncNow, retryWithLatest, blastRadius, discard, wipe, close, overlay, signedIn, hint, free] = Array.from(
    { length: 13 },
    (_, call) => (text = '', /** @type {string | undefined} */ more = undefined) => ask(call, text, more),
  );
  return {
    enqueue,
    list,
    journal,
    syncNow,
    retryWithLatest,
    blastRadius,
    discard,
    wipe: (evenUnsynced) => wipe(evenUnsynced ? 'lose' : 'keep'),
    close,
    overlay(kind, records, entries, journal) {
      const said = overlay(`{"kind":${JSON.stringify(kind)},"records":${records},"entries":${entries},"journal":${journal}}`);
      // Records are a list, an error is an object.
      if (said[0] === '{') throw said;
      return said;
    },
    signedIn,
    hint,
    free,
  };
}
