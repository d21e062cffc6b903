import { useOfflineClient } from 'offline-react';
import type { OutboxEntry } from 'offline-web';
import { useState } from 'react';
import { errorsOf, NO_ERRORS, type FieldErrors } from '../records/field-errors.ts';
import { toast } from '../ui/toasts.tsx';

export interface Retry {
  /** Sends it again against the server's version, with `payload` in place of the old one when given. Resolves with whether it was taken. */
  run: (payload?: unknown) => Promise<boolean>;
  busy: boolean;
  errors: FieldErrors;
}

export function useRetry({ commandId }: OutboxEntry): Retry {
  const client = useOfflineClient();
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<FieldErrors>(NO_ERRORS);
  return {
    busy,
    errors,
    async run(payload) {
      setBusy(true);
      setErrors(NO_ERRORS);
      try {
        await client.retryWithLatest(commandId, payload);
        toast('Back in line to be sent.', 'good');
        return true;
      } catch (failure) {
        setErrors(errorsOf(failure));
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
