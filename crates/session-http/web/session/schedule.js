// When to refresh, when to warn, and when a session ends: all by the service's clock, in milliseconds since 1970.

/** @import { SessionInfo, SessionOptions } from '../session.js' */

/** WCAG 2.2.1: who is warned must have 20 seconds at least to react. */
const SHORTEST_WARNING = 20_000;

/** Of a life this short that a warning of 20 seconds would fill it, the warning takes this part. */
const LONGEST_PART = 0.8;

/** However short an access token lives. */
const SHORTEST_GAP = 1_000;

/**
 * @typedef {object} Schedule
 * @property {number} refreshAt
 * @property {number} warnAt
 * @property {number} endsAt
 * @property {boolean} isIdle it ends because nobody uses it; at its absolute end otherwise
 * @property {number} gap milliseconds between two refreshes that nobody asked for
 */

/**
 * @param {Partial<SessionInfo>} session of none all times are NaN: nothing is ever due
 * @param {SessionOptions} options
 * @param {number} random from 0 up to 1: tabs and people do not refresh in step
 * @returns {Schedule}
 */
export const scheduleOf = (session, options, random) => {
  const time = (/** @type {any} */ text) => Date.parse(text);
  const idleEnd = time(session.idle_expires_at);
  const absoluteEnd = time(session.expires_at);
  const usedAt = time(session.last_used_at);
  const isIdle = idleEnd < absoluteEnd;
  const endsAt = isIdle ? idleEnd : absoluteEnd;
  const life = endsAt - (isIdle ? usedAt : time(session.created_at));

  const accessEndsAt = time(session.access_expires_at);
  const accessLife = accessEndsAt - usedAt;
  const { refreshMargin = Math.min(Math.max(accessLife / 4, 30_000), 300_000), refreshJitter = 0.1 } = options;
  const margin = Math.min(refreshMargin, accessLife / 2);

  const { warnBefore = endsAt - time(session.warn_at), minRefreshGap = 5_000 } = options;
  return {
    refreshAt: accessEndsAt - margin * (1 + random * refreshJitter),
    warnAt: endsAt - Math.max(warnBefore, Math.min(SHORTEST_WARNING, life * LONGEST_PART)),
    endsAt,
    isIdle,
    gap: Math.max(Math.min(minRefreshGap, accessLife / 2), SHORTEST_GAP),
  };
};
