import { TriangleAlert } from 'lucide-react';
import { useOfflineClient, useSyncStatus } from 'offline-react';
import { Button } from '../ui/Button.tsx';
import { formatMoment } from '../ui/time.ts';

/** Stays, whatever else is to be said, until somebody has read it. */
export function LossBanner() {
  const client = useOfflineClient();
  const { storageLostAt } = useSyncStatus();
  if (storageLostAt === null) return null;
  return (
    <div className="banner banner-bad" role="alert">
      <TriangleAlert size={16} aria-hidden />
      <p>
        <strong>This browser deleted what was stored here.</strong> Changes that had not been synced are gone; everything else is on the server. Please check your latest entries.
        Noticed {formatMoment(storageLostAt)}.
      </p>
      <Button onClick={() => client.acknowledgeLoss()}>Understood</Button>
    </div>
  );
}
