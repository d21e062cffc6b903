import { ChevronRight, RefreshCw } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { useTitle } from '../app/useTitle.ts';
import { workspacePath } from '../app/paths.ts';
import { Button } from '../ui/Button.tsx';
import { Logo } from '../ui/Logo.tsx';
import { Notice, SkeletonRows } from '../ui/states.tsx';
import { fetchAccounts, signIn, type Account } from './api.ts';

type Loaded = { state: 'loading' } | { state: 'ready'; accounts: Account[] } | { state: 'failed'; reason: string };

/** Who works on this device, and where. `wanted` is the workspace of a deep link. */
export function SignInPage({ wanted }: { wanted: string | null }) {
  const [location, navigate] = useLocation();
  useTitle('Sign in');
  const [attempt, setAttempt] = useState(0);
  const [loaded, setLoaded] = useState<Loaded>({ state: 'loading' });
  const [signingIn, setSigningIn] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    const stop = new AbortController();
    fetchAccounts(stop.signal).then(
      (accounts) => setLoaded({ state: 'ready', accounts }),
      (failure: unknown) => {
        if (!stop.signal.aborted) setLoaded({ state: 'failed', reason: messageOf(failure) });
      },
    );
    return () => stop.abort();
  }, [attempt]);

  const enter = async (account: Account, workspaceId: string) => {
    setError(null);
    setSigningIn(`${account.userId} ${workspaceId}`);
    try {
      await signIn(account, workspaceId);
      const deepLink = wanted === workspaceId ? location : `${workspacePath(workspaceId)}/expenses`;
      navigate(deepLink, { replace: true });
    } catch (failure) {
      setError(messageOf(failure));
      setSigningIn(null);
    }
  };

  return (
    <main className="gate">
      <div className="gate-card">
        <Logo />
        <h1>Sign in</h1>
        <p className="muted">Choose who you are and where you work. This device remembers it, with or without a network.</p>
        {error !== null && <Notice title="Signing in did not work">{error}</Notice>}
        {loaded.state === 'loading' && <SkeletonRows count={3} label="Loading the accounts" />}
        {loaded.state === 'failed' && (
          <Notice title="The server does not answer" action={<Button icon={RefreshCw} onClick={() => retry()}>Try again</Button>}>
            {loaded.reason} The first sign-in on a device needs it.
          </Notice>
        )}
        {loaded.state === 'ready' && loaded.accounts.length === 0 && <Notice title="There are no accounts">The server runs without development sign-in.</Notice>}
        {loaded.state === 'ready' && (
          <ul className="accounts">
            {loaded.accounts.map((account) => (
              <AccountCard key={account.userId} account={account} signingIn={signingIn} onEnter={enter} />
            ))}
          </ul>
        )}
      </div>
      <p className="gate-foot">Development sign-in: no password is asked for.</p>
    </main>
  );

  function retry() {
    setLoaded({ state: 'loading' });
    setAttempt(attempt + 1);
  }
}

interface AccountCardProps {
  account: Account;
  signingIn: string | null;
  onEnter: (account: Account, workspaceId: string) => Promise<void>;
}

function AccountCard({ account, signingIn, onEnter }: AccountCardProps) {
  return (
    <li className="account">
      <span className="avatar" aria-hidden>
        {account.name.slice(0, 1).toUpperCase()}
      </span>
      <span className="account-name">{account.name}</span>
      <span className="account-workspaces">
        {account.workspaces.map((workspace) => (
          <button
            key={workspace.id}
            type="button"
            className="account-enter"
            aria-label={`Sign in as ${account.name} to ${workspace.name}`}
            disabled={signingIn !== null}
            aria-busy={signingIn === `${account.userId} ${workspace.id}` || undefined}
            onClick={() => void onEnter(account, workspace.id)}
          >
            {workspace.name}
            <ChevronRight size={16} aria-hidden />
          </button>
        ))}
      </span>
    </li>
  );
}

function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : 'Something went wrong.';
}
