import { useConnectivity } from 'offline-react';
import { timeSince, useNow } from '../ui/time.ts';
import type { Records } from './useRecords.ts';

interface ListStatusProps {
  list: Pick<Records<unknown>, 'state' | 'asOf' | 'refreshing' | 'refetch'>;
  shown: number;
  /** For one and for many. */
  noun: readonly [string, string];
}

/** How many there are, and how old what the server said is. */
export function ListStatus({ list, shown, noun }: ListStatusProps) {
  const now = useNow();
  const { verdict } = useConnectivity();
  const count = `${shown.toLocaleString()} ${shown === 1 ? noun[0] : noun[1]}`;
  if (list.state === 'loading') return <p className="page-status">Loading…</p>;
  if (list.state === 'missing') {
    return (
      <p className="page-status">
        Only what is on this device; the server’s list has not been loaded yet.{' '}
        <button type="button" className="link" onClick={list.refetch} disabled={list.refreshing}>
          Try again
        </button>
      </p>
    );
  }
  const old = verdict !== 'online' && list.asOf !== null;
  return (
    <p className="page-status">
      {count}
      {old && list.asOf !== null && ` · as of ${timeSince(new Date(list.asOf).toISOString(), now)}`}
      {list.refreshing && verdict === 'online' && ' · refreshing…'}
    </p>
  );
}
