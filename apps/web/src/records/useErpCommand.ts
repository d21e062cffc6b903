import { useCommand, type CommandExtras } from 'offline-react';
import { useMemo } from 'react';
import type { EnqueuedCommand } from 'offline-web';
import type { CommandPayloads } from '../generated/erp.ts';
import { errorsOf, NO_ERRORS, type FieldErrors } from './field-errors.ts';

export interface ErpCommand<Payload> {
  /** Resolves with the command once it is on the device's disk, with null when it was refused: `errors` then say why. */
  run: (payload: Payload, extras?: CommandExtras) => Promise<EnqueuedCommand | null>;
  busy: boolean;
  errors: FieldErrors;
}

/** Makes commands of one type of the ERP. */
export function useErpCommand<Type extends keyof CommandPayloads>(type: Type): ErpCommand<CommandPayloads[Type]> {
  const { enqueue, state, error } = useCommand<CommandPayloads[Type]>(type);
  return useMemo(
    () => ({
      async run(payload, extras) {
        try {
          return await enqueue(payload, extras);
        } catch {
          return null;
        }
      },
      busy: state === 'saving',
      errors: error === null ? NO_ERRORS : errorsOf(error),
    }),
    [enqueue, state, error],
  );
}
