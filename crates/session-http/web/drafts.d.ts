import type { SessionClient } from './session.js';

/**
 * Adds `client.draft`: what a person writes survives a closed tab, a lost network and an ended session.
 *
 * ```js
 * const session = withDrafts(createSessionClient());
 * await session.start();
 * const draft = session.draft('order', { version: 2 });
 * const unbind = draft.bind(document.querySelector('form'));
 * ```
 * @returns the same client
 */
export function withDrafts<C extends SessionClient>(client: C, options?: DraftsOptions): C & WithDrafts;

export interface WithDrafts {
  /**
   * The draft of this form, of whoever is logged in. The same one for the same id and version.
   * @param id up to about 120 of `A-Z a-z 0-9 . _ ~ : -`; the service refuses others
   */
  draft(id: string, options?: DraftOptions): Draft;
}

/** All in milliseconds, except the budget. */
export interface DraftsOptions {
  /** To the device: after this much silence (500) … */
  localDelay?: number;
  /** … and at the latest after this (3 000). */
  localMaxWait?: number;
  /** To the service: after this much silence (3 000) … */
  serverDelay?: number;
  /** … and at the latest after this (15 000). */
  serverMaxWait?: number;
  /** Bytes that may be on their way when the page is left. Default 49 152 (browsers allow 65 536 for the whole page). */
  keepaliveBudget?: number;
}

export interface DraftOptions {
  /** Of the form's fields. A draft of another version is another draft. Default 1. */
  version?: number | string;
}

/**
 * `clean`: nothing was written. `local`: on this device, not yet at the service. `saving`. `saved`: at the service.
 * `conflict`: another device has written meanwhile; both versions are kept. `error`: could not be saved where it should; it is tried again.
 */
export type DraftStatus = 'clean' | 'local' | 'saving' | 'saved' | 'conflict' | 'error';

export interface Draft {
  readonly id: string;
  readonly status: DraftStatus;
  /** Resolves when the device's copy and, if it can be reached, the service's have been read. Never rejects. */
  readonly ready: Promise<void>;
  /**
   * Fills the form with the draft and follows its fields by name. Never read: `password`, `file` and `hidden`, autocomplete `cc-*`,
   * `one-time-code` and `*-password`, and what is in a `[data-no-draft]`.
   * @returns a function that stops following
   */
  bind(form: HTMLFormElement): () => void;
  /** Any JSON value. */
  set(value: unknown): void;
  get(): unknown;
  /** Saves now. Never rejects. */
  flush(): Promise<DraftStatus>;
  /** Deletes it, here and at the service: the form was sent. */
  discard(): Promise<void>;
  /** Ends a conflict with one of both versions, or with a third. */
  resolve(choice: 'mine' | 'theirs' | unknown): Promise<void>;
}
