import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { changes } from '../sync/describe.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Notice } from '../ui/states.tsx';
import { countUnsynced, signOut, type Leaving, type Unsynced } from './sign-out.ts';
import type { Session } from './session.ts';

/** Signs out of every workspace of this person on this device; asks first when the server does not have everything. */
export function SignOutDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const [, navigate] = useLocation();
  const [counted, setCounted] = useState<readonly Unsynced[] | null>(null);
  const [leaving, setLeaving] = useState<Leaving | null>(null);
  const [sure, setSure] = useState(false);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    let current = true;
    countUnsynced(session).then(
      (result) => current && setCounted(result),
      (failure: unknown) => current && setError(messageOf(failure)),
    );
    return () => {
      current = false;
    };
  }, [session]);

  const leave = async (how: Leaving) => {
    setLeaving(how);
    setError(null);
    try {
      await signOut(session, how);
      navigate('~/', { replace: true });
    } catch (failure) {
      setError(messageOf(failure));
      setLeaving(null);
    }
  };
  const total = counted?.reduce((sum, { count }) => sum + count, 0) ?? 0;
  const stay = <Button onClick={onClose}>Stay signed in</Button>;
  const actions =
    counted === null ? (
      stay
    ) : total === 0 ? (
      <>
        {stay}
        <Button variant="primary" busy={leaving === 'clean'} onClick={() => void leave('clean')}>
          Sign out
        </Button>
      </>
    ) : (
      <>
        {stay}
        <Button busy={leaving === 'keep'} onClick={() => void leave('keep')}>
          Sign out, keep them here
        </Button>
        <Button variant="danger" busy={leaving === 'delete'} onClick={() => (sure ? void leave('delete') : setSure(true))}>
          {sure ? `Yes, delete ${changes(total)}` : 'Sign out and delete them'}
        </Button>
      </>
    );
  return (
    <Dialog title="Sign out" onClose={onClose} actions={actions}>
      {error !== null && <Notice title="That did not work">{error}</Notice>}
      {counted === null && error === null && <p role="status">Looking for changes that are not synced yet…</p>}
      {counted !== null && total === 0 && <p>Everything is synced. What this device keeps of {session.name} is deleted.</p>}
      {total > 0 && (
        <>
          <p>
            <strong>{changes(total)}</strong> of {session.name} did not reach the server:
          </p>
          <ul className="plain-list">
            {counted
              ?.filter(({ count }) => count > 0)
              .map(({ workspaceId, name, count, parked }) => (
                <li key={workspaceId}>
                  {changes(count)} in {name}
                  {parked > 0 && `, ${parked} of them waiting for a decision`}
                </li>
              ))}
          </ul>
          <p className="muted">
            Kept here, nobody sees them in this app until {session.name} signs in on this device again; then they are sent. Deleted, they are gone for
            good.
          </p>
        </>
      )}
    </Dialog>
  );
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : 'Something went wrong.';
}
