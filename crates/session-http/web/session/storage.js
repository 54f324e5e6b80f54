// Where the device's record is kept: in IndexedDB for all tabs, or, where that is forbidden, in this tab's memory.

/** @import { Context } from './context.js' */
/** @import { Transact } from './database.js' */
/** @import { DeviceRecord } from './device-record.js' */
import { databaseOf } from './database.js';
import { emptyRecord } from './device-record.js';

/**
 * @typedef {object} RecordStorage
 * @property {boolean} [shared] whether other tabs, and this one after a reload, see the same
 * @property {Transact} [transact] for what else is to be kept there. The record's key is a text
 * @property {(change?: (record: DeviceRecord) => DeviceRecord) => Promise<DeviceRecord>} update one transaction: reads, and writes what `change` returns. Resolves with what is stored then
 */

/**
 * @param {Context} context
 * @returns {Promise<RecordStorage>}
 */
export const openStorage = async ({ page, name }) => {
  const transact = databaseOf(page, 'session-client');
  /** @type {RecordStorage['update']} */
  const update = (change) =>
    transact((store, done) => {
      const found = store.get(name);
      found.onsuccess = () => {
        let record = found.result ?? emptyRecord();
        if (change) store.put((record = change(record)), name);
        done(record);
      };
    });
  try {
    // Private windows of some browsers open a database and refuse to write.
    await update((record) => record);
    return { shared: true, update, transact };
  } catch {
    // Forbidden, or there is none.
    let record = emptyRecord();
    return { update: async (change) => (record = change?.(structuredClone(record)) ?? record) };
  }
};
