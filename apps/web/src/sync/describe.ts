import type { OutboxEntry, PauseReason, RecordSyncStatus, SyncStatus, Connectivity, CommandFailure } from 'offline-web';
import type { NameOf } from '../records/names.ts';

type Described = Pick<OutboxEntry, 'type' | 'touches'>;

const VERBS: Readonly<Record<string, string>> = {
  EXPENSE_CREATE: 'Create expense',
  EXPENSE_UPDATE: 'Edit expense',
  EXPENSE_SUBMIT: 'Submit expense',
  INVOICE_DRAFT_CREATE: 'Create invoice',
  INVOICE_DRAFT_UPDATE: 'Edit invoice',
};

/** What a command does, in words: `Edit expense`. */
export function commandVerb(type: string): string {
  const base = type.replace(/_V\d+$/u, '');
  return VERBS[base] ?? base.toLowerCase().replaceAll('_', ' ').replace(/^./u, (letter) => letter.toUpperCase());
}

/** What it does it to: `Taxi to the airport`. */
export function commandSubject(command: Described, nameOf: NameOf): string {
  const key = command.touches[0];
  return key === undefined ? '' : (nameOf(key.kind, key.id) ?? `${key.kind} ${key.id.slice(0, 8)}`);
}

/** Both in one: `Edit expense “Taxi to the airport”`. */
export function describeCommand(command: Described, nameOf: NameOf): string {
  const subject = commandSubject(command, nameOf);
  return subject === '' ? commandVerb(command.type) : `${commandVerb(command.type)} “${subject}”`;
}

/** Where a command stands, in the words that records use: a waiting one behind a parked one is held. */
export function commandSync(entry: OutboxEntry): RecordSyncStatus {
  switch (entry.status) {
    case 'PENDING':
      return entry.heldBy === null ? 'pending' : 'held';
    case 'IN_FLIGHT':
      return 'syncing';
    case 'SUCCEEDED':
      return 'synced';
    case 'FAILED':
      return 'failed';
    case 'CONFLICT':
      return 'conflict';
  }
}

export function isParked(entry: OutboxEntry): boolean {
  return entry.status === 'FAILED' || entry.status === 'CONFLICT';
}

/** Where the page of a command's record is; null for a kind that has no page. */
export function recordPath(command: Pick<OutboxEntry, 'touches'>): string | null {
  const key = command.touches[0];
  if (key?.kind === 'expense') return `/expenses/${encodeURIComponent(key.id)}`;
  if (key?.kind === 'invoice') return `/invoices/${encodeURIComponent(key.id)}`;
  return null;
}

export const PAUSES: Readonly<Record<PauseReason, { title: string; text: string }>> = {
  login: { title: 'Sign in again to sync', text: 'The server no longer accepts this sign-in. You can go on working; nothing is lost.' },
  incompatible: {
    title: 'Update Tallybook to sync',
    text: 'The server no longer understands this version. Reload the page while online; your changes wait on this device.',
  },
  storage: {
    title: 'This device cannot store changes',
    text: 'Its storage is full or does not answer. Free some space, then reload. What is already saved stays.',
  },
};

export const VERDICTS: Readonly<Record<Connectivity['verdict'], { title: string; text: string }>> = {
  unknown: { title: 'Checking', text: 'The server has not been asked yet.' },
  online: { title: 'Online', text: 'Our server answers.' },
  offline: { title: 'Offline', text: 'No answer from the network. Changes are saved on this device.' },
  'captive-portal': { title: 'Network sign-in needed', text: 'Something else answers in place of our server, such as the sign-in page of a Wi-Fi.' },
  'server-unavailable': { title: 'Server unavailable', text: 'The network works, but the server does not answer properly right now. It is asked again by itself.' },
};

export const STORAGE: Readonly<Record<SyncStatus['storage'], { title: string; text: string }>> = {
  persistent: { title: 'Protected', text: 'The browser has promised not to clear unsynced work.' },
  'best-effort': { title: 'Best effort', text: 'The browser may clear this site’s data when the disk is full. Installing the app or syncing soon avoids that.' },
  unknown: { title: 'Unknown', text: 'This browser does not say whether it may clear this site’s data.' },
};

const FAILURES: Readonly<Record<string, string>> = {
  offline: 'The network was gone',
  'not-our-server': 'Something other than our server answered',
  transient: 'The server was busy',
  held: 'It waits behind another change',
};

/** Why the last attempt came to nothing, in a few words. */
export function failureText(failure: CommandFailure): string {
  return FAILURES[failure.code] ?? failure.problem?.title ?? failure.title;
}

/** How many changes the server does not have yet. */
export function unsynced({ pending, inFlight, failed, conflict }: SyncStatus['counts']): number {
  return pending + inFlight + failed + conflict;
}

/** `1 change`, `3 changes`. */
export function changes(count: number): string {
  return `${count.toLocaleString()} ${count === 1 ? 'change' : 'changes'}`;
}
