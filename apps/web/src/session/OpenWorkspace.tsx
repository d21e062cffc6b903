import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { workspacePath } from '../app/paths.ts';
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/states.tsx';
import { signIn } from './api.ts';
import type { Session } from './session.ts';

/** Asks the server for a grant of a workspace that this person has not opened on this device yet. */
export function OpenWorkspace({ session, workspaceId }: { session: Session; workspaceId: string }) {
  const workspace = session.workspaces.find(({ id }) => id === workspaceId);
  const [attempt, setAttempt] = useState(0);
  const [error, setError] = useState<string | null>(null);
  const member = workspace !== undefined;
  useEffect(() => {
    if (!member) return undefined;
    let current = true;
    signIn(session, workspaceId).catch((failure: unknown) => {
      if (current) setError(failure instanceof Error ? failure.message : 'The server cannot be reached.');
    });
    return () => {
      current = false;
    };
    // oxlint-disable-next-line react/exhaustive-deps -- one attempt for each press of the button; a session renewed elsewhere must not repeat it.
  }, [attempt, member, workspaceId]);
  const back = session.workspaces.find(({ id }) => id === session.lastWorkspaceId);
  return (
    <main className="gate">
      <div className="gate-card">
        <h1>{member ? `Opening ${workspace.name}` : 'No such workspace'}</h1>
        {!member && <p>There is no workspace of that name for {session.name}.</p>}
        {member && error === null && (
          <p role="status" className="muted">
            Signing in…
          </p>
        )}
        {error !== null && (
          <Notice title="This workspace has not been opened on this device yet">
            <p>{error} The first time needs the server; afterwards it opens without.</p>
          </Notice>
        )}
        <div className="row">
          {error !== null && (
            <Button
              variant="primary"
              onClick={() => {
                setError(null);
                setAttempt(attempt + 1);
              }}
            >
              Try again
            </Button>
          )}
          {back !== undefined && back.id !== workspaceId && (
            <Link className="button button-plain" href={`${workspacePath(back.id)}/expenses`}>
              Back to {back.name}
            </Link>
          )}
        </div>
      </div>
    </main>
  );
}
