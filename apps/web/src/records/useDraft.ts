import { useOutbox } from 'offline-react';
import type { EnqueuedCommand, OverlaidRecord } from 'offline-web';
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { usePartition } from '../session/PartitionContext.tsx';
import { changedMeanwhile, saved, settled, typed, type Draft, type FieldsOf } from './draft.ts';

export interface DraftForm<Data, Fields> extends Draft<Data, Fields> {
  /** Whether the record has changed under what is typed. */
  changedMeanwhile: boolean;
  type: (fields: Fields) => void;
  /** Throws away what is typed: the form shows the record as it is, with what was saved. */
  release: () => void;
  /**
   * Stores what is typed: `send` makes the command, null when it was refused, and `data` is what it makes of the record. What is typed meanwhile
   * stays. Does nothing while a save is under way. Resolves with whether it was stored.
   */
  save: (data: Data, send: () => Promise<EnqueuedCommand | null>) => Promise<boolean>;
}

/** The form of record `id`, or of one that is to be made from `empty` fields. Neither news nor a save nor another page takes away what is typed. */
export function useDraft<Data, Fields extends object>(
  fieldsOf: FieldsOf<Data, Fields>,
  id: string,
  record: OverlaidRecord<Data> | undefined,
  empty: Fields,
): DraftForm<Data, Fields> {
  const { drafts } = usePartition();
  const outbox = useOutbox();
  const kept = useSyncExternalStore(
    drafts.subscribe,
    useCallback(() => drafts.get<Data, Fields>(id), [drafts, id]),
  );
  const [blank] = useState(empty);
  const untouched = useMemo(() => draftOf(record, fieldsOf, blank), [record, fieldsOf, blank]);
  const draft = kept === null ? untouched : settled(fieldsOf, kept, record, outbox);
  useEffect(() => {
    if (kept !== null && draft !== kept) drafts.set(id, draft);
  }, [drafts, id, draft, kept]);

  return {
    ...draft,
    changedMeanwhile: changedMeanwhile(draft, record),
    type: (fields) => drafts.set(id, typed(draft, draft.base === null ? blank : fieldsOf(draft.base.data), fields)),
    release: () => {
      const { base, awaits } = draft;
      drafts.set(id, base === null || awaits === null ? null : { ...draft, fields: fieldsOf(base.data), dirty: false });
    },
    async save(data, send) {
      if (draft.saving) return false;
      drafts.set(id, { ...draft, saving: true });
      let command: EnqueuedCommand | null = null;
      try {
        command = await send();
      } finally {
        const now = drafts.get<Data, Fields>(id) ?? draft;
        drafts.set(id, command === null ? { ...now, saving: false } : saved(fieldsOf, now, draft.fields, data, command.commandId));
      }
      return command !== null;
    },
  };
}

function draftOf<Data, Fields>(record: OverlaidRecord<Data> | undefined, fieldsOf: FieldsOf<Data, Fields>, blank: Fields): Draft<Data, Fields> {
  const rest = { dirty: false, saving: false, awaits: null };
  if (record === undefined) return { base: null, fields: blank, ...rest };
  const { data, version, expected } = record;
  return { base: { data, version, expected }, fields: fieldsOf(data), ...rest };
}
