import { ArrowLeft, CircleCheck } from 'lucide-react';
import { useOutbox } from 'offline-react';
import type { OutboxEntry } from 'offline-web';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useTitle } from '../app/useTitle.ts';
import { useNames } from '../records/useRecords.ts';
import { EmptyState, SkeletonRows } from '../ui/states.tsx';
import { CommandFacts } from './CommandFacts.tsx';
import { describeCommand, commandSync, recordPath } from './describe.ts';
import { DiscardDialog } from './DiscardDialog.tsx';
import { ResolveConflict } from './ResolveConflict.tsx';
import { ResolveFailure } from './ResolveFailure.tsx';
import { SyncBadge } from './SyncBadge.tsx';
import { WaitingCommand } from './WaitingCommand.tsx';

/** One command of the outbox: what it is, how it stands, and the ways on. */
export function ResolvePage({ commandId }: { commandId: string }) {
  const [, navigate] = useLocation();
  const { ready, entries, journal } = useOutbox();
  const nameOf = useNames();
  useTitle('Sync');
  const [discarding, setDiscarding] = useState<OutboxEntry | null>(null);
  const entry = entries.find((one) => one.commandId === commandId);
  if (entry === undefined && discarding === null) {
    if (!ready) return <SkeletonRows count={4} label="Reading the outbox" />;
    const settled = journal.find(({ command }) => command.commandId === commandId);
    const path = settled === undefined ? null : recordPath(settled.command);
    return (
      <EmptyState
        icon={CircleCheck}
        title={settled === undefined ? 'This change is no longer waiting' : settled.outcome.kind === 'applied' ? 'Synced' : 'Discarded'}
        action={
          <div className="row">
            {path !== null && (
              <Link className="button button-primary" href={path}>
                Show the record
              </Link>
            )}
            <Link className="button button-plain" href="/sync">
              Back to sync
            </Link>
          </div>
        }
      >
        {settled === undefined ? 'It has been sent or discarded.' : describeCommand(settled.command, nameOf)}
      </EmptyState>
    );
  }
  if (entry === undefined) return null;
  const onDiscard = () => setDiscarding(entry);
  const path = recordPath(entry);
  return (
    <section className="editor resolve" aria-label={describeCommand(entry, nameOf)} data-command-id={commandId}>
      <Link className="back-link" href="/sync">
        <ArrowLeft size={16} aria-hidden />
        Sync
      </Link>
      <header className="panel-header">
        <h1>{describeCommand(entry, nameOf)}</h1>
        <SyncBadge status={commandSync(entry)} />
        {path !== null && (
          <Link className="link" href={path}>
            Show the record
          </Link>
        )}
      </header>
      {entry.status === 'CONFLICT' && entry.conflict !== null ? (
        <ResolveConflict entry={entry} conflict={entry.conflict} onDiscard={onDiscard} />
      ) : entry.status === 'FAILED' ? (
        <ResolveFailure entry={entry} onDiscard={onDiscard} />
      ) : (
        <WaitingCommand entry={entry} nameOf={nameOf} onDiscard={onDiscard} />
      )}
      <CommandFacts entry={entry} />
      {discarding !== null && (
        <DiscardDialog entry={discarding} nameOf={nameOf} onClose={() => setDiscarding(null)} onDiscarded={() => navigate('/sync', { replace: true })} />
      )}
    </section>
  );
}
