// The device's copies of drafts, by person and key. They outlive a session that expires, and nobody else ever sees them.

/** @import { Context } from '../session/context.js' */

/**
 * @typedef {object} Copy
 * @property {string} id as the page calls it
 * @property {unknown} value `undefined`: it was discarded
 * @property {boolean} dirty the service has not got it
 * @property {string | null} etag of what the service had when this was written
 * @property {unknown[]} sent what was on its way to the service: if its answer is lost, that is not somebody else's
 * @property {{ value: unknown, etag: string | null }} [theirs] in a conflict
 */

/** @typedef {ReturnType<typeof localCopiesOf>} LocalCopies */

/**
 * All of it rejects where there is no storage that lasts.
 * @param {Context} context
 */
export const localCopiesOf = (context) => {
  const { base } = context;
  /**
   * @param {(store: IDBObjectStore) => IDBRequest} work
   * @returns {Promise<any>}
   */
  const run = async (work) =>
    /** @type {import('../session/database.js').Transact} */ (context.storage.transact)((store, done) => {
      const request = work(store);
      request.onsuccess = () => done(request.result);
    });
  /** Of all keys of one person: an array sorts after every text. */
  const allOf = (/** @type {string} */ subject) => IDBKeyRange.bound([base, subject], [base, subject, []]);

  return {
    /**
     * @param {string} subject
     * @param {string} key
     * @returns {Promise<Copy | undefined>}
     */
    read: (subject, key) => run((store) => store.get([base, subject, key])),

    /**
     * @param {string} subject
     * @param {string} key
     * @param {Copy} copy one that was discarded, as the service knows, is deleted
     */
    write: (subject, key, copy) =>
      run((store) => {
        const place = [base, subject, key];
        return copy.value === undefined && !copy.dirty ? store.delete(place) : store.put(copy, place);
      }),

    /**
     * @param {string} subject
     * @returns {Promise<Copy[]>}
     */
    list: (subject) => run((store) => store.getAll(allOf(subject))),

    /** @param {string} subject */
    wipe: (subject) => run((store) => store.delete(allOf(subject))),
  };
};
