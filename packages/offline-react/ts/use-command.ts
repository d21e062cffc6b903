import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { EnqueuedCommand, NewCommand, OfflineClient } from 'offline-web';
import { useOfflineClient } from './context.tsx';

/** `saved` means stored on this device; whether the server has it is for `useRecordSync` to say. */
export type CommandState = 'idle' | 'saving' | 'saved' | 'error';

/** What goes with a payload: `expected`, `dependsOn` and the like. */
export type CommandExtras = Omit<NewCommand, 'type' | 'payload'>;

export interface UseCommandOptions {
  /**
   * Whether a call while one is saving makes a command of its own. If not, it gets the promise of the one under way: two quick clicks are one intent.
   * @default false
   */
  concurrent?: boolean;
}

export interface UseCommand<Payload> {
  /** Stores the command. Rejects with an `OfflineError`, which is then in `error` too. */
  enqueue(payload: Payload, extras?: CommandExtras): Promise<EnqueuedCommand>;
  /** The same for an event handler: the error is in `error` alone, or reported as uncaught when this component is gone by then. */
  send(payload: Payload, extras?: CommandExtras): void;
  state: CommandState;
  /** What the last call was rejected with; an `OfflineError` with a `code`. */
  error: Error | null;
  /** What the last call stored. */
  saved: EnqueuedCommand | null;
  /** Back to idle; what is under way goes on, but no longer shows here. */
  reset(): void;
}

interface Shown {
  state: CommandState;
  error: Error | null;
  saved: EnqueuedCommand | null;
}

const IDLE: Shown = { state: 'idle', error: null, saved: null };

/** Makes commands of one type: `const create = useCommand<ExpenseCreate>('EXPENSE_CREATE_V1')`. The functions stay the same between renders. */
export function useCommand<Payload = unknown>(type: string, { concurrent = false }: UseCommandOptions = {}): UseCommand<Payload> {
  const client = useOfflineClient();
  const [shown, setShown] = useState(IDLE);
  const mounted = useMounted();
  const underWay = useRef<{ client: OfflineClient; type: string; promise: Promise<EnqueuedCommand> } | null>(null);
  /** The call whose end is shown. */
  const latest = useRef(0);

  const enqueue = useCallback(
    (payload: Payload, extras?: CommandExtras): Promise<EnqueuedCommand> => {
      const running = underWay.current;
      if (!concurrent && running?.client === client && running.type === type) return running.promise;
      const call = (latest.current += 1);
      const show = (next: Shown): void => {
        if (mounted.current && latest.current === call) setShown(next);
      };
      const save = async (): Promise<EnqueuedCommand> => {
        try {
          const saved = await client.enqueue({ ...extras, type, payload });
          show({ state: 'saved', error: null, saved });
          return saved;
        } catch (thrown) {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown));
          show({ state: 'error', error, saved: null });
          throw error;
        }
      };
      show({ state: 'saving', error: null, saved: null });
      const promise = save();
      underWay.current = { client, type, promise };
      const settled = (): void => {
        if (underWay.current?.promise === promise) underWay.current = null;
      };
      promise.then(settled, settled);
      return promise;
    },
    [client, type, concurrent, mounted],
  );
  const send = useCallback(
    (payload: Payload, extras?: CommandExtras): void => {
      enqueue(payload, extras).catch((error: unknown) => {
        if (!mounted.current) reportUncaught(error);
      });
    },
    [enqueue, mounted],
  );
  const reset = useCallback(() => {
    latest.current += 1;
    setShown(IDLE);
  }, []);

  return useMemo(() => ({ enqueue, send, reset, ...shown }), [enqueue, send, reset, shown]);
}

function useMounted(): { readonly current: boolean } {
  const mounted = useRef(false);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  return mounted;
}

/** Nobody is there to show it, and a write that was not stored must not go unheard. */
function reportUncaught(error: unknown): void {
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}
