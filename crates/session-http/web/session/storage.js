// Where the device's record is kept: in IndexedDB for all tabs, or, where that is forbidden, in this tab's memory.

/** @import { Context } from './context.js' */
/** @import { DeviceRecord } from './device-record.js' */
import { Database } from './database.js';
import { emptyRecord } from './device-record.js';

/**
 * @typedef {object} RecordStorage
 * @property {boolean} shared whether other tabs, and this one after a reload, see the same
 * @property {(change?: (record: DeviceRecord) => void) => Promise<DeviceRecord>} update one transaction: reads, changes in place, writes. Resolves with what is stored then
 */

/**
 * @param {Context} context
 * @returns {Promise<RecordStorage>}
 */
export const openStorage = async ({ page, name }) => {
  const database = new Database(page, 'session-client');
  /** @type {RecordStorage} */
  const storage = {
    shared: true,
    update: (change) =>
      database.transact((store, done) => {
        const found = store.get(name);
        found.onsuccess = () => {
          const record = found.result ?? emptyRecord();
          change?.(record);
          if (change) store.put(record, name);
          done(record);
        };
      }),
  };
  try {
    // Private windows of some browsers open a database and refuse to write.
    await storage.update(() => {});
    return storage;
  } catch {
    // Forbidden, or there is none.
  }
  const record = emptyRecord();
  return {
    shared: false,
    update: async (change) => (change?.(record), structuredClone(record)),
  };
};
