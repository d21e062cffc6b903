import { SearchX } from 'lucide-react';
import { useEffect, useEffectEvent, useState } from 'react';
import { Link } from 'wouter';
import { EmptyState, SkeletonRows } from '../ui/states.tsx';
import type { Records } from './useRecords.ts';

interface RecordMissingProps {
  noun: string;
  /** The address of the list. */
  back: string;
  list: Pick<Records<unknown>, 'state' | 'refreshing' | 'refetch'>;
}

/** An own record that was just made is in the list within this many milliseconds. */
const PATIENCE_MS = 400;

/** For an address of a record that is not in the list: the list may be older than the record, so it is read again. */
export function RecordMissing({ noun, back, list }: RecordMissingProps) {
  const [asked, setAsked] = useState(false);
  const ask = useEffectEvent(() => {
    setAsked(true);
    list.refetch();
  });
  useEffect(() => {
    const timer = setTimeout(() => ask(), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!asked || list.state === 'loading' || list.refreshing) return <SkeletonRows count={4} label={`Loading the ${noun}`} />;
  return (
    <EmptyState
      icon={SearchX}
      title={`This ${noun} is not here`}
      action={
        <Link className="button button-plain" href={back}>
          Back to the list
        </Link>
      }
    >
      It may belong to another workspace, or this device has not loaded it yet.
    </EmptyState>
  );
}
