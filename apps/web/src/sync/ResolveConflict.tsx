import type { Conflict } from 'offline-protocol';
import type { OutboxEntry } from 'offline-web';
import { useState } from 'react';
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/states.tsx';
import { ConflictCompare } from './ConflictCompare.tsx';
import { isEditable, PayloadEditor } from './PayloadEditor.tsx';
import { useRetry } from './useRetry.ts';

interface ResolveConflictProps {
  entry: OutboxEntry;
  conflict: Conflict;
  onDiscard: () => void;
}

/** Both versions, and the two ways out. */
export function ResolveConflict({ entry, conflict, onDiscard }: ResolveConflictProps) {
  const retry = useRetry(entry);
  const [editing, setEditing] = useState(false);
  const whole = retry.errors[''];
  return (
    <>
      <ConflictCompare entry={entry} conflict={conflict} />
      {whole !== undefined && <Notice title="That did not work">{whole}</Notice>}
      {editing ? (
        <PayloadEditor
          entry={entry}
          base={conflict.serverSnapshot}
          busy={retry.busy}
          errors={retry.errors}
          onSave={(payload) => void retry.run(payload)}
          actions={
            <>
              <Button type="submit" variant="primary" busy={retry.busy}>
                Save and retry with latest
              </Button>
              <Button variant="quiet" onClick={() => setEditing(false)}>
                Back
              </Button>
            </>
          }
        />
      ) : (
        <div className="ways">
          <div className="way">
            <h2>Keep yours</h2>
            <p>Your change is made on top of the server’s version.</p>
            <div className="row">
              <Button variant="primary" busy={retry.busy} onClick={() => void retry.run()}>
                Retry with latest
              </Button>
              {isEditable(entry.type) && <Button onClick={() => setEditing(true)}>Edit first</Button>}
            </div>
          </div>
          <div className="way">
            <h2>Keep the server’s</h2>
            <p>Your change is thrown away; the record stays as the server has it.</p>
            <Button variant="danger" onClick={onDiscard}>
              Discard
            </Button>
          </div>
        </div>
      )}
    </>
  );
}
