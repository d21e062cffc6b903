import { useCommand, useOfflineClient, type CommandExtras } from 'offline-react';
import { useMemo } from 'react';
import type { CommandPayloads } from '../generated/erp.ts';
import { toast } from '../ui/toasts.tsx';
import { errorsOf, NO_ERRORS, type FieldErrors } from './field-errors.ts';

export interface ErpCommand<Payload> {
  /** Resolves with true once the command is on the device's disk, with false when it was refused: `errors` then say why. */
  run: (payload: Payload, extras?: CommandExtras) => Promise<boolean>;
  busy: boolean;
  errors: FieldErrors;
}

/** Makes commands of one type of the ERP. */
export function useErpCommand<Type extends keyof CommandPayloads>(type: Type): ErpCommand<CommandPayloads[Type]> {
  const client = useOfflineClient();
  const { enqueue, state, error } = useCommand<CommandPayloads[Type]>(type);
  return useMemo(
    () => ({
      async run(payload, extras) {
        try {
          await enqueue(payload, extras);
        } catch {
          return false;
        }
        const { verdict } = client.connectivity.get();
        if (verdict !== 'online' && verdict !== 'unknown') toast('Saved on this device. It is sent once the server answers.');
        return true;
      },
      busy: state === 'saving',
      errors: error === null ? NO_ERRORS : errorsOf(error),
    }),
    [client, enqueue, state, error],
  );
}
