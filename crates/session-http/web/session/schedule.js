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
 * @property {'idle' | 'absolute'} kind which of both ends comes first
 * @property {number} gap milliseconds between two refreshes that nobody asked for
 */

/** Of no session: nothing is ever due. @type {Schedule} */
export const NEVER = { refreshAt: Infinity, warnAt: Infinity, endsAt: Infinity, kind: 'absolute', gap: 0 };

/**
 * @param {SessionInfo} session
 * @param {SessionOptions} options
 * @param {number} random from 0 up to 1: tabs and people do not refresh in step
 * @returns {Schedule}
 */
export const scheduleOf = (session, options, random) => {
  const time = (/** @type {any} */ text) => Date.parse(text);
  const idleEnd = time(session.idle_expires_at);
  const absoluteEnd = time(session.expires_at);
  const usedAt = time(session.last_used_at);
  const kind = idleEnd < absoluteEnd ? 'idle' : 'absolute';
  const endsAt = Math.min(idleEnd, absoluteEnd);
  const life = endsAt - (kind === 'idle' ? usedAt : time(session.created_at));

  const accessEndsAt = time(session.access_expires_at) || endsAt;
  const accessLife = Math.max(accessEndsAt - usedAt, 0);
  const { refreshMargin = clamp(accessLife / 4, 30_000, 300_000), refreshJitter = 0.1 } = options;
  const margin = Math.min(refreshMargin, accessLife / 2);

  const asked = options.warnBefore ?? endsAt - time(session.warn_at);
  const warning = Math.max(asked, Math.min(SHORTEST_WARNING, life * LONGEST_PART));
  return {
    refreshAt: accessEndsAt - margin * (1 + random * refreshJitter),
    warnAt: endsAt - warning,
    endsAt,
    kind,
    gap: Math.max(Math.min(options.minRefreshGap ?? 5_000, accessLife / 2), SHORTEST_GAP),
  };
};

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
