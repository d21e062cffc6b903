import { ChevronRight } from 'lucide-react';
import type { OutboxEntry } from 'offline-web';
import { useMemo } from 'react';
import { Link } from 'wouter';
import type { NameOf } from '../records/names.ts';
import { timeFrom, timeSince, useNow } from '../ui/time.ts';
import { useNarrow } from '../ui/useNarrow.ts';
import { VirtualList } from '../ui/VirtualList.tsx';
import { commandSubject, commandSync, commandVerb, describeCommand, failureText, isParked } from './describe.ts';
import { SyncBadge } from './SyncBadge.tsx';

/** The unsettled commands, those that need a person first, then in the order in which they are sent. */
export function OutboxTable({ entries, nameOf }: { entries: readonly OutboxEntry[]; nameOf: NameOf }) {
  const now = useNow(5_000);
  const narrow = useNarrow();
  const ordered = useMemo(() => [...entries.filter(isParked), ...entries.filter((entry) => !isParked(entry))], [entries]);
  const byId = useMemo(() => new Map(entries.map((entry) => [entry.commandId, entry])), [entries]);
  return (
    <div className="outbox">
      <div className="outbox-head" aria-hidden>
        <span>Change</span>
        <span>Status</span>
        <span>Made</span>
        <span>Attempts</span>
        <span />
      </div>
      <VirtualList label="Changes that are not synced" items={ordered} idOf={idOf} rowHeight={narrow ? 76 : 60}>
        {(entry) => (
          <Link href={`/sync/${entry.commandId}`} className="list-row outbox-row" data-command-id={entry.commandId} data-sync={commandSync(entry)}>
            <span className="outbox-what">
              <span className="row-title">
                {commandVerb(entry.type)} <b>{commandSubject(entry, nameOf)}</b>
              </span>
              <span className="row-note">{noteOf(entry, byId, nameOf, now)}</span>
            </span>
            <span className="outbox-status">
              <SyncBadge status={commandSync(entry)} />
            </span>
            <span className="outbox-age">{timeSince(entry.createdAt, now)}</span>
            <span className="outbox-attempts numeric">
              {entry.attempts}
              <span className="narrow-only"> {entry.attempts === 1 ? 'attempt' : 'attempts'}</span>
            </span>
            <ChevronRight size={16} aria-hidden className="muted" />
          </Link>
        )}
      </VirtualList>
    </div>
  );
}

function idOf({ commandId }: OutboxEntry): string {
  return commandId;
}

/** Why it is not sent yet, and when it is tried next. */
function noteOf(entry: OutboxEntry, byId: ReadonlyMap<string, OutboxEntry>, nameOf: NameOf, now: number): string {
  if (entry.status === 'CONFLICT') return 'Changed by somebody else meanwhile: choose which version stays';
  if (entry.status === 'FAILED') return entry.lastError === null ? 'The server refused it' : failureText(entry.lastError);
  if (entry.heldBy !== null) {
    const holder = byId.get(entry.heldBy);
    return holder === undefined ? 'Waits behind a change that needs you' : `Waits behind: ${describeCommand(holder, nameOf)}`;
  }
  if (entry.status === 'IN_FLIGHT') return 'On its way to the server';
  const reason = entry.lastError === null ? '' : failureText(entry.lastError);
  if (entry.nextAttemptAt !== null && Date.parse(entry.nextAttemptAt) > now) {
    return `${reason === '' ? 'Tries' : `${reason}; tries`} again ${timeFrom(entry.nextAttemptAt, now)}`;
  }
  return reason === '' ? 'Ready to be sent' : `${reason}; ready to be sent`;
}
