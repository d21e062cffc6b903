import type { OverlaidRecord } from 'offline-web';
import { useState } from 'react';

export interface HeldRecord<Data> {
  /** What a form works on: the record as it was when typing began, else as it is. Its `expected` is what the author had before his eyes. */
  base: OverlaidRecord<Data>;
  /** Whether the record has changed since typing began. */
  changedMeanwhile: boolean;
  onDirty: (dirty: boolean) => void;
  /** Lets go: the form starts anew with the record as it is. */
  release: () => void;
}

/** Keeps a record still while somebody types, so that news from the server neither wipes a form nor slips under an edit. */
export function useHeldRecord<Data>(record: OverlaidRecord<Data>): HeldRecord<Data> {
  const [held, setHeld] = useState<OverlaidRecord<Data> | null>(null);
  return {
    base: held ?? record,
    changedMeanwhile: held !== null && held.data !== record.data && JSON.stringify(held.data) !== JSON.stringify(record.data),
    onDirty: (dirty) => setHeld((before) => (dirty ? (before ?? record) : null)),
    release: () => setHeld(null),
  };
}
