// What can go wrong, and which of it ends a session.

/** @import { SessionErrorDetails } from '../session.js' */

export class SessionError extends Error {
  name = 'SessionError';

  /**
   * @param {string} code
   * @param {Partial<SessionErrorDetails>} [details]
   */
  constructor(code, { status = 0, retryAfter = 0, problem = {}, cause } = {}) {
    super(`${problem.detail ?? code}`, { cause });
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.problem = problem;
  }
}

export class SessionExpiredError extends Error {
  name = 'SessionExpiredError';

  /** @param {'too_old' | 'queue_full' | 'user_mismatch' | 'signed_out' | 'disposed'} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Only these end a session. A 401 of a proxy, a captive portal's page, a 5xx: none of them knows.
 * @param {SessionError} error
 */
export const endsSession = ({ status, code }) => status === 401 && /^(session|refresh_token)_/.test(code);

/**
 * The service's own check refused the request's credential: it was not carried out.
 * @param {string | undefined} code
 */
export const refusedByService = (code) => /^(token|session)_/.test(code ?? '');
