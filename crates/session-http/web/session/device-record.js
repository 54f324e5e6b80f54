// The rules of a keyed client: what this device remembers of its session, and how that may change.
// Each function here runs within one transaction over all tabs (`storage.js`) and returns what is to be stored.
// docs/rotation.md proves these rules; each one removed has a counterexample there.

/** @import { SessionInfo } from '../session.js' */

/**
 * @typedef {object} DeviceRecord
 * @property {string} [id] the session; without it the cookie jar may hold one that is not known here
 * @property {number} generation what the jar, or `tokens`, is believed to be
 * @property {Record<number, string>} keys by generation
 * @property {{ access_token: string, refresh_token: string }} [tokens] by header only
 * @property {SessionInfo} [session] as last seen
 * @property {string} [ended] why it is over
 * @property {'here' | 'everywhere'} [leaving] a sign-out that the service has not heard of yet
 */

/** @typedef {Pick<DeviceRecord, 'id' | 'generation' | 'tokens'> & { key: string }} Presented what a refresh presents */

/** @typedef {{ session: SessionInfo, access_token?: string, refresh_token?: string }} Tokens */

/** The service remembers four; the jar may be a few behind. */
const KEPT_KEYS = 6;

/** @returns {DeviceRecord} */
export const emptyRecord = () => ({ generation: 0, keys: {} });

/**
 * Whether there is a session, as far as this device knows.
 * @param {DeviceRecord} record
 */
export const isLive = ({ id, ended, leaving }) => id && !ended && !leaving;

/**
 * Draws the key of the record's generation, once: whoever comes later finds it.
 * @param {DeviceRecord} record
 */
export const withKey = (record) => {
  // What has ended is not presented again; the jar may hold another session since, from a login outside this module.
  if (record.ended) record = { ...emptyRecord(), session: record.session, leaving: record.leaving };
  const { keys, generation } = record;
  if (!keys[generation]) {
    // Numbers are in ascending order among an object's names.
    for (const old of Object.keys(keys).slice(0, 1 - KEPT_KEYS)) delete keys[/** @type {any} */ (old)];
    keys[generation] = drawKey();
  }
  return record;
};

/**
 * An answer counts if it is of the same session and newer.
 * @param {DeviceRecord} record
 * @param {Presented} presented
 * @param {Tokens} tokens
 */
export const accept = (record, presented, tokens) => {
  const { id, generation } = tokens.session;
  if (record.id !== presented.id) return record;
  // Another session in the jar was opened outside this module.
  if (id !== record.id) return record.leaving ? record : open(tokens);
  return generation > record.generation ? hold(record, tokens) : record;
};

/**
 * A new login replaces everything.
 * @param {Tokens} tokens
 */
export const open = (tokens) => hold({ ...emptyRecord(), id: tokens.session.id }, tokens);

/**
 * @param {DeviceRecord} record
 * @param {Tokens} tokens
 * @returns {DeviceRecord}
 */
const hold = (record, { session, access_token, refresh_token }) => ({
  ...record,
  generation: session.generation,
  tokens: access_token && refresh_token ? { access_token, refresh_token } : record.tokens,
  // Whoever has signed out stays forgotten.
  session: record.leaving ? undefined : session,
});

/**
 * 401, 409 or 412: it counts only if storage still holds what was presented. Otherwise it speaks of something that is past.
 * @param {DeviceRecord} record
 * @param {Presented} presented
 * @param {Partial<DeviceRecord>} change
 * @returns {DeviceRecord}
 */
export const ifStillHeld = (record, { id, generation }, change) =>
  record.id === id && record.generation === generation ? { ...record, ...change } : record;

/**
 * Signs out. Who it was is forgotten at once; what proves it is kept until the service has heard.
 * @param {DeviceRecord} record
 * @param {boolean} everywhere
 * @returns {DeviceRecord}
 */
export const leave = ({ session, ended, ...record }, everywhere) => ({
  ...record,
  leaving: everywhere ? 'everywhere' : (record.leaving ?? 'here'),
});

/** 244 random bits: of the 128 that a key must have, one UUID alone lacks six. */
const drawKey = () => crypto.randomUUID() + crypto.randomUUID();
