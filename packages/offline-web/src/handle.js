// @ts-check
/**
 * The handle of an open partition, `EngineHandle` in `ts/types.ts`: every method is one call into the engine, which knows them by numbers, because each
 * function that a module exports is code on both sides. Texts are JSON.
 *
 * @param {(call: number, text: string, more?: string) => any} ask
 * @returns {import('../ts/types.ts').EngineHandle}
 */
export function handle(ask) {
  /** @param {number} number */
  const call = (number) => (text = '', /** @type {string | undefined} */ more = undefined) => ask(number, text, more);
  // The numbers are those of `calls.rs`.
  const [wipe, overlay] = [call(7), call(9)];
  return {
    enqueue: call(0),
    list: call(1),
    journal: call(2),
    syncNow: call(3),
    retryWithLatest: call(4),
    blastRadius: call(5),
    discard: call(6),
    wipe: (evenUnsynced) => wipe(evenUnsynced ? 'lose' : 'keep'),
    close: call(8),
    overlay(kind, records, entries, journal) {
      const said = overlay(`{"kind":${JSON.stringify(kind)},"records":${records},"entries":${entries},"journal":${journal}}`);
      // Records are a list, an error is an object.
      if (said[0] === '{') throw said;
      return said;
    },
    signedIn: call(10),
    hint: call(11),
    free: call(12),
  };
}
