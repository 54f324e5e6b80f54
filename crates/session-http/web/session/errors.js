// What can go wrong, and which of it ends a session.

/** @import { SessionErrorDetails } from '../session.js' */

export class SessionError extends Error {
  status = 0;
  retryAfter = 0;
  /** @type {Readonly<Record<string, unknown>>} */
  problem = {};

  /**
   * @param {string} code
   * @param {Partial<SessionErrorDetails>} [details]
   */
  constructor(code, details) {
    super(code);
    this.code = code;
    Object.assign(this, details);
  }
}

/** A request waited for a login. */
export class SessionExpiredError extends SessionError {}

/**
 * Only these end a session. A 401 of a proxy, a captive portal's page, a 5xx: none of them knows.
 * @param {SessionError} error
 */
export const endsSession = ({ status, code }) => status === 401 && /^(session|refresh_token)_/.test(code);

/**
 * The service's own check refused the request's credential: it was not carried out.
 * @param {string} code
 */
export const refusedByService = (code) => /^(token|session)_/.test(code);
