// @ts-check
/**
 * IndexedDB for the stores: opens a partition's database, brings it to the newest layout, opens it again when its handle has died,
 * and shows a transaction to a fold. What is read and written, and what it means, is decided in Rust. Nothing here throws: how
 * something failed is told by the name of the browser's exception, and '' is success.
 *
 * The module has no imports, and touches no global while it is loaded: it is copied beside the glue as it is.
 */

/** The newest layout. */
const VERSION = 4;

/** How often a transaction is begun again, on another handle when the first has died, before its error is told. */
const AGAIN = 3;

/** Failures after which another handle may do better. Nothing was written. */
const DEAD = ['InvalidStateError', 'UnknownError', 'AbortError'];

/** What `plan.rs` calls by numbers. */
const STORES = ['commands', 'flights', 'meta'];
const INDEXES = ['', 'id', 'touches', 'parked', 'versions'];
const ROWS = 0;
const KEYS = 1;
const LAST_ROW = 2;
const MORE = 1;
const DONE = 3;
const FAILED = 4;

/** @typedef {(transaction: IDBTransaction, answer: (request: IDBRequest, read: (result: any) => unknown[]) => void) => void} Act */
/** @typedef {(again: boolean, answers: unknown[][], todo: Act[]) => number} Step */

/** @param {any} error */
const nameOf = (error) => error?.name ?? 'AbortError';

/** A row as key, text and how many commands it is about: it has their ids, or behind its head a line for each. @param {any} value */
const row = (value) =>
  typeof value === 'string'
    ? [0, value, 0]
    : [value.seq, value.body, value.id === undefined ? list(value.body).length - 1 : [value.id].flat().length];

/** A list as it is indexed. @param {string} lines */
const list = (lines) => lines.split('\n');

/** @param {IDBValidKey} from @param {IDBValidKey} to */
const between = (from, to) => IDBKeyRange.bound(from, to);

/** Reads what lies between two keys: `limit` rows or keys, or the last one. @param {Act[]} todo @param {number} what @param {number} store
 * @param {number} index @param {IDBValidKey} from @param {IDBValidKey} to @param {number} limit */
export function read(todo, what, store, index, from, to, limit) {
  todo.push((transaction, answer) => {
    const all = transaction.objectStore(STORES[store] ?? '');
    const source = index === 0 ? all : all.index(INDEXES[index] ?? '');
    const range = between(from, to);
    if (what === ROWS) answer(source.getAll(range, limit), (rows) => rows.flatMap(row));
    else if (what === KEYS) answer(source.getAllKeys(range, limit), (keys) => keys.flatMap((/** @type {number} */ key) => [key, '', 0]));
    else if (what === LAST_ROW) answer(source.openCursor(range, 'prev'), (cursor) => (cursor === null ? [] : row(cursor.value)));
    else answer(source.openKeyCursor(range, 'prev'), (cursor) => (cursor === null ? [] : [cursor.primaryKey, `${cursor.key}`, 0]));
  });
}

/** Writes a row of `commands`; without a key (0) the browser numbers it, and the answer says how. @param {Act[]} todo @param {boolean} isNew
 * @param {number} key @param {string} ids @param {string} touches @param {string} versions @param {boolean} parked @param {string} body */
export function write(todo, isNew, key, ids, touches, versions, parked, body) {
  todo.push((transaction, answer) => {
    const store = transaction.objectStore('commands');
    const value = {
      ...(key !== 0 && { seq: key }),
      ...(ids && { id: list(ids) }),
      ...(touches && { touches: list(touches) }),
      ...(versions && { versions: list(versions) }),
      ...(parked && { parked: 1 }),
      body,
    };
    if (isNew) answer(store.add(value), (given) => [given, '', 0]);
    else store.put(value);
  });
}

/** Writes a text under a name. @param {Act[]} todo @param {number} store @param {string} name @param {string} text */
export function text(todo, store, name, text) {
  todo.push((transaction) => transaction.objectStore(STORES[store] ?? '').put(text, name));
}

/** Deletes what lies between two keys. @param {Act[]} todo @param {number} store @param {IDBValidKey} from @param {IDBValidKey} to */
export function remove(todo, store, from, to) {
  todo.push((transaction) => transaction.objectStore(STORES[store] ?? '').delete(between(from, to)));
}

/**
 * One transaction: shows the answers to `step` and does what it says, until that is done. Resolves when it is complete.
 *
 * @param {IDBDatabase} handle @param {number} scope @param {string} durability @param {(answers: unknown[][], todo: Act[]) => number} step
 * @returns {Promise<string>}
 */
function perform(handle, scope, durability, step) {
  return new Promise((resolve) => {
    const stores = STORES.filter((_, place) => scope & (1 << place));
    const transaction = handle.transaction(stores, durability === '' ? 'readonly' : 'readwrite', {
      durability: /** @type {IDBTransactionDurability} */ (durability || 'default'),
    });
    let failed = '';
    let waiting = 0;
    let end = MORE;
    /** @type {unknown[][]} */
    const answers = [];
    // The first one says why; those after it say that they were taken along.
    transaction.onerror = (event) => {
      failed ||= nameOf(/** @type {IDBRequest} */ (event.target).error);
    };
    transaction.onabort = () => resolve(failed || nameOf(transaction.error));
    // In Firefox this comes also when the one request failed that was committed at once.
    transaction.oncomplete = () => resolve(failed);

    const turn = () => {
      try {
        /** @type {Act[]} */
        const todo = [];
        end = step(answers.splice(0), todo);
        if (end === FAILED) throw { name: 'Fold' };
        for (const act of todo) {
          act(transaction, (request, read) => {
            waiting += 1;
            // In the order in which it was asked for.
            request.onsuccess = () => {
              answers.push(read(request.result));
              waiting -= 1;
              // Below MORE it is shown each answer as it comes.
              if (end < (waiting === 0 ? DONE : MORE)) turn();
            };
          });
        }
        // Several requests are answered first: Firefox would complete the transaction although one of them fails.
        if (end > MORE && todo.length === 1 && durability !== '') transaction.commit();
        // What was only read is known now.
        if (end === DONE && durability === '') resolve('');
      } catch (error) {
        failed ||= nameOf(error);
        try {
          transaction.abort();
        } catch {
          // It has ended, or it is to be complete all the same.
        }
      }
    };
    turn();
  });
}

/**
 * A database that stays the same one although its handles may die. Once it has been deleted, by whomever, it is closed for ever: a database
 * of the same name is another one.
 */
export class Database {
  /** The id that was made with it; tells it from the next one of its name. */
  identity = '';
  /** @type {IDBDatabase | null} */
  #handle = null;
  /** @type {Promise<string> | null} */
  #opening = null;
  #closed = false;
  #name;
  #newIdentity;

  /** @param {string} name @param {string} newIdentity of the database, should it not be there yet */
  constructor(name, newIdentity) {
    this.#name = name;
    this.#newIdentity = newIdentity;
  }

  /** Opens it if it is not open. */
  async open() {
    if (this.#closed) return 'Closed';
    if (this.#handle !== null) return '';
    // One at a time, and to its end: a connection whose opener has gone away would stay open, unseen.
    this.#opening ??= this.#openNow()
      .catch(nameOf)
      .finally(() => (this.#opening = null));
    return this.#opening;
  }

  /** Performs one transaction; `step` may begin several times, each time with a fresh one. @param {number} scope
   * @param {string} durability @param {Step} step */
  async transact(scope, durability, step) {
    for (let attempt = 0; ; attempt += 1) {
      let failed = await this.open();
      const handle = this.#handle;
      if (failed === '' && handle !== null) {
        const shown = (/** @type {unknown[][]} */ answers, /** @type {Act[]} */ todo) => step(attempt > 0, answers, todo);
        failed = await perform(handle, scope, durability, shown).catch(nameOf);
      } else {
        failed ||= 'InvalidStateError';
      }
      const dead = DEAD.includes(failed);
      // A key that is there already: `step` looks first when it begins again.
      if (attempt === AGAIN || !(dead || (failed === 'ConstraintError' && attempt === 0))) return failed;
      if (dead && handle !== null && handle === this.#handle) this.#forget();
    }
  }

  /** Gives the handle back, for ever. */
  close() {
    this.#closed = true;
    this.#forget();
  }

  /** Deletes it. Other openers are told and give up their handles; one that is frozen cannot, and is not waited for.
   * @returns {Promise<string>} */
  async delete() {
    this.close();
    const request = indexedDB.deleteDatabase(this.#name);
    return new Promise((resolve) => {
      request.onsuccess = request.onblocked = () => resolve('');
      request.onerror = () => resolve(nameOf(request.error));
    });
  }

  #forget() {
    this.#handle?.close();
    this.#handle = null;
  }

  async #openNow() {
    await newLog();
    const known = this.identity;
    let isNew = false;
    const request = indexedDB.open(this.#name, VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      const transaction = /** @type {IDBTransaction} */ (request.transaction);
      isNew = oldVersion === 0;
      // It was there before and is gone, wiped by another tab or evicted by the browser: it is not made anew in silence.
      if (isNew && known !== '') transaction.abort();
      else upgrade(request.result, transaction, oldVersion, this.#newIdentity);
    };
    const failed = await settled(request);
    if (failed === 'VersionError') return `TooNew ${await storedVersion(this.#name)} ${VERSION}`;
    if (failed !== '' && !(isNew && known !== '')) return failed;
    const identity = failed === '' ? await identityOf(request.result) : '';
    if (this.#closed || (known !== '' && known !== identity)) {
      if (failed === '') request.result.close();
      this.close();
      return 'Closed';
    }
    this.identity = identity;
    this.#keep(request.result);
    return '';
  }

  /** @param {IDBDatabase} handle */
  #keep(handle) {
    const lost = () => {
      if (this.#handle === handle) this.#handle = null;
    };
    handle.onclose = lost;
    handle.onversionchange = ({ newVersion }) => {
      handle.close();
      lost();
      if (newVersion === null) this.close();
    };
    this.#handle = handle;
  }
}

/**
 * Where a browser was killed in the middle of a write, the log that Chromium keeps of all the site's databases ends in half a record. The next start goes on
 * behind it; the one after that takes the log for broken and throws every database away, with what was acknowledged meanwhile. To delete a
 * database makes Chromium begin another log, and so that is done before anything is written. A frozen tab can hold it up, and is not waited for long.
 */
function newLog() {
  // Only Chromium tells of losses.
  if (!('dataLoss' in IDBVersionChangeEvent.prototype)) return;
  const name = 'offline-new-log';
  indexedDB.open(name).onsuccess = (event) => /** @type {IDBOpenDBRequest} */ (event.target).result.close();
  const request = indexedDB.deleteDatabase(name);
  return Promise.race([settled(request), new Promise((resolve) => setTimeout(resolve, 1000))]);
}

/** How a request has ended. @param {IDBRequest} request @returns {Promise<string>} */
function settled(request) {
  return new Promise((resolve) => {
    request.onsuccess = () => resolve('');
    request.onerror = () => resolve(nameOf(request.error));
  });
}

/** @param {IDBDatabase} handle @returns {Promise<string>} */
async function identityOf(handle) {
  const request = handle.transaction('meta').objectStore('meta').get('device');
  const failed = await settled(request);
  if (failed !== '') {
    handle.close();
    throw { name: failed };
  }
  return request.result ?? '';
}

/** The version of a database that is newer than this program; 0 when it cannot be learnt. @param {string} name */
async function storedVersion(name) {
  const request = indexedDB.open(name);
  if ((await settled(request)) !== '') return 0;
  request.result.close();
  return request.result.version;
}

/** Brings a database of the version `old` (0: a new one) to the newest. @param {IDBDatabase} database @param {IDBTransaction} transaction
 * @param {number} old @param {string} identity */
function upgrade(database, transaction, old, identity) {
  const commands =
    old === 0 ? database.createObjectStore('commands', { keyPath: 'seq', autoIncrement: true }) : transaction.objectStore('commands');
  /** @param {string} name @param {IDBIndexParameters} how */
  const index = (name, how) => commands.createIndex(name, name, how);
  if (old === 0) {
    index('touches', { multiEntry: true });
    index('parked', {});
    database.createObjectStore('flights');
    database.createObjectStore('meta').put(identity, 'device');
  }
  // Up to the first version a row held one command.
  if (old === 1) commands.deleteIndex('id');
  if (old < 2) index('id', { unique: true, multiEntry: true });
  if (old < 3) index('versions', { multiEntry: true });
  // Since the fourth a row may be settled and stay: a program that does not know that must not open the database.
  if (old > 0 && old < 3) toThird(database, transaction, commands);
}

/** The journal moves into `commands`, and what was JSON beside it becomes plain text. @param {IDBDatabase} database
 * @param {IDBTransaction} transaction @param {IDBObjectStore} commands */
function toThird(database, transaction, commands) {
  const [flights, meta] = [transaction.objectStore('flights'), transaction.objectStore('meta')];
  transaction.objectStore('journal').getAll().onsuccess = (event) => {
    let end = 0;
    for (const { size, id, versions, body } of /** @type {IDBRequest} */ (event.target).result) {
      end += size;
      const keys = versions.map((/** @type {[string, number, string]} */ [record, version, command]) =>
        [record, `${version}`.padStart(16, '0'), command].join(' '));
      commands.add({ seq: -end, id, versions: keys, body });
    }
    database.deleteObjectStore('journal');
    meta.get('tally').onsuccess = (event) => {
      const { removed = 0, highestRemoved = 0, failed = 0, conflict = 0 } = JSON.parse(/** @type {IDBRequest} */ (event.target).result ?? '{}');
      meta.put([removed, highestRemoved, failed, conflict, end, end, 0].join(' '), 'tally');
    };
  };
  meta.get('lease').onsuccess = (event) => {
    const { fence = 0, held } = JSON.parse(/** @type {IDBRequest} */ (event.target).result ?? '{}');
    meta.put(held ? [fence, held.untilMillis, held.by].join(' ') : `${fence}`, 'lease');
  };
  /** @param {[number, number][]} pairs */
  const runs = (pairs) => pairs.map((pair) => pair.join('-')).join(',');
  flights.openCursor().onsuccess = (event) => {
    const cursor = /** @type {IDBRequest} */ (event.target).result;
    if (cursor === null) return;
    const { seqs, rows = seqs } = JSON.parse(cursor.value);
    cursor.update(`${runs(seqs)} ${runs(rows)}`);
    cursor.continue();
  };
}
