import { Suspense, use } from 'react';
import { Redirect, Router, useLocation } from 'wouter';
import { partitionOf } from '../session/partition.ts';
import { PartitionProvider } from '../session/PartitionContext.tsx';
import { session as sessionStore, type Session } from '../session/session.ts';
import { OpenWorkspace } from '../session/OpenWorkspace.tsx';
import { SignInPage } from '../session/SignInPage.tsx';
import { SkeletonRows } from '../ui/states.tsx';
import { Toasts } from '../ui/toasts.tsx';
import { workspaceIn, workspacePath } from './paths.ts';
import { Shell } from './Shell.tsx';
import { useReadable } from './store.ts';
import { UpdatePrompt } from './UpdatePrompt.tsx';

export function App() {
  return (
    <>
      <Pages />
      <UpdatePrompt />
      <Toasts />
    </>
  );
}

function Pages() {
  const session = useReadable(sessionStore);
  const [location] = useLocation();
  const wanted = workspaceIn(location);
  if (session === null) return <SignInPage wanted={wanted} />;
  if (wanted === null) return <Redirect to={`${workspacePath(session.lastWorkspaceId)}/expenses`} replace />;
  if (session.grants[wanted] === undefined) return <OpenWorkspace key={wanted} session={session} workspaceId={wanted} />;
  return (
    <Suspense key={`${wanted} ${session.userId}`} fallback={<Opening />}>
      <Workspace session={session} workspaceId={wanted} />
    </Suspense>
  );
}

function Workspace({ session, workspaceId }: { session: Session; workspaceId: string }) {
  const partition = use(partitionOf(session.userId, workspaceId));
  return (
    <PartitionProvider partition={partition}>
      <Router base={workspacePath(workspaceId)}>
        <Shell session={session} />
      </Router>
    </PartitionProvider>
  );
}

function Opening() {
  return (
    <div className="opening">
      <SkeletonRows label="Opening what is kept on this device" />
    </div>
  );
}
