/**
 * Keeps a person logged in: refreshes silently, in step with all tabs, and says so when the session is about to end or has ended.
 *
 * ```js
 * import { createSessionClient } from '/session.js';
 *
 * const session = createSessionClient();
 * session.onStateChange((state) => render(state));
 * await session.start();
 * const orders = await session.fetch('/api/orders');
 * ```
 */
export function createSessionClient(options?: SessionOptions): SessionClient;

export type SessionState =
  /** Not known yet whether anybody is logged in. */
  | 'initializing'
  | 'active'
  /** It ends soon unless it is extended, or, at its absolute end, unless the person logs in again. */
  | 'expiring'
  /** Its deadline passed while the service could not be reached. Edit on; requests wait. */
  | 'unverified'
  /** The service has said that it is over. `session` still says whose it was. */
  | 'expired'
  /** A login is asked for over the page, which stays as it is. */
  | 'reauthenticating'
  | 'signedOut';

/** `degraded`: the browser believes to be online, but the service does not answer as it should. */
export type NetworkState = 'online' | 'degraded' | 'offline';

/** As the service sends it; times are RFC 3339 in UTC, by the service's clock. */
export interface SessionInfo {
  readonly id: string;
  readonly subject: string;
  readonly generation: number;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly access_expires_at: string | null;
  readonly idle_expires_at: string;
  readonly expires_at: string;
  readonly ends_at: string;
  readonly warn_at: string;
  readonly server_time: string;
  readonly phase: 'active' | 'expiring';
  readonly rotation: 'keyed' | 'grace';
  readonly remembered: boolean;
  readonly device: { readonly label: string | null; readonly user_agent: string | null; readonly ip: string | null };
  readonly current: boolean;
}

export interface Credentials {
  username: string;
  password: string;
  /** Shown in the list of devices. */
  device_label?: string;
  /** `false`: forgotten when the browser closes, at the latest after 12 hours. Default `true`. */
  remember?: boolean;
}

export interface RefreshResult {
  /**
   * `refreshed`: by this tab or, meanwhile, by another. `current`: there was nothing to do. `failed`: for now; it is tried again
   * by itself. `ended`: nobody is logged in.
   */
  readonly status: 'refreshed' | 'current' | 'failed' | 'ended';
  readonly session: SessionInfo | null;
  readonly error?: SessionError;
  /** When it is tried again: milliseconds since 1970 by the local clock. */
  readonly nextRetryAt?: number;
}

export interface SessionClient extends EventTarget {
  readonly state: SessionState;
  readonly network: NetworkState;
  readonly isRefreshing: boolean;
  /** Kept while expired: the page goes on showing whose it is. */
  readonly session: SessionInfo | null;
  /** Seconds are counted by the service's clock: `Date.parse(session.ends_at) - serverNow()` is what is left. Milliseconds. */
  serverNow(): number;

  /** Resolves after the first attempt to find out who is logged in, also if it failed; it never rejects. */
  start(): Promise<SessionState>;
  /** Stops timers and listeners. Whoever waits in the queue gets a {@link SessionExpiredError}. */
  dispose(): void;
  /** @throws {SessionError} `invalid_credentials`, `rate_limited`, `network`, … */
  login(credentials: Credentials): Promise<SessionInfo>;
  /**
   * `fetch` for requests of this session: refreshes first if the token is due; replays the request once if the service refused
   * it; holds it while nobody is logged in. By header it adds the token, to known origins only.
   * @throws {SessionExpiredError} it waited too long, the queue was full, or another person logged in
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Refreshes if the token is due (with `activity: 'input'`: and the person is there); with `force` in any case. Never rejects. */
  refresh(options?: { force?: boolean }): Promise<RefreshResult>;
  /** "Stay logged in": counts as something the person did. Never rejects. */
  extend(): Promise<RefreshResult>;
  /**
   * With credentials: logs in again. Without: says that a login is being asked for, looks whether there is a session again, and
   * resolves as soon as there is one, from wherever.
   * @throws {SessionError}
   */
  reauthenticate(credentials?: Credentials): Promise<SessionInfo>;
  /**
   * Ends the session: here at once, at the service now or, if that cannot be reached, at the next start. `everywhere`: all of
   * the person's sessions. Never rejects; does nothing if a listener of `draftsunsynced` prevents it.
   */
  signOut(options?: { everywhere?: boolean }): Promise<void>;
  /** @returns a function that takes the listener away */
  onStateChange(listener: (state: SessionState, previous: SessionState) => void): () => void;

  /** For the other modules of this package. Not for pages: it may change in any version. */
  readonly internals: Internals;

  addEventListener<K extends keyof SessionEventMap>(
    type: K,
    listener: (event: CustomEvent<SessionEventMap[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** Event types and what stands in their `detail`. */
export interface SessionEventMap {
  statechange: { state: SessionState; previous: SessionState; session: SessionInfo | null };
  tokenrefreshed: { session: SessionInfo; source: 'local' | 'other-tab' };
  refresherror: { error: SessionError; attempt: number; nextRetryAt: number };
  /** `deadline` in milliseconds since 1970, by the service's clock: compare with `serverNow()`. */
  sessionexpiring: { deadline: number; kind: 'idle' | 'absolute'; canExtend: boolean };
  /** `logout`, `ended_elsewhere`, `reuse`, `evicted`, `replaced`, `admin`, `idle`, `absolute`, or the problem's code. */
  sessionexpired: { reason: string };
  reauthrequired: { reason: string; subject: string | null };
  reauthenticated: { session: SessionInfo };
  usermismatch: { previous: string; subject: string };
  signedout: { source: 'local' | 'other-tab' | 'server' };
  networkchange: { network: NetworkState };
  draftsaved: { id: string; where: 'device' | 'service' };
  draftconflict: { id: string; mine: unknown; theirs: unknown };
  drafterror: { id: string; error: unknown };
  /** Cancelable: `preventDefault()` stops the sign-out, so that the page can ask. */
  draftsunsynced: { ids: string[] };
}

export interface SessionOptions {
  /** Where the service's `/auth` is, without a slash at its end. Default `/auth`. */
  base?: string | URL;
  /** `cookie` (default): scripts never see a token. `header`: for native shells; tokens are in IndexedDB. */
  transport?: 'cookie' | 'header';
  /** Default `keyed` where IndexedDB works, else `grace`. */
  rotation?: 'keyed' | 'grace';
  /** The pages are rendered by a server that refreshes too: asks for `grace`. */
  ssr?: boolean;
  /** `open` (default): idle means that no page is alive. `input`: idle means that the person did nothing. */
  activity?: 'open' | 'input';
  /** With `transport: 'header'`, further origins that may get the token. Default: the page's own and that of `base`. */
  tokenOrigins?: string[];
  /** Milliseconds before the access token's end. Default 25 % of its life, within 30–300 s, at most half of it. */
  refreshMargin?: number;
  /** Fraction of the margin by which a refresh may come earlier. Default 0.1. */
  refreshJitter?: number;
  /** Milliseconds. Default, and at most, 30 000. */
  tickInterval?: number;
  /** Milliseconds between two refreshes that nobody asked for. Default 5 000, at most half of the access token's life. */
  minRefreshGap?: number;
  /** Milliseconds. Default 10 000, at most 30 000. */
  requestTimeout?: number;
  /** Milliseconds. Default 12 000, at most 30 000. */
  lockWait?: number;
  /** Milliseconds before the end. Default: the service's `warn_at`. Never under 20 s while the session's life allows it. */
  warnBefore?: number;
  /**
   * Milliseconds. Full jitter: up to `base` (1 000) after the first failure, twice as much after each further one, at most `cap`
   * (60 000; five times that while nobody looks at the page). `Retry-After` is honoured up to 300 000.
   */
  retry?: { base?: number; cap?: number };
  /**
   * The page's events that end the wait for the next try, out of `online`, `visibilitychange` (to visible), `pageshow`, `resume`, and
   * as a person's action `pointerdown`, `keydown`. Default all of them.
   */
  retryNowOn?: string[];
  /** Requests that wait for a login. Default 50 for 600 000 ms. */
  pendingQueue?: { max?: number; maxAge?: number };
  /** Milliseconds to add to the local clock until the service has told its own. Default 0. */
  clockOffset?: number;
  /** For tests. Drafts use it too. */
  clock?: Clock;
  /** For tests: from 0 up to 1. */
  random?: () => number;
  /** For tests and native shells: what stands in for the page's `globalThis`. */
  page?: Page;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(run: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** What the module takes from the page. Storage, `BroadcastChannel` and locks may be missing. */
export interface Page {
  fetch: typeof fetch;
  location: { readonly href: string };
  indexedDB: IDBFactory;
  BroadcastChannel: typeof BroadcastChannel;
  localStorage: Storage;
  navigator: { readonly locks: Pick<LockManager, 'request'>; readonly onLine: boolean };
  document: { readonly visibilityState: string };
  addEventListener: EventTarget['addEventListener'];
}

/** What went wrong. `code` is the service's, or one of the client's own: `network`, `timeout`, `aborted`, `not_the_service`, `lock_timeout`, `storage`. */
export class SessionError extends Error {
  constructor(code: string, details?: Partial<SessionErrorDetails>);
  readonly code: string;
  /** 0 without an answer. */
  readonly status: number;
  /** Milliseconds that the service asks to wait. */
  readonly retryAfter: number;
  /** The problem document (RFC 9457), as it came. */
  readonly problem: Readonly<Record<string, unknown>>;
}

export interface SessionErrorDetails {
  status: number;
  retryAfter: number;
  problem: Readonly<Record<string, unknown>>;
  cause: unknown;
}

/**
 * The request waited for a login that did not come or does not count. It was not carried out. `code`: `timeout` (it waited too
 * long), `queue_full`, `usermismatch`, `signedout`, `aborted` (the client was disposed of).
 */
export class SessionExpiredError extends SessionError {}

/** What drafts and the dialog work with. */
export interface Internals {
  readonly context: import('./session/context.js').Context;
  /** Aborted by `dispose`. */
  readonly disposed: AbortSignal;
  /** A request with this session's credential; not held, not replayed. */
  send(request: Request): Promise<Response>;
  /** Asked before a sign-out; `false` stops it. */
  readonly beforeSignOut: Set<() => Promise<boolean>>;
}
