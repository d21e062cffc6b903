import { request } from '../server/http.ts';
import { rememberSignIn, type Session, type WorkspaceRef } from './session.ts';

/** Somebody who may sign in on a development server. */
export interface Account {
  userId: string;
  name: string;
  workspaces: WorkspaceRef[];
}

interface ListedAccount extends Omit<Account, 'userId'> {
  user: string;
}

interface SignedIn {
  token: string;
  userId: string;
  workspaceId: string;
  expiresAt: string;
}

export async function fetchAccounts(signal?: AbortSignal): Promise<Account[]> {
  const accounts = await request<ListedAccount[]>('GET', '/dev/accounts', signal === undefined ? {} : { signal });
  return accounts.map(({ user, name, workspaces }) => ({ userId: user, name, workspaces }));
}

/** Signs `who` in to one workspace and remembers it. Rejects with an `HttpError`. */
export async function signIn(who: Account | Session, workspaceId: string): Promise<void> {
  const body = { user: who.userId, workspaceId };
  const { token, userId, expiresAt } = await request<SignedIn>('POST', '/dev/sign-in', { body });
  rememberSignIn({ userId, name: who.name, workspaces: who.workspaces }, workspaceId, { token, expiresAt });
}
