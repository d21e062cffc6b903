import { CircleCheck, RefreshCw } from 'lucide-react';
import { useOfflineClient, useOutbox, useSyncStatus } from 'offline-react';
import { useState } from 'react';
import { useTitle } from '../app/useTitle.ts';
import { useNames } from '../records/useRecords.ts';
import { Button } from '../ui/Button.tsx';
import { EmptyState, SkeletonRows } from '../ui/states.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { toast } from '../ui/toasts.tsx';
import { changes, unsynced } from './describe.ts';
import { Journal } from './Journal.tsx';
import { OutboxTable } from './OutboxTable.tsx';
import { RetryAll } from './RetryAll.tsx';
import { SyncSummary } from './SyncSummary.tsx';

type View = 'waiting' | 'synced';

/** Everything between this device and the server. */
export function SyncPage() {
  const client = useOfflineClient();
  useTitle('Sync');
  const { counts, phase } = useSyncStatus();
  const { ready, entries, truncated, journal } = useOutbox();
  const nameOf = useNames();
  const [view, setView] = useState<View>('waiting');
  const [asked, setAsked] = useState(false);
  const waiting = unsynced(counts);

  const syncNow = async () => {
    setAsked(true);
    try {
      const { counts: left, pausedBy } = await client.syncNow();
      if (pausedBy === null && left.pending + left.inFlight === 0) toast(left.failed + left.conflict === 0 ? 'Everything is synced.' : 'Sent what could be sent.', 'good');
    } catch (failure) {
      toast(failure instanceof Error ? failure.message : 'Syncing did not work.', 'bad');
    } finally {
      setAsked(false);
    }
  };
  return (
    <div className="sync-page">
      <header className="page-header">
        <div>
          <h1>Sync</h1>
          <p className="page-status">{waiting === 0 ? 'The server has everything.' : `${changes(waiting)} not on the server yet`}</p>
        </div>
        <Button variant="primary" icon={RefreshCw} busy={asked || phase === 'syncing'} onClick={() => void syncNow()}>
          Sync now
        </Button>
      </header>
      <SyncSummary />
      <Segmented
        label="Show"
        value={view}
        onChange={setView}
        options={[
          { value: 'waiting', label: 'Not synced', count: waiting },
          { value: 'synced', label: 'Recently synced' },
        ]}
      />
      {!ready ? (
        <SkeletonRows count={4} label="Reading the outbox" />
      ) : view === 'synced' ? (
        <Journal journal={journal} nameOf={nameOf} />
      ) : waiting === 0 || entries.length === 0 ? (
        <EmptyState icon={CircleCheck} title="Nothing waits">
          Every change on this device has reached the server.
        </EmptyState>
      ) : (
        <>
          <RetryAll entries={entries} />
          <OutboxTable entries={entries} nameOf={nameOf} />
          {truncated && <p className="page-status">The oldest {entries.length.toLocaleString()} are shown.</p>}
        </>
      )}
    </div>
  );
}
