import { useOfflineClient } from 'offline-react';
import type { OutboxEntry } from 'offline-web';
import { useEffect, useState } from 'react';
import type { NameOf } from '../records/names.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Notice } from '../ui/states.tsx';
import { toast } from '../ui/toasts.tsx';
import { changes, describeCommand } from './describe.ts';

interface DiscardDialogProps {
  entry: OutboxEntry;
  nameOf: NameOf;
  onClose: () => void;
  onDiscarded: () => void;
}

/** Asks before a change is thrown away, and what is to become of those that wait behind it. */
export function DiscardDialog({ entry, nameOf, onClose, onDiscarded }: DiscardDialogProps) {
  const client = useOfflineClient();
  const [waiting, setWaiting] = useState<readonly OutboxEntry[] | null>(null);
  const [busy, setBusy] = useState<'discard' | 'keep' | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    let current = true;
    client.blastRadius(entry.commandId).then(
      (list) => current && setWaiting(list),
      (failure: unknown) => current && setError(messageOf(failure)),
    );
    return () => {
      current = false;
    };
  }, [client, entry.commandId]);

  const discard = async (dependants: 'discard' | 'keep') => {
    setBusy(dependants);
    setError(null);
    try {
      const { discarded, maybeApplied } = await client.discard(entry.commandId, dependants);
      toast(maybeApplied.length > 0 ? `Discarded ${changes(discarded.length)}. The server may have ${maybeApplied.length} of them.` : `Discarded ${changes(discarded.length)}.`);
      onDiscarded();
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(null);
    }
  };
  const behind = waiting?.length ?? 0;
  return (
    <Dialog
      title="Discard this change?"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Keep it</Button>
          {behind > 0 && (
            <Button busy={busy === 'keep'} onClick={() => void discard('keep')}>
              Discard only this one
            </Button>
          )}
          <Button variant="danger" disabled={waiting === null} busy={busy === 'discard'} onClick={() => void discard('discard')}>
            {behind > 0 ? `Discard all ${behind + 1}` : 'Discard'}
          </Button>
        </>
      }
    >
      <p>
        <strong>{describeCommand(entry, nameOf)}</strong> is thrown away for good.
        {entry.attempts > 0 && entry.status === 'PENDING' && ' It has been sent before: the server may have it all the same.'}
      </p>
      {error !== null && <Notice title="That did not work">{error}</Notice>}
      {waiting === null && error === null && <p role="status">Looking for changes that wait behind it…</p>}
      {behind > 0 && (
        <>
          <p>{behind === 1 ? 'One change waits behind it:' : `${behind} changes wait behind it:`}</p>
          <ul className="plain-list">
            {waiting?.slice(0, 8).map((one) => (
              <li key={one.commandId}>{describeCommand(one, nameOf)}</li>
            ))}
            {behind > 8 && <li>and {behind - 8} more</li>}
          </ul>
          <p className="muted">Kept, they are sent without it; the server may refuse those that build on it.</p>
        </>
      )}
    </Dialog>
  );
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : 'Something went wrong.';
}
