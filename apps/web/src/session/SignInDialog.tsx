import { useState } from 'react';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Notice } from '../ui/states.tsx';
import { toast } from '../ui/toasts.tsx';
import { signIn } from './api.ts';
import type { Session } from './session.ts';

/** A new token for the same person and workspace; what waits is sent afterwards. */
export function SignInDialog({ session, workspaceId, onClose }: { session: Session; workspaceId: string; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const workspace = session.workspaces.find(({ id }) => id === workspaceId)?.name ?? workspaceId;
  const enter = async () => {
    setBusy(true);
    setError(null);
    try {
      await signIn(session, workspaceId);
      toast('Signed in. Syncing goes on.', 'good');
      onClose();
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : 'The server cannot be reached.');
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Sign in again"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Later</Button>
          <Button variant="primary" busy={busy} data-autofocus onClick={() => void enter()}>
            Sign in as {session.name}
          </Button>
        </>
      }
    >
      <p>The sign-in to {workspace} has run out. Everything you changed is on this device and is sent once you have signed in.</p>
      {error !== null && <Notice title="Signing in did not work">{error}</Notice>}
    </Dialog>
  );
}
