// How requests reach the service and how its answers are told from those of everybody else on the way.
// By cookie the browser adds the tokens, and no script ever sees one. By header, for native shells, they are in the record.

/** @import { Context } from './context.js' */
/** @import { Tokens } from './device-record.js' */
import { SessionError } from './errors.js';

/** @typedef {{ tokens?: { access_token: string } }} Holder by cookie without tokens */

/**
 * A request to the service.
 * @param {Context} context
 * @param {Holder} holder
 * @param {AbortSignal} signal
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Tokens & { replayed: boolean }>} `session` also where the service answers with nothing else
 * @throws {SessionError}
 */
export const call = async (context, holder, signal, method, path, body, headers) => {
  const { clock, serverClock, base, options } = context;
  const sentAt = clock.now();
  try {
    const request = new Request(base + path, {
      method,
      signal,
      headers: { 'Content-Type': 'application/json', ...headers },
      body: body && JSON.stringify(body),
      credentials: options.transport === 'header' ? 'omit' : 'include',
      // The service never redirects these. Whoever does is a captive portal.
      redirect: 'error',
    });
    const response = await send(context, holder, request);
    const answer = (await response.json().catch(() => null)) ?? {};
    const now = clock.now();
    const session = answer.session ?? answer;
    // 200 is not enough: a captive portal answers it too.
    const isOurs = session.id || answer.revoked >= 0 || (response.status === 204 && path === '/logout');
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
 * Sends a request, with the token if it goes where the token may go.
 * @param {Context} context
 * @param {Holder} holder
 * @param {Request} request
 */
export const send = ({ page, options, base }, { tokens }, request) => {
  const origin = (/** @type {string} */ url) => new URL(url).origin;
  if (tokens && [page.location.href, base, ...(options.tokenOrigins ?? [])].map(origin).includes(origin(request.url))) {
    request.headers.set('Authorization', `Bearer ${tokens.access_token}`);
  }
  return page.fetch(request);
};

/**
 * @param {any} answer
 * @param {Response} response
 * @param {number} now
 */
const problem = (answer, { status, headers }, now) => {
  const ours = /problem.json/.test(headers.get('Content-Type') ?? '') && answer.code;
  // RFC 9110 §10.2.3: seconds or a date.
  const wait = /** @type {any} */ (headers.get('Retry-After'));
  return new SessionError(ours || 'not_the_service', {
    status,
    problem: ours ? answer : {},
    retryAfter: Math.max(0, isNaN(wait) ? Date.parse(wait) - now || 0 : wait * 1_000),
  });
};
