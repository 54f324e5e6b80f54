// A clock, a service and a browser that belong together, and are taken down together.

import { FakeBrowser } from './browser.mjs';
import { FakeClock, settle } from './clock.mjs';
import { FakeService } from './service.mjs';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const ANNA = { username: 'anna', password: 'right' };
export const BEN = { username: 'ben', password: 'right' };

/** @param {import('node:test').TestContext} t */
export const world = (t, policy = {}) => {
  const clock = new FakeClock();
  const service = new FakeService(clock);
  Object.assign(service.policy, policy);
  const browser = new FakeBrowser(clock, service);
  const tabs = [];
  t.after(() => tabs.forEach(({ client }) => client.dispose()));

  const tab = (options, more) => {
    const opened = browser.tab(options, more);
    tabs.push(opened);
    return opened;
  };
  /** A tab whose person is logged in. */
  const loggedIn = async (options) => {
    const opened = tab(options);
    await opened.client.start();
    await opened.client.login(ANNA);
    await settle();
    return opened;
  };
  return { clock, service, browser, tab, loggedIn };
};
