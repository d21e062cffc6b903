import { useCommand, useOfflineClient, type CommandExtras } from 'offline-react';
import { useMemo } from 'react';
import type { EnqueuedCommand } from 'offline-web';
import type { CommandPayloads } from '../generated/erp.ts';
import { toast } from '../ui/toasts.tsx';
import { errorsOf, NO_ERRORS, type FieldErrors } from './field-errors.ts';

export interface ErpCommand<Payload> {
  /** Resolves with the command once it is on the device's disk, with null when it was refused: `errors` then say why. */
  run: (payload: Payload, extras?: CommandExtras) => Promise<EnqueuedCommand | null>;
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
        let command: EnqueuedCommand;
        try {
          command = await enqueue(payload, extras);
        } catch {
          return null;
        }
        const { verdict } = client.connectivity.get();
        if (verdict !== 'online' && verdict !== 'unknown') toast('Saved on this device. It is sent once the server answers.');
        return command;
      },
      busy: state === 'saving',
      errors: error === null ? NO_ERRORS : errorsOf(error),
    }),
    [client, enqueue, state, error],
  );
}
