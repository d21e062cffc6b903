import { CloudOff, KeyRound, TriangleAlert, WifiOff } from 'lucide-react';
import { useConnectivity, useSyncStatus } from 'offline-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { usePartition } from '../session/PartitionContext.tsx';
import type { Session } from '../session/session.ts';
import { SignInDialog } from '../session/SignInDialog.tsx';
import { changes, PAUSES, unsynced, VERDICTS } from '../sync/describe.ts';
import { Button } from '../ui/Button.tsx';
import { useReadable } from './store.ts';

/** One quiet line over the page while something keeps changes from the server; the gravest first. */
export function StatusBanner({ session }: { session: Session }) {
  const { workspaceId, needsSignIn } = usePartition();
  const { pausedBy, counts } = useSyncStatus();
  const { verdict } = useConnectivity();
  const signedOut = useReadable(needsSignIn);
  const [signingIn, setSigningIn] = useState(false);
  const waiting = unsynced(counts);
  const kept = waiting === 0 ? '' : ` ${changes(waiting)} kept on this device.`;

  if (pausedBy === 'storage' || pausedBy === 'incompatible') {
    const { title, text } = PAUSES[pausedBy];
    return (
      <div className="banner banner-bad" role="alert">
        <TriangleAlert size={16} aria-hidden />
        <p>
          <strong>{title}.</strong> {text}
        </p>
        <Button onClick={() => window.location.reload()}>Reload</Button>
      </div>
    );
  }
  if (signedOut || pausedBy === 'login') {
    return (
      <div className="banner banner-warn" role="status">
        <KeyRound size={16} aria-hidden />
        <p>
          <strong>Sign in again to sync.</strong>
          {kept === '' ? ' You can go on working meanwhile.' : kept}
        </p>
        <Button onClick={() => setSigningIn(true)}>Sign in</Button>
        {signingIn && <SignInDialog session={session} workspaceId={workspaceId} onClose={() => setSigningIn(false)} />}
      </div>
    );
  }
  if (verdict === 'online' || verdict === 'unknown') return null;
  const { title, text } = VERDICTS[verdict];
  const Icon = verdict === 'offline' ? WifiOff : CloudOff;
  return (
    <div className="banner banner-quiet" role="status">
      <Icon size={16} aria-hidden />
      <p>
        <strong>{title}.</strong> {waiting === 0 ? text : kept.trim()}
      </p>
      {waiting > 0 && (
        <Link href="/sync" className="link">
          Show
        </Link>
      )}
    </div>
  );
}
