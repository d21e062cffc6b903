import { Check, CircleAlert, Clock, GitCompareArrows, Hourglass, RefreshCw, type LucideIcon } from 'lucide-react';
import type { RecordSyncStatus } from 'offline-web';

const LOOKS: Readonly<Record<RecordSyncStatus, { label: string; icon: LucideIcon; meaning: string }>> = {
  synced: { label: 'Synced', icon: Check, meaning: 'The server has it' },
  pending: { label: 'Pending', icon: Clock, meaning: 'Saved on this device, not sent yet' },
  syncing: { label: 'Syncing', icon: RefreshCw, meaning: 'On its way to the server' },
  held: { label: 'Held', icon: Hourglass, meaning: 'Waits behind a change that needs you' },
  conflict: { label: 'Conflict', icon: GitCompareArrows, meaning: 'Somebody else changed it meanwhile: choose which version stays' },
  failed: { label: 'Failed', icon: CircleAlert, meaning: 'The server refused it: see why' },
};

/** How a record or a command stands, by a word, a sign and a colour. */
export function SyncBadge({ status, compact = false }: { status: RecordSyncStatus; compact?: boolean }) {
  const { label, icon: Icon, meaning } = LOOKS[status];
  return (
    <span className={`badge badge-${status}${compact ? ' badge-compact' : ''}`} data-sync={status} title={meaning}>
      <Icon size={14} aria-hidden className={status === 'syncing' ? 'spin' : undefined} />
      <span>{label}</span>
    </span>
  );
}
