import { useOutbox } from 'offline-react';
import type { OutboxEntry } from 'offline-web';

/** The unsettled command of that id; undefined when it is settled, or none is asked for. */
export function useHolder(commandId: string | null): OutboxEntry | undefined {
  const { entries } = useOutbox();
  return commandId === null ? undefined : entries.find((entry) => entry.commandId === commandId);
}
