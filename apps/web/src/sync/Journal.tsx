import { History } from 'lucide-react';
import type { JournalEntry } from 'offline-web';
import { Link } from 'wouter';
import type { NameOf } from '../records/names.ts';
import { EmptyState } from '../ui/states.tsx';
import { formatMoment, timeSince, useNow } from '../ui/time.ts';
import { commandSubject, commandVerb, recordPath } from './describe.ts';
import { SyncBadge } from './SyncBadge.tsx';

/** What became of the changes that have left this device, newest first. */
export function Journal({ journal, nameOf }: { journal: readonly JournalEntry[]; nameOf: NameOf }) {
  const now = useNow();
  if (journal.length === 0) {
    return (
      <EmptyState icon={History} title="Nothing yet">
        Changes that reach the server from this device are listed here.
      </EmptyState>
    );
  }
  return (
    <ul className="journal" aria-label="Recently synced">
      {journal.map(({ command, outcome, settledAt }) => (
        <li key={`${command.commandId} ${settledAt}`} className="journal-row" data-command-id={command.commandId}>
          <span className="outbox-what">
            <span className="row-title">
              {commandVerb(command.type)} <Subject path={recordPath(command)} name={commandSubject(command, nameOf)} />
            </span>
            <span className="row-note">{noteOf(outcome)}</span>
          </span>
          <span className="outbox-status">{outcome.kind === 'applied' ? <SyncBadge status="synced" /> : <span className="badge">Discarded</span>}</span>
          <time dateTime={settledAt} title={formatMoment(settledAt)}>
            {timeSince(settledAt, now)}
          </time>
        </li>
      ))}
    </ul>
  );
}

function Subject({ path, name }: { path: string | null; name: string }) {
  return path === null ? (
    <b>{name}</b>
  ) : (
    <Link href={path} className="link">
      {name}
    </Link>
  );
}

function noteOf(outcome: JournalEntry['outcome']): string {
  if (outcome.kind === 'discarded') return outcome.maybeApplied ? 'By you; it had been sent, so the server may have it all the same' : 'By you; it was never sent';
  const version = outcome.versions[0]?.version;
  const became = version === undefined ? 'Applied' : `Became version ${version}`;
  return outcome.replayed ? `${became}; the server already had it from an earlier try` : became;
}
