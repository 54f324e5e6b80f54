// One object store of IndexedDB, opened when it is needed and opened again when the browser has closed it.

const STORE = 'records';

export class Database {
  #page;
  #name;
  /** @type {Promise<IDBDatabase> | undefined} */
  #opened;

  /**
   * @param {{ indexedDB: IDBFactory }} page read late: where a person forbids storage, that may throw
   * @param {string} name
   */
  constructor(page, name) {
    this.#page = page;
    this.#name = name;
  }

  /**
   * Does `work` in one transaction: who comes second sees what the first has written. Resolves when that is on disk.
   * @template T
   * @param {(store: IDBObjectStore, done: (result: T) => void) => void} work
   * @returns {Promise<T>}
   */
  async transact(work) {
    const database = await (this.#opened ??= this.#open());
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
      /** @type {T} */
      let result;
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(STORE), (value) => (result = value));
    }).catch((error) => {
      // The browser has lost it, or a person has deleted the site's data: the next try opens it anew.
      database.close();
      this.#opened = undefined;
      throw error;
    });
  }

  /** @returns {Promise<IDBDatabase>} */
  #open() {
    return new Promise((resolve, reject) => {
      const request = this.#page.indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onsuccess = () => {
        const database = request.result;
        database.onversionchange = () => database.close();
        resolve(database);
      };
      request.onerror = () => {
        this.#opened = undefined;
        reject(request.error);
      };
    });
  }
}
