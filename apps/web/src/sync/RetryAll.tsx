import { RotateCcw } from 'lucide-react';
import { useOfflineClient } from 'offline-react';
import { type OutboxEntry, OfflineError } from 'offline-web';
import { useState } from 'react';
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/states.tsx';
import { toast } from '../ui/toasts.tsx';
import { changes } from './describe.ts';

/** Settled or put back meanwhile, on another tab or by the one before it: no failure. */
const NO_LONGER_PARKED = new Set(['not-found', 'not-parked', 'in-flight']);

/** Many refusals often have one cause, like a role that was missing for an hour: one click for them all. What is still wrong is refused again. */
export function RetryAll({ entries }: { entries: readonly OutboxEntry[] }) {
  const client = useOfflineClient();
  const [left, setLeft] = useState(0);
  const refused = entries.filter(({ status }) => status === 'FAILED');
  if (refused.length < 2 && left === 0) return null;

  const retry = async () => {
    let back = 0;
    try {
      for (const [index, { commandId }] of refused.entries()) {
        setLeft(refused.length - index);
        try {
          await client.retryWithLatest(commandId);
          back += 1;
        } catch (failure) {
          if (!(failure instanceof OfflineError && NO_LONGER_PARKED.has(failure.code))) throw failure;
        }
      }
      toast(`${changes(back)} back in line to be sent.`, 'good');
    } catch (failure) {
      toast(failure instanceof Error ? failure.message : 'Not all could be put back.', 'bad');
    } finally {
      setLeft(0);
    }
  };
  return (
    <div className="sync-notice">
      <Notice
        title={`The server refused ${changes(Math.max(refused.length, left))}`}
        action={
          <Button icon={RotateCcw} busy={left > 0} onClick={() => void retry()}>
            {left > 0 ? `${left.toLocaleString()} left` : 'Retry all'}
          </Button>
        }
      >
        Open one to see why and to correct it, or send all again once the cause is gone.
      </Notice>
    </div>
  );
}
