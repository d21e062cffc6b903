import { useConnectivity, useOfflineClient, useSyncStatus } from 'offline-react';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { ExpensesPage } from '../expenses/ExpensesPage.tsx';
import { InvoicesPage } from '../invoices/InvoicesPage.tsx';
import { rememberWorkspace, type Session } from '../session/session.ts';
import { usePartition } from '../session/PartitionContext.tsx';
import { SignOutDialog } from '../session/SignOutDialog.tsx';
import { SkeletonRows } from '../ui/states.tsx';
import { toast } from '../ui/toasts.tsx';
import { useNarrow } from '../ui/useNarrow.ts';
import { NotFound } from './NotFound.tsx';
import { LossBanner } from './LossBanner.tsx';
import { workspacePath } from './paths.ts';
import { ShortcutsDialog } from './ShortcutsDialog.tsx';
import { useShortcuts } from './shortcuts.ts';
import { Sidebar, TabBar, TopBar } from './navigation.tsx';
import { StatusBanner } from './StatusBanner.tsx';

const SyncPages = lazy(() => import('../sync/SyncPages.tsx'));

/** The frame of every page: where one is, whether the server hears us, and the pages themselves. */
export function Shell({ session }: { session: Session }) {
  const { workspaceId } = usePartition();
  const client = useOfflineClient();
  const narrow = useNarrow();
  const [, navigate] = useLocation();
  const [dialog, setDialog] = useState<'shortcuts' | 'sign-out' | null>(null);
  usePhase();
  useBadNews();
  useUnsavedWarning();
  useEffect(() => rememberWorkspace(workspaceId), [workspaceId]);
  useShortcuts({
    'g e': () => navigate('/expenses'),
    'g i': () => navigate('/invoices'),
    'g s': () => navigate('/sync'),
    s: () => void client.syncNow(),
    '?': () => setDialog('shortcuts'),
  });
  const menu = { session, onSignOut: () => setDialog('sign-out'), onShortcuts: () => setDialog('shortcuts') };
  return (
    <div className="shell">
      <a className="skip-link" href="#page">
        Skip to the page
      </a>
      {narrow ? <TopBar {...menu} /> : <Sidebar {...menu} />}
      <div className="shell-main">
        <LossBanner />
        <StatusBanner session={session} />
        <main id="page" className="page" tabIndex={-1}>
          <Suspense fallback={<SkeletonRows label="Loading" />}>
            <Switch>
              <Route path="/expenses/:id?">{({ id }) => <ExpensesPage id={id ?? null} />}</Route>
              <Route path="/invoices/:id?">{({ id }) => <InvoicesPage id={id ?? null} />}</Route>
              <Route path="/sync/:commandId?">{({ commandId }) => <SyncPages commandId={commandId ?? null} />}</Route>
              <Route path="/">
                <Redirect to="/expenses" replace />
              </Route>
              <Route>
                <NotFound />
              </Route>
            </Switch>
          </Suspense>
        </main>
      </div>
      {narrow && <TabBar />}
      {dialog === 'shortcuts' && <ShortcutsDialog onClose={() => setDialog(null)} />}
      {dialog === 'sign-out' && <SignOutDialog session={session} onClose={() => setDialog(null)} />}
    </div>
  );
}

/** The browser asks before it throws away what is typed and not saved. */
function useUnsavedWarning(): void {
  const { drafts } = usePartition();
  useEffect(() => {
    const onLeave = (event: BeforeUnloadEvent) => {
      if (drafts.dirty) event.preventDefault();
    };
    window.addEventListener('beforeunload', onLeave);
    return () => window.removeEventListener('beforeunload', onLeave);
  }, [drafts]);
}

/** For tests and styles: what sync is doing, on the root element. */
function usePhase(): void {
  const { phase } = useSyncStatus();
  const { verdict } = useConnectivity();
  useEffect(() => {
    const { dataset } = document.documentElement;
    dataset['phase'] = phase;
    dataset['connectivity'] = verdict;
    return () => {
      delete dataset['phase'];
      delete dataset['connectivity'];
    };
  }, [phase, verdict]);
}

/** Says in passing that the server did not take a change, except where the page says so itself. */
function useBadNews(): void {
  const client = useOfflineClient();
  useEffect(
    () =>
      client.onEvent(({ type }) => {
        if (window.location.pathname.includes('/sync')) return;
        const link = { href: `${workspacePath(client.workspaceId)}/sync`, label: 'Show' };
        if (type === 'conflict') toast('Somebody else changed the same thing: choose which version stays.', 'bad', link);
        if (type === 'rejected') toast('The server refused a change.', 'bad', link);
      }),
    [client],
  );
}
