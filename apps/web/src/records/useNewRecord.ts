import { useEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import { usePartition } from '../session/PartitionContext.tsx';
import type { RecordKind } from './queries.ts';

/** The ways out of the form of a new record: made, with id `id`, or not. `list` is the address of the list. */
export function useNewRecord(kind: RecordKind, id: string, list: string): { made: () => void; cancel: () => void } {
  const [, navigate] = useLocation();
  const { drafts } = usePartition();
  const here = useRef(false);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  return {
    made: () => {
      drafts.renew(kind);
      // Who has gone elsewhere meanwhile stays there.
      if (!here.current) return;
      navigate(`${list}/${id}`, { replace: true });
      // Whoever does not type on is done with it: his next key is a shortcut, such as `n` for the next one.
      if (drafts.get(id)?.dirty !== true) document.querySelector<HTMLElement>('main')?.focus();
    },
    cancel: () => {
      drafts.set(id, null);
      drafts.renew(kind);
      navigate(list);
    },
  };
}
