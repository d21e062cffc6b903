/**
 * Hears from the server that records changed, on whichever device: `GET /sync/events` of docs/protocol.md, over `fetch`, because an `EventSource` cannot
 * send a token. What is heard is a hint to pull, never data.
 */
import { createParser } from 'eventsource-parser';
import { reportUncaught, toOfflineError } from './error.ts';
import type { OfflineError } from './error.ts';

const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 60_000;
/** The server shows a sign of life every 15 s: after three of them have not come, the connection is dead, whatever the browser says. */
const SILENCE_MS = 45_000;
/** An event has some hundred characters; a server that sends no end to a line is not ours. */
const LONGEST_LINE = 65_536;

export interface ServerEventsOptions {
  /** @default the page's origin */
  baseUrl?: string;
  /** The kinds to hear of. @default all */
  kinds?: readonly string[];
  /** The partition's token now; null for none. What it rejects with counts as no token for the moment. */
  getToken: () => string | null | Promise<string | null>;
  /**
   * Records of this kind have changed since the last call; null for any kind, once the stream stands for the first time and whenever the server
   * does not know what was missed. Pull after it, and nothing is missed.
   */
  onChanged: (kind: string | null) => void;
  /** The server refused the token. Nothing is tried again before `hurry`, or before the page is shown again. */
  onUnauthorized?: () => void;
  /** Told what a listener threw. @default `reportError` */
  onError?: (error: OfflineError) => void;
}

export interface ServerEvents {
  /** There is a new token, or the network is back: tries at once. Does nothing while the stream stands. */
  hurry(): void;
  stop(): void;
}

/** How an attempt ended: after how many milliseconds the next one is due, at the earliest; `wait` for a call of `hurry`. */
type Ended = { afterMs: number } | 'wait';

/**
 * Listens until it is stopped, while the page can be seen: a hidden page gives its connection back, and hears what it missed when it is shown again. A
 * stream that ends, falls silent or is refused for now is opened again, after a pause that grows to a minute and is drawn at random.
 */
export function followServerEvents(options: ServerEventsOptions): ServerEvents {
  const stopping = new AbortController();
  let underWay: AbortController | null = null;
  let pause: ReturnType<typeof setTimeout> | null = null;
  const stand: Stand = { last: undefined, failures: 0 };

  const begin = (): void => {
    if (underWay !== null || pause !== null || stopping.signal.aborted || isHidden()) return;
    const mine = new AbortController();
    underWay = mine;
    void listen(options, stand, mine.signal).then((ended) => {
      if (underWay === mine) underWay = null;
      if (mine.signal.aborted) return begin();
      if (ended === 'wait') return;
      const longest = Math.min(RETRY_FIRST_MS * 2 ** stand.failures, RETRY_LAST_MS);
      stand.failures += 1;
      pause = setTimeout(hurry, Math.max(ended.afterMs, longest * (0.5 + Math.random() / 2)));
    });
  };
  const endPause = (): void => {
    if (pause !== null) clearTimeout(pause);
    pause = null;
  };
  const hurry = (): void => {
    endPause();
    begin();
  };
  const leave = (): void => {
    endPause();
    underWay?.abort();
  };
  stopping.signal.addEventListener('abort', leave);
  watchPage(stopping.signal, () => (isHidden() ? leave() : hurry()), hurry);
  begin();
  return { hurry, stop: () => stopping.abort() };
}

/** What outlives a single stream. */
interface Stand {
  /** The id of the last event that was passed on. */
  last: string | undefined;
  /** In a row, since a stream stood. */
  failures: number;
}

/** One stream, from the request to its end. Never rejects. */
async function listen(options: ServerEventsOptions, stand: Stand, left: AbortSignal): Promise<Ended> {
  const silent = new AbortController();
  let watch: ReturnType<typeof setTimeout> | undefined;
  const heard = (): void => {
    clearTimeout(watch);
    watch = setTimeout(() => silent.abort(), SILENCE_MS);
  };
  try {
    heard();
    const token = await options.getToken();
    if (token === null) return 'wait';
    const response = await ask(options, token, stand.last, AbortSignal.any([left, silent.signal]));
    const refusal = refusalOf(response);
    if (refusal !== null) {
      await response.body?.cancel();
      if (response.status === 401) tell(options, () => options.onUnauthorized?.());
      return refusal;
    }
    await read(response, options, stand, heard);
  } catch {
    // No network, no server, a connection that fell silent, a page that was left: all the same, it is tried again.
  } finally {
    clearTimeout(watch);
  }
  return { afterMs: 0 };
}

function ask(options: ServerEventsOptions, token: string, last: string | undefined, signal: AbortSignal): Promise<Response> {
  const { baseUrl = globalThis.location?.origin ?? '', kinds } = options;
  const headers = new Headers({ accept: 'text/event-stream', authorization: `Bearer ${token}` });
  if (last !== undefined) headers.set('last-event-id', last);
  const query = kinds === undefined ? '' : `?${new URLSearchParams({ kinds: kinds.join(',') })}`;
  return fetch(`${baseUrl}/sync/events${query}`, { headers, signal, cache: 'no-store', credentials: 'omit' });
}

/** Null for a stream of our server. */
function refusalOf(response: Response): Ended | null {
  // What lacks this header is not our server, but a captive portal, say.
  if (!response.headers.has('sync-protocol')) return { afterMs: 0 };
  if (response.status === 401) return 'wait';
  if (response.ok && response.headers.get('content-type')?.startsWith('text/event-stream') === true) return null;
  return { afterMs: 1_000 * (Number(response.headers.get('retry-after')) || 0) };
}

async function read(response: Response, options: ServerEventsOptions, stand: Stand, heard: () => void): Promise<void> {
  const isFirst = stand.last === undefined;
  const parser = createParser({
    maxBufferSize: LONGEST_LINE,
    onEvent({ event, id, data }) {
      if (event === 'ready') stand.failures = 0;
      if (event === 'changed') tell(options, () => options.onChanged((JSON.parse(data) as { kind: string }).kind));
      else if (event === 'pull' || (event === 'ready' && isFirst)) tell(options, () => options.onChanged(null));
      stand.last = id ?? stand.last;
    },
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') throw error;
    },
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read()) {
    heard();
    parser.feed(part.value);
  }
}

/** Calls what is not ours. */
function tell({ onError = reportUncaught }: ServerEventsOptions, listener: () => void): void {
  try {
    listener();
  } catch (thrown) {
    onError(toOfflineError(thrown, 'listener-failed'));
  }
}

function isHidden(): boolean {
  return globalThis.document?.visibilityState === 'hidden';
}

function watchPage(signal: AbortSignal, onVisibility: () => void, onOnline: () => void): void {
  globalThis.document?.addEventListener('visibilitychange', onVisibility, { signal });
  globalThis.window?.addEventListener('online', onOnline, { signal });
}
