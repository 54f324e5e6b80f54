// The rules of a keyed client: what this device remembers of its session, and how it may change.
// Each function here runs within one transaction over all tabs (`storage.js`) and changes nothing but the record it is given.
// docs/rotation.md proves these rules; each one removed has a counterexample there.

/** @import { SessionInfo } from '../session.js' */

/**
 * @typedef {object} DeviceRecord
 * @property {string | null} id the session; `null`: the cookie jar may hold one that is not known here
 * @property {number} generation what the jar, or `tokens.refresh`, is believed to be
 * @property {Array<[generation: number, key: string]>} keys
 * @property {{ access_token: string, refresh_token: string } | null} tokens by header only
 * @property {SessionInfo | null} session as last seen
 * @property {string | null} ended why it is over
 * @property {'here' | 'everywhere' | null} leaving a sign-out that the service has not heard of yet
 */

/**
 * @typedef {object} Presented what a refresh presents
 * @property {string | null} id
 * @property {number} generation
 * @property {string} key
 * @property {DeviceRecord['tokens']} tokens
 */

/** @typedef {{ session: SessionInfo, access_token?: string, refresh_token?: string }} Tokens */

/** The service remembers four; the jar may be a few behind. */
const KEPT_KEYS = 6;

/** @returns {DeviceRecord} */
export const emptyRecord = () => ({
  id: null,
  generation: 0,
  keys: [],
  tokens: null,
  session: null,
  ended: null,
  leaving: null,
});

/**
 * Whether there is a session, as far as this device knows.
 * @param {DeviceRecord} record
 */
export const isLive = (record) => record.id !== null && !record.ended && !record.leaving;

/**
 * Reads the generation and draws its key, once: whoever comes later gets the same.
 * @param {DeviceRecord} record
 * @returns {Presented}
 */
export const present = (record) => {
  // What has ended is not presented again; the jar may hold another session since, from a login outside this module.
  if (record.ended) Object.assign(record, { id: null, generation: 0, keys: [], tokens: null, ended: null });
  const { id, generation } = record;
  let key = record.keys.find(([drawnFor]) => drawnFor === generation)?.[1];
  if (!key) {
    key = drawKey();
    record.keys.sort(([a], [b]) => a - b);
    record.keys = [...record.keys.slice(1 - KEPT_KEYS), [generation, key]];
  }
  return { id, generation, key, tokens: record.tokens };
};

/**
 * An answer counts if it is of the same session and newer.
 * @param {DeviceRecord} record
 * @param {Presented} presented
 * @param {Tokens} tokens
 */
export const accept = (record, presented, tokens) => {
  if (record.id !== presented.id) return;
  const { id, generation } = tokens.session;
  // Another session in the jar was opened outside this module.
  if (id !== record.id) record.leaving || open(record, tokens);
  else if (generation > record.generation) hold(record, tokens);
};

/**
 * A new login replaces everything.
 * @param {DeviceRecord} record
 * @param {Tokens} tokens
 */
export const open = (record, tokens) => {
  Object.assign(record, emptyRecord(), { id: tokens.session.id });
  hold(record, tokens);
};

/**
 * @param {DeviceRecord} record
 * @param {Tokens} tokens
 */
const hold = (record, { session, access_token, refresh_token }) => {
  record.generation = session.generation;
  record.tokens = access_token && refresh_token ? { access_token, refresh_token } : null;
  // Whoever has signed out stays forgotten.
  if (!record.leaving) record.session = session;
};

/**
 * 412: the jar holds `generation`. From here on it is a refresh of that one, with that one's key.
 * @param {DeviceRecord} record
 * @param {Presented} presented
 * @param {number} generation
 */
export const adoptGeneration = (record, presented, generation) => {
  if (stillHolds(record, presented)) record.generation = generation;
};

/**
 * 401 or 409: it counts only if storage still holds what was presented. Otherwise it speaks of something that is past.
 * @param {DeviceRecord} record
 * @param {Presented} presented
 * @param {string} reason
 * @param {boolean} leaveThere whether the service has to be told that it is over
 */
export const end = (record, presented, reason, leaveThere) => {
  if (!stillHolds(record, presented) || record.leaving) return;
  record.ended = reason;
  if (leaveThere) record.leaving = 'here';
};

/**
 * @param {DeviceRecord} record
 * @param {Presented} presented
 */
const stillHolds = (record, presented) =>
  record.id === presented.id && record.generation === presented.generation;

/**
 * Signs out. Who it was is forgotten at once; what proves it is kept until the service has heard.
 * @param {DeviceRecord} record
 * @param {boolean} everywhere
 */
export const leave = (record, everywhere) => {
  record.session = null;
  record.ended = null;
  if (everywhere || !record.leaving) record.leaving = everywhere ? 'everywhere' : 'here';
};

/** 128 bits, in base64url. */
const drawKey = () =>
  btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16)))).replace(
    /[+/=]/g,
    (character) => ({ '+': '-', '/': '_' })[character] ?? '',
  );
