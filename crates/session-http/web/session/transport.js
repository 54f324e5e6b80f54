// How requests reach the service and how its answers are told from those of everybody else on the way.
// By cookie the browser adds the tokens, and no script ever sees one. By header, for native shells, they are in the record.

/** @import { Context } from './context.js' */
/** @import { Tokens } from './device-record.js' */
import { SessionError } from './errors.js';

/** @typedef {{ tokens: { access_token: string } | null }} Holder by cookie without tokens */

/**
 * A request to the service.
 * @param {Context} context
 * @param {Holder} holder
 * @param {AbortSignal} signal
 * @param {string} method
 * @param {string} path
 * @param {object | null} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Tokens & { replayed: boolean }>} `session` also where the service answers with nothing else
 * @throws {SessionError}
 */
export const call = async ({ clock, serverClock, page, base, options }, { tokens }, signal, method, path, body, headers) => {
  const sentAt = clock.now();
  try {
    const response = await page.fetch(base + path, {
      method,
      signal,
      headers: { ...(tokens && authorization(tokens)), ...(body && { 'Content-Type': 'application/json' }), ...headers },
      body: body && JSON.stringify(body),
      credentials: options.transport === 'header' ? 'omit' : 'include',
      // The service never redirects these. Whoever does is a captive portal.
      redirect: 'error',
    });
    const answer = (await response.json().catch(() => null)) ?? {};
    const now = clock.now();
    const session = answer.session ?? answer;
    // 200 is not enough: a captive portal answers it too.
    const isOurs = session.id || answer.revoked >= 0 || response.status === 204;
    if (!response.ok || !isOurs) throw problem(answer, response, now);
    serverClock.sample(sentAt, now, Date.parse(session.server_time));
    return { ...answer, session, replayed: !!response.headers.get('Idempotency-Replayed') };
  } catch (error) {
    // The signal's reason says more than the `AbortError` that some engines throw in its place.
    const cause = signal.aborted ? signal.reason : error;
    throw cause instanceof SessionError ? cause : new SessionError('network', { cause });
  }
};

/**
 * A request of the page. It gets the token if it goes where the token may go.
 * @param {Context} context
 * @param {Holder} holder
 * @param {Request} request
 */
export const callForPage = ({ page, options, base }, { tokens }, request) => {
  const origin = (/** @type {string} */ url) => new URL(url).origin;
  if (tokens && [page.location.href, base, ...(options.tokenOrigins ?? [])].map(origin).includes(origin(request.url))) {
    request.headers.set('Authorization', authorization(tokens).Authorization);
  }
  return page.fetch(request);
};

/** @param {{ access_token: string }} tokens */
const authorization = ({ access_token }) => ({ Authorization: `Bearer ${access_token}` });

/**
 * @param {any} answer
 * @param {Response} response
 * @param {number} now
 */
const problem = (answer, { status, headers }, now) => {
  const ours = headers.get('Content-Type')?.startsWith('application/problem+json') && answer.code;
  // RFC 9110 §10.2.3: seconds or a date.
  const wait = /** @type {any} */ (headers.get('Retry-After'));
  return new SessionError(ours || 'not_the_service', {
    status,
    problem: ours ? answer : {},
    retryAfter: Math.max(0, isNaN(wait) ? Date.parse(wait) - now || 0 : wait * 1_000),
  });
};
