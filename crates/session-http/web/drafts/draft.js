// One draft: on the device at once, at the service soon after, and never one person's words over another device's.

/** @import { Draft, DraftStatus, DraftsOptions } from '../drafts.js' */
/** @import { SessionClient } from '../session.js' */
/** @import { Copy, LocalCopies } from './local-copies.js' */
import { debounceOf } from './debounce.js';
import { fillForm, readForm } from './form.js';

/** After a failure the service is asked again after this long. Milliseconds. */
const RETRY = 30_000;

/** So many values, whose answers are missing, are known to be our own when the service shows one of them. */
const KEPT_SENT = 3;

/** @typedef {ReturnType<typeof draftOf>} DraftInside */

/**
 * @param {SessionClient} client
 * @param {LocalCopies} copies
 * @param {{ id: string, key: string, budget: { left: number }, options: DraftsOptions }} which
 */
export const draftOf = (client, copies, { id, key, budget, options }) => {
  const { context, send } = client.internals;
  const { localDelay = 500, localMaxWait = 3_000, serverDelay = 3_000, serverMaxWait = 15_000 } = options;
  const toDevice = debounceOf(context.clock, localDelay, localMaxWait, () => saveLocally());
  const toService = debounceOf(context.clock, serverDelay, serverMaxWait, () => saveAtService());
  /** @type {Set<HTMLFormElement>} */
  const forms = new Set();

  let copy = emptyCopy(id);
  /** Whose it is; without one there is nobody to save it for. @type {string | undefined} */
  let subject;
  /** @type {DraftStatus} */
  let status = 'clean';
  /** The device's copy has been read. */
  let loaded = Promise.resolve();
  /** … and the service's. */
  let ready = Promise.resolve();
  /** @type {Promise<void> | undefined} */
  let saving;
  /** The device has not got it. */
  let fresh = false;

  // --- What a page may call ---

  /** @param {unknown} value */
  const set = (value) => {
    if (same(value, copy.value)) return;
    copy = { ...copy, value, dirty: (fresh = true) };
    status = statusOf(copy);
    toDevice.touch();
    toService.touch();
  };

  const flush = async () => {
    await ready;
    await saveLocally();
    await saving;
    await saveAtService();
    return status;
  };

  const discard = async () => {
    set(undefined);
    copy.theirs = undefined;
    await flush();
  };

  /** @type {Draft['resolve']} */
  const resolve = async (choice) => {
    const { theirs, value } = copy;
    if (!theirs) return;
    const dirty = choice !== 'theirs';
    // From here on theirs is written over, knowingly.
    copy = { ...emptyCopy(id), ...theirs, dirty };
    if (dirty) copy.value = choice === 'mine' ? value : choice;
    status = statusOf(copy);
    show();
    await flush();
  };

  /** @param {HTMLFormElement} form */
  const bind = (form) => {
    /** Names of fields that were touched before the draft was there: it does not go over them. @type {Set<string> | undefined} */
    let touched = new Set();
    const save = () => set({ .../** @type {object} */ (copy.value), ...readForm(form) });
    const typed = (/** @type {any} */ { target }) => (touched ? touched.add(target.name) : save());
    const following = new AbortController();
    forms.add(form);
    for (const type of ['input', 'change']) form.addEventListener(type, typed, following);
    void loaded.then(() => {
      const before = touched;
      fill(form, before);
      touched = undefined;
      if (before?.size) save();
    });
    return () => {
      forms.delete(form);
      following.abort();
    };
  };

  // --- Coming and going of people ---

  /** Reads what there is of the person who is logged in. */
  const enter = () => {
    loaded = ready.then(readLocally);
    return (ready = loaded.then(readAtService).catch(failed));
  };

  const readLocally = async () => {
    const { session } = client;
    if (!session) return;
    if (subject && subject !== session.subject) {
      await saveLocally();
      leave();
    }
    if (copy.dirty && subject) return;
    subject = session.subject;
    const found = await copies.read(subject, key).catch(() => undefined);
    if (!found || same(found, copy)) return;
    // What was set before this was known stays, and does not go over what it had not seen.
    copy = copy.dirty && !same(found.value, copy.value) ? { ...copy, theirs: found } : found;
    show();
    status = statusOf(copy);
  };

  /** Forgets what is shown; what is stored stays. */
  const leave = () => {
    for (const alarm of [toDevice, toService]) alarm.clear();
    if (copy.value !== undefined) for (const form of forms) form.reset();
    copy = emptyCopy(id);
    subject = undefined;
    status = 'clean';
  };

  // --- The device ---

  /**
   * @param {boolean} [hurried] with nothing new this tab leaves alone what another one may have written
   * @returns {Promise<unknown> | undefined} nothing, where nothing is to be written
   */
  const saveLocally = (hurried) => {
    toDevice.clear();
    const { value, dirty } = copy;
    if (!subject || (hurried && !fresh)) return;
    return copies.write(subject, key, copy).then(
      () => {
        fresh = value !== copy.value;
        if (dirty) emit('draftsaved', { where: 'device' });
      },
      (error) => emit('drafterror', { error }),
    );
  };

  // --- The service ---

  /** While nobody is logged in, or nobody knows, it would only refuse. */
  const mayAsk = () => /^active|^expiring/.test(client.state);

  const readAtService = async () => {
    if (!subject || !mayAsk()) return;
    const response = await ask('GET');
    const etag = response.headers.get('ETag');
    if (etag !== copy.etag) await meet(response.ok ? (await response.json()).value : undefined, etag);
    await saveAtService();
  };

  /**
   * The service has something else than what this copy was written over.
   * @param {unknown} value `undefined` if it has nothing
   * @param {string | null} etag
   */
  const meet = async (value, etag) => {
    const { value: mine, dirty, sent } = copy;
    if (!(await isOurs())) return;
    if (same(value, mine) || !dirty || mine === undefined) {
      copy = { ...emptyCopy(id), value, etag };
      if (!same(value, mine)) show();
    } else if (!etag || sent.some((own) => same(value, own))) {
      // It is gone, so nothing is written over; or it is our own, of which the answer was lost.
      copy = { ...copy, etag };
    } else copy = { ...copy, theirs: { value, etag } };
    status = statusOf(copy);
    await saveLocally();
    if (copy.theirs) emit('draftconflict', { mine, theirs: value });
  };

  /** @param {boolean} [hurried] the page may be gone before anything that takes a turn has happened */
  const saveAtService = (hurried) =>
    (saving ??= put(hurried)
      .catch(failed)
      .finally(() => (saving = undefined)));

  /** @param {boolean} [hurried] */
  const put = async (hurried) => {
    toService.clear();
    const { value, etag, dirty, theirs } = copy;
    const owner = /** @type {string} */ (subject);
    if (!dirty || theirs || !mayAsk() || !(hurried || (await isOurs()))) return;
    copy = { ...copy, sent: [...copy.sent.slice(-KEPT_SENT), value] };
    status = 'saving';
    // Not waited for: the page may be about to go.
    copies.write(owner, key, copy).catch(() => {});
    const response = await ask(value === undefined ? 'DELETE' : 'PUT', etag, value);
    if (owner !== subject) return;
    const tag = response.headers.get('ETag');
    if (response.status === 412) {
      await meet((await response.json()).current ?? undefined, tag);
      // At once, if it was not somebody else's.
      if (copy.dirty) toService.touch();
      return;
    }
    // Whoever answers without a tag has not stored it.
    if (value !== undefined && !tag) throw response;
    // The tag is of what was sent, also if the text has changed meanwhile.
    copy = { ...copy, etag: tag, sent: [], dirty: !same(copy.value, value) };
    status = statusOf(copy);
    await saveLocally();
    emit('draftsaved', { where: 'service' });
    if (copy.dirty) toService.touch();
  };

  /**
   * Whether the cookie jar still holds the session of the person whose draft this is: another tab may have logged in somebody
   * else while this one was frozen.
   */
  const isOurs = async () => !!subject && (await context.storage.update().catch(() => client)).session?.subject === subject;

  /**
   * @param {string} method
   * @param {string | null} [etag] of what it replaces: nothing is replaced without having been seen
   * @param {unknown} [value]
   */
  const ask = async (method, etag, value) => {
    // `undefined` stays what it is.
    const body = JSON.stringify(value);
    const bytes = new Blob([body ?? '']).size;
    /** @type {Record<string, string>} */
    const headers = body ? { 'Content-Type': 'application/json' } : {};
    if (etag) headers['If-Match'] = etag;
    else if (body) headers['If-None-Match'] = '*';
    await client.refresh();
    // It goes on when the page is left, as far as browsers allow.
    const keepalive = bytes <= budget.left;
    if (keepalive) budget.left -= bytes;
    const { transport, requestTimeout = 10_000 } = context.options;
    const response = await send(
      new Request(`${context.base}/drafts/${encodeURIComponent(key)}`, {
        method,
        headers,
        body,
        keepalive,
        credentials: transport === 'header' ? 'omit' : 'include',
        redirect: 'error',
        signal: AbortSignal.timeout(requestTimeout),
      }),
    ).finally(() => {
      if (keepalive) budget.left += bytes;
    });
    // That there is none, or another one, is an answer too.
    if (response.ok || response.status === 404 || response.status === 412) return response;
    throw await response.json().catch(() => response);
  };

  /** @param {any} error a problem document (RFC 9457), or what was thrown */
  const failed = (error) => {
    if (copy.dirty) {
      status = 'error';
      // Too large, or too many: only the person can help. It stays on the device.
      if (error.status !== 413 && error.status !== 403) toService.touch(RETRY);
    }
    emit('drafterror', { error });
  };

  // --- The page ---

  /**
   * @param {HTMLFormElement} form
   * @param {Set<string>} [except]
   */
  const fill = (form, except) => {
    if (copy.value && typeof copy.value === 'object') fillForm(form, /** @type {any} */ (copy.value), except);
  };

  const show = () => forms.forEach((form) => fill(form));

  /**
   * @param {'draftsaved' | 'draftconflict' | 'drafterror'} type
   * @param {object} detail
   */
  const emit = (type, detail) => client.dispatchEvent(new CustomEvent(type, { detail: { id, ...detail } }));

  void enter();
  return {
    id,
    bind,
    set,
    get: () => copy.value,
    flush,
    discard,
    resolve,
    enter,
    leave,
    saveLocally,
    saveAtService,
    get ready() {
      return ready;
    },
    get status() {
      return status;
    },
  };
};

/**
 * @param {string} id
 * @returns {Copy}
 */
const emptyCopy = (id) => ({ id, value: undefined, dirty: false, etag: null, sent: [] });

/**
 * @param {Copy} copy
 * @returns {DraftStatus}
 */
const statusOf = ({ theirs, dirty, value }) => (theirs ? 'conflict' : dirty ? 'local' : value === undefined ? 'clean' : 'saved');

/**
 * @param {unknown} one
 * @param {unknown} other
 */
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
