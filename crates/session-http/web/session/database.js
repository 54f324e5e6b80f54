// One object store of IndexedDB, opened when it is needed and opened again when the browser has closed it.

const STORE = 'records';

/**
 * Does `work` in one transaction: who comes second sees what the first has written. Resolves when that is on disk.
 * @typedef {<T>(work: (store: IDBObjectStore, done: (result: T) => void) => void) => Promise<T>} Transact
 */

/**
 * @param {{ indexedDB: IDBFactory }} page read late: where a person forbids storage, that may throw
 * @param {string} name
 */
export const databaseOf = (page, name) => {
  /** @type {Promise<IDBDatabase> | undefined} */
  let opened;

  const open = () =>
    new Promise((/** @type {(database: IDBDatabase) => void} */ resolve, reject) => {
      const request = page.indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  /** @type {Transact} */
  return async (work) => {
    try {
      const database = await (opened ??= open());
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
        /** @type {any} */
        let result;
        transaction.oncomplete = () => resolve(result);
        transaction.onabort = () => reject(transaction.error);
        work(transaction.objectStore(STORE), (value) => (result = value));
      });
    } catch (error) {
      // The browser has lost it, or a person has deleted the site's data: the next try opens it anew.
      opened = undefined;
      throw error;
    }
  };
};
