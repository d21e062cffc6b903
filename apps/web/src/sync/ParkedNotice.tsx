import { useRecordSync } from 'offline-react';
import { Link } from 'wouter';
import { useNames } from '../records/useRecords.ts';
import { Notice } from '../ui/states.tsx';
import { commandVerb, describeCommand, failureText, isParked } from './describe.ts';
import { useHolder } from './useHolder.ts';

/** On a record's page: what keeps its changes from the server, and the way to the decision. */
export function ParkedNotice({ kind, id }: { kind: string; id: string }) {
  const { commands } = useRecordSync(kind, id);
  const nameOf = useNames();
  const parked = commands.find(isParked);
  const held = commands.find(({ heldBy }) => heldBy !== null);
  const holder = useHolder(parked === undefined ? (held?.heldBy ?? null) : null);
  if (parked !== undefined) {
    const conflict = parked.status === 'CONFLICT';
    const reason = parked.lastError === null ? 'The server refused it.' : failureText(parked.lastError);
    return (
      <Notice
        title={conflict ? 'Somebody else changed this meanwhile' : `“${commandVerb(parked.type)}” was refused`}
        action={
          <Link className="button button-plain" href={`/sync/${parked.commandId}`}>
            {conflict ? 'Compare' : 'Resolve'}
          </Link>
        }
      >
        {conflict ? 'Choose which version stays. Nothing is lost until you do.' : reason}
      </Notice>
    );
  }
  if (held === undefined || held.heldBy === null) return null;
  return (
    <Notice
      tone="warn"
      title="Waiting behind another change"
      action={
        <Link className="button button-plain" href={`/sync/${held.heldBy}`}>
          Resolve
        </Link>
      }
    >
      {holder === undefined ? 'A change before it needs you.' : `${describeCommand(holder, nameOf)} needs you first.`}
    </Notice>
  );
}
