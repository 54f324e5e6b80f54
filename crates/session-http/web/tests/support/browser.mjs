// One browser: its tabs share storage, locks, channel and cookie jar, and have a page each.

import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { createSessionClient } from '../../session.js';

export class FakeBrowser {
  /** What the service has set: the session and generation of the refresh cookie, and of the access cookie. */
  jar = { refresh: null, access: null };
  locks = new FakeLocks();
  channels = new Map();
  indexedDB = new IDBFactory();
  messages = [];
  pagesWithStorage = [];

  constructor(clock, service) {
    this.clock = clock;
    this.service = service;
  }

  /** A new tab with a client in it. */
  tab(options = {}, { page = this.page() } = {}) {
    const client = createSessionClient({ clock: this.clock, random: () => 0.5, page, ...options });
    const events = [];
    for (const type of EVENTS) client.addEventListener(type, ({ detail }) => events.push({ type, ...detail }));
    return { client, page, events, seen: (type) => events.filter((event) => event.type === type) };
  }

  /** A page of a browser without `BroadcastChannel`: the others hear what it writes to local storage. */
  pageWithoutChannel() {
    const page = this.page();
    this.pagesWithStorage.push(page);
    const tell = (key, newValue) => {
      const event = () => Object.assign(new Event('storage'), { key, newValue });
      for (const peer of this.pagesWithStorage) if (peer !== page) setImmediate(() => peer.dispatchEvent(event()));
    };
    const localStorage = new Proxy({}, {
      set: (_, key, value) => (this.messages.push(JSON.parse(value)), tell(key, value), true),
      deleteProperty: (_, key) => (tell(key, null), true),
    });
    return Object.assign(page, { BroadcastChannel: undefined, localStorage });
  }

  page() {
    const browser = this;
    const page = new EventTarget();
    return Object.assign(page, {
      location: { href: 'https://app.example/orders' },
      indexedDB: this.indexedDB,
      navigator: { locks: this.locks, onLine: true },
      // In a browser an event of the document passes the window first.
      document: { visibilityState: 'visible', dispatchEvent: (event) => page.dispatchEvent(event) },
      BroadcastChannel: class {
        constructor(name) {
          this.peers = browser.channels.get(name) ?? new Set();
          browser.channels.set(name, this.peers.add(this));
        }
        postMessage(data) {
          browser.messages.push(data);
          for (const peer of this.peers) if (peer !== this) setImmediate(() => peer.onmessage?.({ data: structuredClone(data) }));
        }
        close() {
          this.peers.delete(this);
        }
      },
      fetch: (...request) => this.service.fetch(this, new Request(...request)),
    });
  }
}

const EVENTS = [
  'statechange', 'tokenrefreshed', 'refresherror', 'sessionexpiring', 'sessionexpired', 'reauthrequired', 'reauthenticated',
  'usermismatch', 'signedout', 'networkchange', 'draftsaved', 'draftconflict', 'drafterror', 'draftsunsynced',
];

/** Web Locks, exclusive ones. */
export class FakeLocks {
  granted = 0;
  held = 0;
  #queues = new Map();

  async request(name, { signal }, work) {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    signal?.throwIfAborted();
    await new Promise((resolve, reject) => {
      queue.push(resolve);
      if (queue.length === 1) resolve();
      signal?.addEventListener('abort', () => {
        const place = queue.indexOf(resolve);
        if (place > 0) {
          queue.splice(place, 1);
          reject(signal.reason);
        }
      });
    });
    this.granted++;
    this.held++;
    try {
      return await work();
    } finally {
      this.held--;
      queue.shift();
      queue[0]?.();
    }
  }
}
