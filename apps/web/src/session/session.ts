import { createStore, type Store } from '../app/store.ts';

/** A workspace that a person may work in. */
export interface WorkspaceRef {
  id: string;
  name: string;
}

/** What the server gave at a sign-in, for one workspace. */
export interface Grant {
  token: string;
  /** RFC 3339. Past it the app goes on working; only the server refuses. */
  expiresAt: string;
}

/** Who works on this device. Remembered, so that a start without a network opens his data. */
export interface Session {
  userId: string;
  name: string;
  workspaces: WorkspaceRef[];
  /** By workspace id; one for each workspace that he has opened on this device. */
  grants: Readonly<Record<string, Grant>>;
  lastWorkspaceId: string;
}

const KEY = 'erp.session';

/** The person signed in on this device, the same in every tab; null when nobody is. */
export const session: Store<Session | null> = remembered();

/** Remembers a sign-in. A different person replaces the one before; what that one kept on the device stays sealed in his own databases. */
export function rememberSignIn(who: Omit<Session, 'grants' | 'lastWorkspaceId'>, workspaceId: string, grant: Grant): void {
  const before = session.get();
  const grants = before?.userId === who.userId ? before.grants : {};
  session.set({ ...who, grants: { ...grants, [workspaceId]: grant }, lastWorkspaceId: workspaceId });
}

export function rememberWorkspace(workspaceId: string): void {
  const now = session.get();
  if (now !== null && now.lastWorkspaceId !== workspaceId) session.set({ ...now, lastWorkspaceId: workspaceId });
}

/** The token to send, or null when there is none. An expired one is sent all the same: the server's clock decides. */
export function tokenOf(userId: string, workspaceId: string): string | null {
  const now = session.get();
  return now?.userId === userId ? (now.grants[workspaceId]?.token ?? null) : null;
}

function remembered(): Store<Session | null> {
  const store = createStore<Session | null>(parse(localStorage.getItem(KEY)));
  const { set } = store;
  window.addEventListener('storage', (event) => {
    if (event.key === KEY || event.key === null) set(parse(localStorage.getItem(KEY)));
  });
  return {
    ...store,
    set(next) {
      if (next === null) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, JSON.stringify(next));
      set(next);
    },
  };
}

function parse(text: string | null): Session | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isSession(value) ? value : null;
  } catch {
    return null;
  }
}

function isSession(value: unknown): value is Session {
  if (typeof value !== 'object' || value === null) return false;
  const { userId, name, workspaces, grants, lastWorkspaceId } = value as Record<string, unknown>;
  return (
    typeof userId === 'string' &&
    typeof name === 'string' &&
    Array.isArray(workspaces) &&
    typeof grants === 'object' &&
    grants !== null &&
    typeof lastWorkspaceId === 'string'
  );
}
