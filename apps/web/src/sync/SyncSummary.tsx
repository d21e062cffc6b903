import { Cloud, HardDrive, History, Users, type LucideIcon } from 'lucide-react';
import { useConnectivity, useOutbox, useSyncStatus } from 'offline-react';
import type { ReactNode } from 'react';
import { timeFrom, timeSince, useNow } from '../ui/time.ts';
import { PAUSES, STORAGE, VERDICTS } from './describe.ts';

/** How things stand, in four cards, and how far a flush is. */
export function SyncSummary() {
  const { phase, pausedBy, progress, nextAttemptAt, lastSyncedAt, leader, storage } = useSyncStatus();
  const { verdict, since } = useConnectivity();
  const { journal } = useOutbox();
  const now = useNow(phase === 'waiting' ? 1_000 : 15_000);
  // The status knows of this start alone; the journal remembers.
  const synced = lastSyncedAt ?? journal[0]?.settledAt ?? null;
  const connection = VERDICTS[verdict];
  return (
    <>
      {progress !== null && <Progress settled={progress.settled} total={progress.total} />}
      <dl className="cards">
        <Card icon={Cloud} title="Connection" value={connection.title} tone={verdict === 'online' ? 'good' : verdict === 'unknown' ? 'quiet' : 'warn'}>
          {connection.text} {verdict !== 'unknown' && `Since ${timeSince(since, now)}.`}
        </Card>
        <Card icon={History} title="Last synced" value={synced === null ? 'Not yet' : timeSince(synced, now)} tone={pausedBy === null ? 'quiet' : 'warn'}>
          {pausedBy !== null
            ? `Paused: ${PAUSES[pausedBy].text}`
            : phase === 'waiting' && nextAttemptAt !== null
              ? `Tries again ${timeFrom(nextAttemptAt, now)}.`
              : phase === 'syncing'
                ? 'Sending now.'
                : 'Sends by itself when there is something to send.'}
        </Card>
        <Card minor icon={HardDrive} title="Storage" value={STORAGE[storage].title} tone={storage === 'persistent' ? 'good' : 'quiet'}>
          {STORAGE[storage].text}
        </Card>
        <Card minor icon={Users} title="This tab" value={leader ? 'Sends' : 'Listens'} tone="quiet">
          {leader ? 'It sends for every tab of this workspace.' : 'Another tab of this workspace sends; this one follows.'}
        </Card>
      </dl>
    </>
  );
}

interface CardProps {
  icon: LucideIcon;
  title: string;
  value: string;
  tone: 'good' | 'warn' | 'quiet';
  /** On a phone its value has to do. */
  minor?: boolean;
  children: ReactNode;
}

function Card({ icon: Icon, title, value, tone, minor = false, children }: CardProps) {
  return (
    <div className={`card card-${tone}${minor ? ' card-minor' : ''}`}>
      <dt>
        <Icon size={15} aria-hidden />
        {title}
      </dt>
      <dd className="card-value">{value}</dd>
      <dd className="card-text">{children}</dd>
    </div>
  );
}

function Progress({ settled, total }: { settled: number; total: number }) {
  return (
    <div className="progress">
      <progress aria-label="Syncing" value={settled} max={total} />
      <span className="numeric">
        {settled.toLocaleString()} of {total.toLocaleString()} sent
      </span>
    </div>
  );
}
