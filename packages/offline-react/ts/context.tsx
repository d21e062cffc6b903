import { createContext, useContext } from 'react';
import type { ReactNode } from 'react';
import type { OfflineClient } from 'offline-web';

const ClientContext = createContext<OfflineClient | null>(null);

export interface OfflineProviderProps {
  /** Another client is another partition: give the provider a `key` of (workspace, user), so that no screen keeps state of the one before. */
  client: OfflineClient;
  children?: ReactNode;
}

/** Gives the client to everything below. Opens and closes nothing: that is up to whoever made the client. */
export function OfflineProvider({ client, children }: OfflineProviderProps): ReactNode {
  return <ClientContext value={client}>{children}</ClientContext>;
}

/** The client of the nearest `OfflineProvider`; throws when there is none. */
export function useOfflineClient(): OfflineClient {
  const client = useContext(ClientContext);
  if (client === null) throw new Error('useOfflineClient needs an <OfflineProvider> above it.');
  return client;
}
