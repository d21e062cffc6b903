import type { OutboxEntry } from 'offline-web';
import { Link } from 'wouter';
import type { NameOf } from '../records/names.ts';
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/states.tsx';
import { describeCommand, failureText } from './describe.ts';
import { shownFields } from './record-fields.ts';
import { useHolder } from './useHolder.ts';

interface WaitingCommandProps {
  entry: OutboxEntry;
  nameOf: NameOf;
  onDiscard: () => void;
}

/** A command that needs nobody, or that waits behind one that does. */
export function WaitingCommand({ entry, nameOf, onDiscard }: WaitingCommandProps) {
  const holder = useHolder(entry.heldBy);
  const said = shownFields(entry.touches[0]?.kind ?? '', entry.payload).filter(({ text }) => text !== undefined);
  return (
    <>
      {entry.heldBy !== null && (
        <Notice
          tone="warn"
          title="Waiting behind another change"
          action={
            <Link className="button button-plain" href={`/sync/${entry.heldBy}`}>
              Resolve that one
            </Link>
          }
        >
          {holder === undefined ? 'A change before it needs you.' : `${describeCommand(holder, nameOf)} needs you first.`}
        </Notice>
      )}
      <p className="muted">
        {entry.status === 'IN_FLIGHT'
          ? 'It is on its way to the server.'
          : entry.lastError === null || entry.heldBy !== null
            ? 'It is saved on this device and sent by itself when its turn comes.'
            : `${failureText(entry.lastError)}. It is tried again by itself.`}
      </p>
      {said.length > 0 && (
        <dl className="said">
          {said.map(({ label, text }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      )}
      {entry.status === 'PENDING' && (
        <div className="form-actions">
          <Button variant="danger" onClick={onDiscard}>
            Discard
          </Button>
        </div>
      )}
    </>
  );
}
