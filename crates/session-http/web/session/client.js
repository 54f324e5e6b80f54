// The client: decides when to refresh, keeps the state, and tells the page and the other tabs.
// What it decides by: `schedule.js` (when), `state-machine.js` (what it means). How it is carried out: `refresh.js`.

/** @import * as Api from '../session.js' */
/** @import { DeviceRecord } from './device-record.js' */
/** @import { Message } from './tabs.js' */
/** @import { Occurrence } from './state-machine.js' */
import { LONGEST_TIMER, alarmOf, passed } from './clock.js';
import { contextOf } from './context.js';
import { emptyRecord, isLive, leave, open } from './device-record.js';
import { SessionError, SessionExpiredError, refusedByService } from './errors.js';
import { tellLeaving } from './leaving.js';
import { tabsLockOf } from './lock.js';
import { pendingQueueOf } from './pending-queue.js';
import { refreshOnce } from './refresh.js';
import { backoffOf } from './retry.js';
import { scheduleOf } from './schedule.js';
import { after, isRunning, mustWait } from './state-machine.js';
import { openStorage } from './storage.js';
import { joinTabs } from './tabs.js';
import { within } from './time-limit.js';
import { call, send } from './transport.js';
import { isInput, onWakeUp } from './wake-up.js';

/** After a failure, a person who presses something is not made to wait longer than this for the next try. */
const PATIENCE = 5_000;

/**
 * @param {Api.SessionOptions} [options]
 * @returns {Api.SessionClient}
 */
export const createSessionClient = (options = {}) => {
  const context = contextOf(options);
  const { clock, page, serverClock } = context;
  const backoff = backoffOf(context);
  const queue = pendingQueueOf(options.pendingQueue);
  const alarm = alarmOf(clock, check);
  const life = new AbortController();
  const { signal: disposed } = life;
  const target = new EventTarget();

  /** @type {Api.SessionState} */
  let state = 'initializing';
  let record = emptyRecord();
  let schedule = scheduleOf({}, options, 0);
  /** Whose data the page shows. @type {string | undefined} */
  let subject;
  /** As the page was told last. */
  let toldNetwork = network();
  /** The end that the page has been warned of. */
  let warnedOf = 0;

  /** When last, by the local clock. */
  let refreshedAt = -Infinity;
  let inputAt = -Infinity;

  /** What is under way, by name: never twice at once. @type {Record<string, Promise<any> | undefined>} */
  const flights = {};
  /** @type {Promise<Api.SessionState> | undefined} */
  let started;
  /** @type {(message: Message) => void} */
  let tell = () => {};
  const opened = openParts();

  async function openParts() {
    context.lock = tabsLockOf(context);
    context.storage = await openStorage(context);
    if (disposed.aborted) return;
    tell = joinTabs(context, hear, disposed);
    onWakeUp(context, wake, disposed);
  }

  // --- What a page may call ---

  const start = () => (started ??= findOut().then(() => state));

  const dispose = () => {
    life.abort();
    alarm.clear();
    queue.drop('aborted');
    context.lock.release();
  };

  const login = async (/** @type {Api.Credentials} */ credentials) => {
    await opened;
    // The login replaces the session that is presented, but knows nothing of an "everywhere".
    await tellLeaving(context).catch(() => {});
    takeLock();
    const { lock, storage } = context;
    const { ssr, transport, rotation = ssr || !storage.shared ? 'grace' : 'keyed' } = options;
    const body = { ...credentials, rotation, transport: transport === 'header' ? 'body' : 'cookie' };
    const stored = await lock.hold(async (signal) => {
      const tokens = await call(context, record, signal, 'POST', '/login', body);
      return storage.update(() => open(tokens));
    });
    adopt(stored, true);
    return /** @type {Api.SessionInfo} */ (stored.session);
  };

  const fetch = async (/** @type {RequestInfo | URL} */ input, /** @type {RequestInit} */ init) => {
    const request = new Request(input, init);
    await start();
    const owner = subject;
    for (let replayed = false; ; replayed = true) {
      for (;;) {
        // What one person asked for is not done as another.
        if (owner && owner !== subject) throw new SessionExpiredError('usermismatch');
        if (mustWait(state)) await queue.wait(clock.now(), request.signal);
        else if (isWanted() && mayAsk()) await refreshIfNewer();
        else break;
      }
      const sent = record;
      const response = await send(context, sent, request.clone());
      if (replayed || !(await mayReplay(response, sent))) return response;
    }
  };

  const refresh = async ({ force = false } = {}) => {
    await start();
    if (!isRunning(state)) return result('ended');
    return force || (isWanted() && mayAsk()) ? refreshIfNewer(force) : result('current');
  };

  const extend = () => {
    inputAt = clock.now();
    return refresh({ force: true });
  };

  const reauthenticate = async (/** @type {Api.Credentials | undefined} */ credentials) => {
    go('asked');
    if (credentials) return login(credentials);
    void findOut();
    return new Promise((resolve, reject) => {
      const look = () => {
        if (isRunning(state)) resolve(record.session);
        if (state === 'signedOut') reject(new SessionError('aborted'));
      };
      onStateChange(look);
      look();
    });
  };

  const signOut = async ({ everywhere = false } = {}) => {
    for (const ask of internals.beforeSignOut) if (!(await ask())) return;
    await opened;
    takeLock();
    // Where it cannot be remembered, it is told now or never.
    await context.storage.update((stored) => leave(stored, everywhere)).catch(() => call(context, record, disposed, 'POST', '/logout').catch(() => {}));
    tell({ leaving: true });
    left('local');
    // What cannot be told now is told at the next start.
    await tellLeaving(context).catch(() => {});
  };

  const onStateChange = (/** @type {(state: Api.SessionState, previous: Api.SessionState) => void} */ listener) => {
    const heard = (/** @type {any} */ { detail }) => listener(detail.state, detail.previous);
    target.addEventListener('statechange', heard);
    return () => target.removeEventListener('statechange', heard);
  };

  /** @type {Api.Internals} */
  const internals = {
    context,
    disposed,
    beforeSignOut: new Set(),
    send: (request) => send(context, record, request),
  };

  // --- Finding out who is logged in ---

  function findOut() {
    return once('probe', probe);
  }

  async function probe() {
    await opened;
    const { storage } = context;
    await tellLeaving(context);
    const before = await storage.update();
    keep(before);
    if (isLive(before) && serverClock.now() >= schedule.refreshAt) return refreshIfNewer();
    try {
      const tokens = await within(context, (signal) => call(context, before, signal, 'GET', '/session'));
      const { session } = tokens;
      const found = await storage.update((stored) => {
        // Unless a login, here or in another tab, was quicker.
        if (stored.id !== before.id || stored.generation !== before.generation || stored.leaving) return stored;
        return stored.id === session.id ? { ...stored, session } : open(tokens);
      });
      adopt(found);
    } catch (thrown) {
      const error = /** @type {SessionError} */ (thrown);
      if (error.status !== 401 || !refusedByService(error.code)) throw error;
      // An expired token of a session that is not known here: opened by a form, or the site's data was deleted.
      if (isLive(before) || /^token_[ei]/.test(error.code)) return refreshIfNewer();
      ended(before.ended ?? error.code);
    }
  }

  // --- Refreshing ---

  /**
   * Unless another tab has meanwhile done it.
   * @param {boolean} [force] in any case
   * @returns {Promise<Api.RefreshResult>}
   */
  function refreshIfNewer(force = false) {
    return once('refresh', () => refreshNow(force));
  }

  /** @param {boolean} force */
  async function refreshNow(force) {
    await opened;
    const run = (/** @type {DeviceRecord} */ known, /** @type {boolean} */ anyway) =>
      context.lock.hold((signal) => refreshOnce(context, known, anyway, signal));
    let outcome = await run(record, force);
    if (outcome.replayed) {
      // A repeated answer extends nothing. If the idle time is nearly up, this does.
      const { isIdle, warnAt } = scheduleOf(outcome.record.session ?? {}, options, 0);
      if (isIdle && serverClock.now() >= warnAt) outcome = await run(outcome.record, true);
    }
    adopt(outcome.record, outcome.granted);
    return result(isLive(outcome.record) ? 'refreshed' : 'ended');
  }

  /**
   * @param {string} name
   * @param {() => Promise<any>} work
   */
  function once(name, work) {
    return (flights[name] ??= work()
      .catch(failed)
      .finally(() => {
        flights[name] = undefined;
        check();
      }));
  }

  /** @param {unknown} thrown */
  function failed(thrown) {
    const error = thrown instanceof SessionError ? thrown : new SessionError('storage', { cause: thrown });
    // After an `aborted` a login or logout tells how things stand.
    if (error.code === 'aborted') return result('failed', error);
    backoff.failed(error);
    if (state === 'initializing' && isLive(record)) go(serverClock.now() < schedule.endsAt ? 'cached' : 'overdue');
    const nextRetryAt = backoff.nextAt();
    emit('refresherror', { error, attempt: backoff.attempt(), nextRetryAt });
    return result('failed', error, nextRetryAt);
  }

  /**
   * @param {Api.RefreshResult['status']} status
   * @param {SessionError} [error]
   * @param {number} [nextRetryAt]
   * @returns {Api.RefreshResult}
   */
  function result(status, error, nextRetryAt) {
    return { status, session: client.session, error, nextRetryAt };
  }

  /**
   * A 401 of the service's own check means that the request was not carried out.
   * @param {Response} response
   * @param {DeviceRecord} sent with
   */
  async function mayReplay(response, sent) {
    if (response.status !== 401 || !isRunning(state)) return false;
    const problem = await response.clone().json().catch(() => null);
    if (!refusedByService(problem?.code)) return false;
    if (record !== sent) return subject === sent.session?.subject;
    // An idle person's page may go on asking; that keeps nobody logged in.
    const asked = !/^token/.test(problem.code) || (mayExtend() && mayAsk());
    return asked && ((await refreshIfNewer()).status === 'refreshed' || mustWait(state));
  }

  // --- When to do what ---

  /** Compares clocks, does what is due, and sets the alarm for what is next. */
  function check() {
    if (disposed.aborted) return;
    const { refreshAt, warnAt, endsAt, gap } = schedule;
    const now = clock.now();
    const serverNow = serverClock.now();
    const failing = backoff.attempt() > 0;
    if (toldNetwork !== network()) emit('networkchange', { network: (toldNetwork = network()) });
    queue.drop('timeout', now);
    if (isRunning(state)) {
      if (failing && serverNow >= endsAt) go('overdue');
      else if (serverNow >= warnAt && (failing || !extendsItself())) warn();
      if (isWanted() && mayAsk()) void refreshIfNewer();
    } else if (state === 'initializing' && started && backoff.ready()) void findOut();
    const waits = [refreshAt - serverNow, warnAt - serverNow, endsAt - serverNow, refreshedAt + gap - now, backoff.nextAt() - now];
    alarm.set(Math.min(options.tickInterval ?? LONGEST_TIMER, ...waits.filter((wait) => wait > 0)));
  }

  /** A refresh is due, and nobody has to be asked. At the end the service has the last word, whoever is there. */
  function isWanted() {
    const now = serverClock.now();
    const { refreshAt, warnAt, endsAt } = schedule;
    // What has failed is still to be done, whoever asked for it.
    const due = now >= refreshAt || backoff.attempt() || (now >= warnAt && schedule.isIdle);
    return state === 'unverified' || now >= endsAt || (due && mayExtend());
  }

  function mayAsk() {
    return passed(clock.now(), refreshedAt, schedule.gap) && backoff.ready();
  }

  function mayExtend() {
    return options.activity !== 'input' || inputAt > refreshedAt;
  }

  function extendsItself() {
    return schedule.isIdle && mayExtend();
  }

  /** @returns {Api.NetworkState} */
  function network() {
    return !page.navigator.onLine ? 'offline' : backoff.attempt() ? 'degraded' : 'online';
  }

  /** @param {string} type of the event */
  async function wake(type) {
    const input = isInput(type);
    if (input) inputAt = clock.now();
    if (options.retryNowOn?.includes(type) ?? true) backoff.hurry(input ? PATIENCE : 0);
    if (!input) {
      await look();
      // A login in a window that knows nothing of this module: a single sign-on, a form.
      if (isOut()) await findOut();
    } else if (!isWanted()) return;
    check();
  }

  // --- Other tabs ---

  /** By cookie nothing may be in flight, in any tab, when the jar changes hands. */
  function takeLock() {
    context.lock.release();
    tell({ abort: true });
  }

  /** @param {Message} message */
  async function hear({ abort, leaving }) {
    if (abort) context.lock.release();
    else if (leaving) left('other-tab');
    else if (context.storage.shared) await look();
    else await findOut();
    check();
  }

  /** Reads what other tabs have left in storage. */
  async function look() {
    const { storage } = context;
    const stored = await storage.update().catch(() => null);
    if (!stored || !storage.shared || state === 'initializing') return;
    const running = isRunning(state);
    if (!(isLive(stored) ? isNews(stored) || !running : running)) return;
    // Of what never was, or what the browser has deleted, the jar tells more.
    if (stored.session || stored.leaving || stored.ended) adopt(stored);
    else await findOut();
  }

  // --- What it means for the page ---

  /**
   * Takes over what storage holds.
   * @param {DeviceRecord} stored
   * @param {boolean} [mine] this tab has changed it, and tells the others
   */
  function adopt(stored, mine) {
    const { session, id, generation } = stored;
    if (!session) return left('other-tab');
    if (!isLive(stored)) return ended(stored.ended ?? '', stored);
    const previous = subject ?? session.subject;
    // A page that is only just starting shows nobody's data yet.
    const mismatch = previous !== session.subject && state !== 'initializing';
    const news = isNews(stored);
    const wasOut = isOut();
    if (mine) tell({ id, generation });
    if (news || mine) refreshedAt = clock.now();
    keep(stored);
    backoff.succeeded();
    if (mismatch) queue.drop('usermismatch');
    go(serverClock.now() >= schedule.warnAt && !extendsItself() ? 'late' : 'fresh');
    if (mismatch) emit('usermismatch', { previous, subject });
    else if (wasOut) emit('reauthenticated', { session });
    if (news) emit('tokenrefreshed', { session, source: mine ? 'local' : 'other-tab' });
    queue.release();
    check();
  }

  /** @param {DeviceRecord} stored */
  function isNews({ id, generation }) {
    return id !== record.id || generation > record.generation;
  }

  function isOut() {
    return state === 'expired' || state === 'reauthenticating';
  }

  /** @param {DeviceRecord} stored */
  function keep(stored) {
    record = stored;
    const { session } = stored;
    subject = session?.subject;
    schedule = scheduleOf(session ?? {}, options, context.random());
  }

  function warn() {
    const { endsAt, isIdle } = schedule;
    go('warn');
    if (state !== 'expiring' || warnedOf === endsAt) return;
    warnedOf = endsAt;
    emit('sessionexpiring', { deadline: endsAt, kind: isIdle ? 'idle' : 'absolute', canExtend: isIdle });
  }

  /**
   * The page goes on showing whose session it was.
   * @param {string} reason
   * @param {DeviceRecord} [stored]
   */
  function ended(reason, stored = record) {
    backoff.succeeded();
    if (!subject) return left('server');
    // At the deadline the browser itself deletes the cookies, to the second: then no answer says why.
    const { isIdle, endsAt } = schedule;
    if (/_missing$/.test(reason) && serverClock.now() > endsAt - 1_000) reason = isIdle ? 'idle' : 'absolute';
    record = stored;
    if (record.leaving) void tellLeaving(context).catch(() => {});
    if (!go('ended')) return;
    tell({});
    emit('sessionexpired', { reason });
    emit('reauthrequired', { reason, subject });
  }

  /** @param {'local' | 'other-tab' | 'server'} source */
  function left(source) {
    keep(emptyRecord());
    backoff.succeeded();
    queue.drop('signedout');
    if (go('left')) emit('signedout', { source });
  }

  /**
   * @param {Occurrence} occurrence
   * @returns {boolean} whether the state has changed
   */
  function go(occurrence) {
    const previous = state;
    state = after(state, occurrence);
    return state !== previous && emit('statechange', { state, previous, session: client.session });
  }

  /**
   * @param {keyof Api.SessionEventMap} type
   * @param {object} detail
   */
  function emit(type, detail) {
    return target.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @type {Omit<Api.SessionClient, keyof EventTarget | 'state' | 'network' | 'isRefreshing' | 'session'>} */
  const methods = { start, dispose, login, fetch, refresh, extend, reauthenticate, signOut, onStateChange, internals, serverNow: serverClock.now };
  const client = Object.defineProperties(/** @type {any} */ (Object.assign(target, methods)), {
    state: { get: () => state },
    network: { get: network },
    isRefreshing: { get: () => !!flights.refresh },
    session: { get: () => record.session ?? null },
  });
  return client;
};
