// The client: decides when to refresh, keeps the state, and tells the page and the other tabs.
// What it decides by: `schedule.js` (when), `state-machine.js` (what it means). How it is carried out: `refresh.js`.

/** @import * as Api from '../session.js' */
/** @import { Message } from './tabs.js' */
/** @import { Occurrence } from './state-machine.js' */
import { Alarm, LONGEST_TIMER, passed } from './clock.js';
import { contextOf } from './context.js';
import { emptyRecord, isLive, leave, open } from './device-record.js';
import { SessionError, refusedByService } from './errors.js';
import { tellLeaving } from './leaving.js';
import { TabsLock } from './lock.js';
import { PendingQueue } from './pending-queue.js';
import { refreshOnce } from './refresh.js';
import { Backoff } from './retry.js';
import { NEVER, scheduleOf } from './schedule.js';
import { after, isRunning, mustWait } from './state-machine.js';
import { openStorage } from './storage.js';
import { joinTabs } from './tabs.js';
import { within } from './time-limit.js';
import { call, callForPage } from './transport.js';
import { isInput, onWakeUp } from './wake-up.js';

/** After a failure, a person who presses something is not made to wait longer than this for the next try. */
const PATIENCE = 5_000;

/** @implements {Api.SessionClient} */
export class Client extends EventTarget {
  /** @type {Api.SessionState} */
  #state = 'initializing';
  /** As the page was told last. @type {Api.NetworkState} */
  #network = 'online';
  #record = emptyRecord();
  #schedule = NEVER;
  /** Whose data the page shows. @type {string | null} */
  #subject = null;
  /** The end that the page has been warned of. */
  #warnedOf = 0;

  /** When last, by the local clock. */
  #refreshedAt = -Infinity;
  #inputAt = -Infinity;

  /** What is under way, by name: never twice at once. @type {{ refresh?: Promise<Api.RefreshResult>, probe?: Promise<void> }} */
  #flights = {};
  /** @type {Promise<Api.SessionState> | undefined} */
  #started;

  #context;
  #backoff;
  #queue;
  #alarm;
  #opened;
  #life = new AbortController();
  #tell = (/** @type {Message} */ _message) => {};

  /** @param {Api.SessionOptions} options */
  constructor(options) {
    super();
    const context = (this.#context = contextOf(options));
    this.#backoff = new Backoff(context);
    this.#queue = new PendingQueue(options.pendingQueue);
    this.#alarm = new Alarm(context.clock, () => this.#check());
    this.#opened = this.#open();
    /** @type {Api.Internals} */
    this.internals = {
      context,
      beforeSignOut: new Set(),
      send: (request) => callForPage(context, this.#record, request),
    };
  }

  get state() {
    return this.#state;
  }

  /** @returns {Api.NetworkState} */
  get network() {
    if (this.#context.page.navigator?.onLine === false) return 'offline';
    return this.#backoff.attempt ? 'degraded' : 'online';
  }

  get isRefreshing() {
    return !!this.#flights.refresh;
  }

  get session() {
    return this.#record.session;
  }

  serverNow() {
    return this.#context.serverClock.now();
  }

  start() {
    return (this.#started ??= this.#findOut().then(() => this.#state));
  }

  dispose() {
    this.#life.abort();
    this.#alarm.clear();
    this.#queue.drop('disposed');
    this.#context.lock.release();
  }

  /** @param {Api.Credentials} credentials */
  async login(credentials) {
    await this.#opened;
    const { lock, options, storage } = this.#context;
    // The login replaces the session that is presented, but knows nothing of an "everywhere".
    await tellLeaving(this.#context).catch(() => {});
    this.#takeLock();
    const { rotation = options.ssr || !storage.shared ? 'grace' : 'keyed' } = options;
    this.#adopt(
      await lock.hold(async (signal) => {
        const body = { ...credentials, rotation, transport: options.transport === 'header' ? 'body' : 'cookie' };
        const tokens = await call(this.#context, this.#record, signal, 'POST', '/login', body);
        return storage.update((record) => open(record, tokens));
      }),
      true,
    );
    return /** @type {Api.SessionInfo} */ (this.session);
  }

  /**
   * @param {RequestInfo | URL} input
   * @param {RequestInit} [init]
   */
  async fetch(input, init) {
    const request = new Request(input, init);
    await this.start();
    for (let replayed = false; ; replayed = true) {
      for (;;) {
        if (mustWait(this.#state)) await this.#queue.wait(this.#context.clock.now(), request.signal);
        else if (this.#wanted() && this.#mayAsk()) await this.#refresh();
        else break;
      }
      const sent = this.#record;
      const response = await callForPage(this.#context, sent, request.clone());
      if (replayed || !(await this.#mayReplay(response, sent))) return response;
    }
  }

  /**
   * A 401 of the service's own check means that the request was not carried out.
   * @param {Response} response
   * @param {object} sent the record it was sent with
   */
  async #mayReplay(response, sent) {
    if (response.status !== 401 || !isRunning(this.#state)) return false;
    const problem = await response.clone().json().catch(() => null);
    if (!refusedByService(problem?.code)) return false;
    if (this.#record !== sent) return true;
    // An idle person's page may go on asking; that keeps nobody logged in.
    const asked = this.#mayExtend() && (this.#mayAsk() || !/^token/.test(problem.code));
    return asked && ((await this.#refresh()).status === 'refreshed' || mustWait(this.#state));
  }

  /** @param {{ force?: boolean }} [options] */
  async refresh({ force = false } = {}) {
    await this.start();
    if (!isRunning(this.#state)) return this.#result('ended');
    const due = this.#state === 'unverified' || this.serverNow() >= this.#schedule.refreshAt;
    return force || (due && this.#mayAsk()) ? this.#refresh(force) : this.#result('current');
  }

  extend() {
    this.#inputAt = this.#context.clock.now();
    return this.refresh({ force: true });
  }

  /** @param {Api.Credentials} [credentials] */
  async reauthenticate(credentials) {
    this.#go('asked');
    if (credentials) return this.login(credentials);
    void this.#findOut();
    return new Promise((/** @type {(session: Api.SessionInfo) => void} */ resolve, reject) => {
      const look = () => {
        if (isRunning(this.#state)) resolve(/** @type {Api.SessionInfo} */ (this.session));
        if (this.#state === 'signedOut') reject(new SessionError('aborted'));
      };
      this.onStateChange(look);
      look();
    });
  }

  async signOut({ everywhere = false } = {}) {
    for (const ask of this.internals.beforeSignOut) if (!(await ask())) return;
    await this.#opened;
    this.#takeLock();
    await this.#context.storage.update((record) => leave(record, everywhere)).catch(() => {});
    this.#tell({});
    this.#left('local');
    // What cannot be told now is told at the next start.
    await tellLeaving(this.#context).catch(() => {});
  }

  /** @param {(state: Api.SessionState, previous: Api.SessionState) => void} listener */
  onStateChange(listener) {
    const heard = (/** @type {any} */ { detail }) => listener(detail.state, detail.previous);
    this.addEventListener('statechange', heard);
    return () => this.removeEventListener('statechange', heard);
  }

  /** @returns {any} */
  draft() {
    throw new TypeError('call withDrafts of drafts.js first');
  }

  async #open() {
    const context = this.#context;
    context.lock = new TabsLock(context);
    context.storage = await openStorage(context);
    const { signal } = this.#life;
    if (signal.aborted) return;
    this.#tell = joinTabs(context, (message) => this.#hear(message), signal);
    onWakeUp(context, (hint) => this.#wake(hint), signal);
  }

  /** By cookie nothing may be in flight, in any tab, when the jar changes hands. */
  #takeLock() {
    this.#context.lock.release();
    this.#tell({ abort: true });
  }

  // --- Finding out who is logged in ---

  #findOut() {
    return this.#once('probe', () => this.#probe());
  }

  async #probe() {
    await this.#opened;
    const { storage } = this.#context;
    await tellLeaving(this.#context);
    const record = await storage.update();
    this.#keep(record);
    if (isLive(record) && this.serverNow() >= this.#schedule.refreshAt) return void (await this.#refresh());
    try {
      const tokens = await within(this.#context, (signal) => call(this.#context, record, signal, 'GET', '/session'));
      const found = await storage.update((now) => {
        // Unless a login, here or in another tab, was quicker.
        if (now.id !== record.id || now.generation !== record.generation || now.leaving) return;
        if (now.id !== tokens.session.id) open(now, tokens);
        else if (!now.ended) now.session = tokens.session;
      });
      this.#adopt(found);
    } catch (error) {
      if (!(error instanceof SessionError && error.status === 401 && refusedByService(error.code))) throw error;
      // An expired token of a session that is not known here: opened by a form, or the site's data was deleted.
      if (isLive(record) || /^token_[ei]/.test(error.code)) await this.#refresh();
      else this.#ended(record.ended ?? error.code);
    }
  }

  // --- Refreshing ---

  /** @param {boolean} [force] */
  #refresh(force = false) {
    return this.#once('refresh', () => this.#refreshNow(force));
  }

  /**
   * @param {'probe' | 'refresh'} name
   * @param {() => Promise<any>} work
   * @returns {Promise<any>}
   */
  #once(name, work) {
    return (this.#flights[name] ??= work()
      .catch((error) => this.#failed(error))
      .finally(() => {
        this.#flights[name] = undefined;
        this.#check();
      }));
  }

  /** @param {boolean} force */
  async #refreshNow(force) {
    await this.#opened;
    const run = (/** @type {typeof this.#record} */ known, /** @type {boolean} */ force) =>
      this.#context.lock.hold((signal) => refreshOnce(this.#context, known, force, signal));
    let outcome = await run(this.#record, force);
    const { session } = outcome.record;
    if (outcome.replayed && session && (force || this.#mayExtend())) {
      // A repeated answer extends nothing. If the idle time is nearly up, this does.
      const { kind, warnAt } = scheduleOf(session, this.#context.options, 0);
      if (kind === 'idle' && this.serverNow() >= warnAt) outcome = await run(outcome.record, true);
    }
    this.#adopt(outcome.record, outcome.granted);
    return this.#result(isLive(outcome.record) ? 'refreshed' : 'ended');
  }

  /** @param {unknown} thrown */
  #failed(thrown) {
    const error = thrown instanceof SessionError ? thrown : new SessionError('storage', { cause: thrown });
    // After an `aborted` a login or logout tells how things stand.
    if (error.code === 'aborted') return this.#result('failed', error);
    this.#backoff.failed(error);
    if (this.#state === 'initializing' && isLive(this.#record)) this.#go(this.serverNow() < this.#schedule.endsAt ? 'cached' : 'overdue');
    const { attempt } = this.#backoff;
    const nextRetryAt = this.#backoff.nextAt();
    this.#emit('refresherror', { error, attempt, nextRetryAt });
    return this.#result('failed', error, nextRetryAt);
  }

  /**
   * @param {Api.RefreshResult['status']} status
   * @param {SessionError} [error]
   * @param {number} [nextRetryAt]
   * @returns {Api.RefreshResult}
   */
  #result(status, error, nextRetryAt) {
    return { status, session: this.session, error, nextRetryAt };
  }

  // --- When to do what ---

  /** Compares clocks, does what is due, and sets the alarm for what is next. */
  #check() {
    if (this.#life.signal.aborted) return;
    const { clock, options } = this.#context;
    const { refreshAt, warnAt, endsAt, gap } = this.#schedule;
    const now = clock.now();
    const serverNow = this.serverNow();
    const failing = this.#backoff.attempt > 0;
    const { network } = this;
    if (network !== this.#network) this.#emit('networkchange', { network: (this.#network = network) });
    this.#queue.drop('too_old', now);
    if (isRunning(this.#state)) {
      if (failing && serverNow >= endsAt) this.#go('overdue');
      else if (serverNow >= warnAt && (failing || !this.#extendsItself())) this.#warn();
      if (this.#wanted() && this.#mayAsk()) void this.#refresh();
    } else if (this.#state === 'initializing' && failing && this.#backoff.ready()) void this.#findOut();
    const waits = [refreshAt - serverNow, warnAt - serverNow, endsAt - serverNow, this.#refreshedAt + gap - now, this.#backoff.nextAt() - now];
    this.#alarm.set(Math.min(options.tickInterval ?? LONGEST_TIMER, ...waits.filter((wait) => wait > 0)));
  }

  /** A refresh is due, and nobody has to be asked. At the end the service has the last word, whoever is there. */
  #wanted() {
    const now = this.serverNow();
    const { refreshAt, warnAt, endsAt } = this.#schedule;
    return (
      this.#state === 'unverified' || now >= endsAt || (now >= refreshAt && this.#mayExtend()) || (now >= warnAt && this.#extendsItself())
    );
  }

  #mayAsk() {
    return passed(this.#context.clock.now(), this.#refreshedAt, this.#schedule.gap) && this.#backoff.ready();
  }

  #mayExtend() {
    return this.#context.options.activity !== 'input' || this.#inputAt > this.#refreshedAt;
  }

  #extendsItself() {
    return this.#schedule.kind === 'idle' && this.#mayExtend();
  }

  /** @param {string} type of the event */
  async #wake(type) {
    const { clock, options } = this.#context;
    const input = isInput(type);
    const hint = /** @type {any} */ ({ visibilitychange: 'visible', pointerdown: 'input', keydown: 'input' }[type] ?? type);
    if (input) this.#inputAt = clock.now();
    if ((options.retryNowOn ?? ['online', 'visible', 'pageshow', 'input']).includes(hint)) this.#backoff.hurry(input ? PATIENCE : 0);
    if (!input) {
      await this.#look();
      // A login in a window that knows nothing of this module: a single sign-on, a form.
      if (this.#isOut()) await this.#findOut();
    } else if (!this.#wanted()) return;
    this.#check();
  }

  #isOut() {
    return this.#state === 'expired' || this.#state === 'reauthenticating';
  }

  // --- Other tabs ---

  /** @param {Message} message */
  async #hear({ abort }) {
    if (abort) this.#context.lock.release();
    else if (this.#context.storage.shared) await this.#look();
    else await this.#findOut();
    this.#check();
  }

  /** Reads what other tabs have left in storage. */
  async #look() {
    const { storage } = this.#context;
    const record = await storage.update().catch(() => null);
    if (!record || !storage.shared || this.#state === 'initializing') return;
    const { id, generation } = this.#record;
    const running = isRunning(this.#state);
    if (isLive(record) ? record.id !== id || record.generation > generation || !running : running) this.#adopt(record);
  }

  // --- What it means for the page ---

  /**
   * Takes over what storage holds.
   * @param {typeof this.#record} record
   * @param {boolean} [mine] this tab has changed it, and tells the others
   */
  #adopt(record, mine) {
    const { session, id, generation } = record;
    if (!session) return this.#left('other-tab');
    if (!isLive(record)) return this.#ended(record.ended ?? '', record);
    const previous = this.#subject ?? session.subject;
    const mismatch = previous !== session.subject;
    const fresh = id !== this.#record.id || generation > this.#record.generation;
    const wasOut = this.#isOut();
    if (mine) this.#tell({ id, generation });
    if (fresh || mine) this.#refreshedAt = this.#context.clock.now();
    this.#keep(record);
    this.#backoff.succeeded();
    if (mismatch) this.#queue.drop('user_mismatch');
    const late = this.serverNow() >= this.#schedule.warnAt && !this.#extendsItself();
    this.#go(late ? 'late' : 'fresh');
    if (mismatch) this.#emit('usermismatch', { previous, subject: session.subject });
    else if (wasOut) this.#emit('reauthenticated', { session });
    if (fresh) this.#emit('tokenrefreshed', { session, by: mine ? 'this-tab' : 'other-tab' });
    this.#queue.release();
    this.#check();
  }

  /** @param {typeof this.#record} record */
  #keep(record) {
    const { session } = (this.#record = record);
    this.#subject = session?.subject ?? null;
    this.#schedule = session ? scheduleOf(session, this.#context.options, this.#context.random()) : NEVER;
  }

  #warn() {
    const { endsAt, kind } = this.#schedule;
    this.#go('warn');
    if (this.#state !== 'expiring' || this.#warnedOf === endsAt) return;
    this.#warnedOf = endsAt;
    this.#emit('sessionexpiring', { deadline: endsAt, kind, canExtend: kind === 'idle' });
  }

  /**
   * The page goes on showing whose session it was.
   * @param {string} reason
   * @param {typeof this.#record} [record]
   */
  #ended(reason, record = this.#record) {
    this.#backoff.succeeded();
    if (!this.#subject) return this.#left('server');
    this.#record = record;
    if (record.leaving) void tellLeaving(this.#context).catch(() => {});
    if (!this.#go('ended')) return;
    this.#tell({});
    this.#emit('sessionexpired', { reason });
    this.#emit('reauthrequired', { reason, subject: this.#subject });
  }

  /** @param {'local' | 'other-tab' | 'server'} source */
  #left(source) {
    this.#keep(emptyRecord());
    this.#backoff.succeeded();
    this.#queue.drop('signed_out');
    if (this.#go('left')) this.#emit('signedout', { source });
  }

  /**
   * @param {Occurrence} occurrence
   * @returns {boolean} whether the state has changed
   */
  #go(occurrence) {
    const previous = this.#state;
    const state = (this.#state = after(previous, occurrence));
    const changed = state !== previous;
    if (changed) this.#emit('statechange', { state, previous, session: this.session });
    return changed;
  }

  /**
   * @param {keyof Api.SessionEventMap} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
