// @ts-check
/**
 * What the engine needs of a page beside its database, in the language in which callbacks are small. No rule lives here: what an answer means
 * is decided in Rust.
 *
 * The module has no imports, and touches no global while it is loaded.
 */

/** What `transport.rs` knows by numbers that are no status of HTTP. */
const UNREACHED = 0;
const NOT_OURS = -1;
const UNKNOWN = -2;

/** @typedef {import('../ts/types.ts').EngineHost} EngineHost */

/** Something under way that can be stopped; after that it may never answer. @typedef {{ answer: Promise<unknown>, stop: () => void }} Running */

/** Tells what a promise gives: `undefined` when it is rejected, and never else.
 * @param {Promise<unknown>} promise @param {number} id @param {(id: number, value: unknown) => void} heard */
export function hear(promise, id, heard) {
  promise.then((value) => heard(id, value ?? null), () => heard(id, undefined));
}

/** A promise, and what settles it. */
export function deferred() {
  /** @type {(isGood: boolean, value: unknown) => void} */
  let settle = () => {};
  const promise = new Promise((resolve, reject) => {
    settle = (isGood, value) => (isGood ? resolve : reject)(value);
  });
  return { promise, settle };
}

/** Whether the page listens to events. @param {EngineHost} host */
export const hears = (host) => host.hears;

/** The token of who is signed in. @param {EngineHost} host */
export const token = async (host) => host.token();

/** Tells the page. When its listener fails, that is the page's affair, so it goes where the page's uncaught errors go.
 * @param {EngineHost} host @param {boolean} isEvent @param {string} text */
export async function tell(host, isEvent, text) {
  if (isEvent) host.onEvent(text);
  else host.onState(text);
}

/** Random bytes from the browser's cryptographic source. @param {number} length */
export const random = (length) => crypto.getRandomValues(new Uint8Array(length));

/** Whether the browser is sure that there is no network; that there is one it never knows. */
export const isOffline = () => globalThis.navigator?.onLine === false;

/** How long an answer asks to wait, in milliseconds: a number of seconds, or a date, which is measured by the answer's own where the page may read
 * it. @param {Headers} headers */
function retryAfter(headers) {
  const wanted = headers.get('retry-after') ?? '';
  if (/^\s*\+?\d+\s*$/.test(wanted)) return Number(wanted) * 1000;
  const [until, answered] = [Date.parse(wanted), Date.parse(headers.get('date') ?? '')];
  return Math.max(until - (Number.isNaN(answered) ? Date.now() : answered), 0);
}

/**
 * Sends one request, for somebody who is signed in a POST with this JSON. Answers with the body of a 200, and with the milliseconds to wait (or NaN) of another status of our server, which
 * says `header`; else with one of the numbers above.
 *
 * @param {string} url @param {string} header @param {number} revision @param {string} authorization @param {Uint8Array<ArrayBuffer>} body in the module's memory @param {number} patience in milliseconds
 * @returns {Running}
 */
export function exchange(url, header, revision, authorization, body, patience) {
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = setTimeout(stop, patience);
  const answer = async () => {
    try {
      const request = new Request(url, {
        headers: { [header]: `${revision}`, ...(authorization && { authorization, 'content-type': 'application/json' }) },
        method: authorization ? 'POST' : 'GET',
        signal: abort.signal,
        cache: 'no-store',
        credentials: 'omit',
        // A redirection is somebody else's: it is looked at, not followed.
        redirect: 'manual',
      });
      // It copies the body at once, which as a text would be made and read once more. A large one that is no blob holds up Chromium's answers from IndexedDB.
      const response = await fetch(request, authorization ? { body: body.length < 1e5 ? body : new Blob([body]) } : {}).catch(() => null);
      if (response === null) return { status: abort.signal.aborted ? UNKNOWN : UNREACHED };
      const { status, headers } = response;
      if (!headers.has(header)) return { status: NOT_OURS };
      return status === 200 ? { status, body: await response.text() } : { status, wait: retryAfter(headers) };
    } catch {
      return { status: UNKNOWN };
    } finally {
      clearTimeout(timer);
    }
  };
  return { answer: answer(), stop };
}

/** One `setTimeout`. @param {number} millis @returns {Running} */
export function timer(millis) {
  let id = 0;
  const answer = new Promise((resolve) => (id = Number(setTimeout(resolve, millis))));
  return { answer, stop: () => clearTimeout(id) };
}

/** @type {MessageChannel | undefined} */
let tasks;
/** @type {((value: undefined) => void)[]} */
let waiting = [];

/** Resolves in a task of its own. @returns {Promise<undefined>} */
export function nextTask() {
  if (tasks === undefined) {
    tasks = new MessageChannel();
    tasks.port1.onmessage = () => {
      const now = waiting;
      waiting = [];
      for (const resolve of now) resolve(undefined);
    };
  }
  tasks.port2.postMessage(0);
  return new Promise((resolve) => waiting.push(resolve));
}

/** Whether the browser has Web Locks: only pages that are secure do. */
export function hasLocks() {
  return globalThis.navigator?.locks !== undefined;
}

/** Asks for a Web Lock, and calls `granted` when it is there. It is given back, or not waited for any more, by `stop`.
 * @param {string} name @param {() => void} granted @returns {Running} */
export function lock(name, granted) {
  const abort = new AbortController();
  let giveBack = () => {};
  const held = new Promise((resolve) => (giveBack = () => resolve(undefined)));
  const hold = () => {
    granted();
    return held;
  };
  // Rejected when the wait was ended, or the lock stolen; then the lease's fence guards the store.
  navigator.locks.request(name, { signal: abort.signal }, hold).catch(() => {});
  return {
    answer: held,
    stop() {
      abort.abort();
      giveBack();
    },
  };
}

/** The other tabs of a partition: what is added goes to them all in one message. Nothing where tabs cannot talk to each other.
 * @param {string} name @param {(kind: string, text: string) => void} heard */
export function channel(name, heard) {
  if (typeof BroadcastChannel !== 'function') return undefined;
  /** @type {BroadcastChannel} */
  let raw;
  try {
    raw = new BroadcastChannel(name);
  } catch {
    return undefined;
  }
  /** @type {[string, string][]} */
  let pairs = [];
  raw.onmessage = ({ data }) => {
    // What cannot be read comes from another version of this program and is of no use here.
    for (const pair of Array.isArray(data) ? data : []) {
      if (typeof pair?.[0] === 'string' && typeof pair[1] === 'string') heard(pair[0], pair[1]);
    }
  };
  return {
    /** @param {string} kind @param {string} text */
    add: (kind, text) => void pairs.push([kind, text]),
    flush() {
      if (pairs.length > 0) raw.postMessage(pairs);
      pairs = [];
    },
    close() {
      raw.onmessage = null;
      raw.close();
    },
  };
}
