// The states, as a page sees them: by table, and by what happens over hours and days.

import assert from 'node:assert/strict';
import test from 'node:test';
import { after } from '../session/state-machine.js';
import { settle } from './support/clock.mjs';
import { html, problem } from './support/service.mjs';
import { ANNA, BEN, DAY, HOUR, MINUTE, world } from './support/world.mjs';

const STATES = ['initializing', 'active', 'expiring', 'unverified', 'expired', 'reauthenticating', 'signedOut'];

/** What each occurrence makes of the states above, in their order; a dash: nothing. */
const TABLE = {
  fresh: ['active', '-', 'active', 'active', 'active', 'active', 'active'],
  late: ['expiring', 'expiring', '-', 'expiring', 'expiring', 'expiring', 'expiring'],
  cached: ['active', '-', '-', '-', '-', '-', '-'],
  warn: ['-', 'expiring', '-', '-', '-', '-', '-'],
  overdue: ['unverified', 'unverified', 'unverified', '-', '-', '-', '-'],
  ended: ['expired', 'expired', 'expired', 'expired', '-', '-', '-'],
  asked: ['-', '-', '-', '-', 'reauthenticating', '-', '-'],
  left: ['signedOut', 'signedOut', 'signedOut', 'signedOut', 'signedOut', 'signedOut', '-'],
};

test('the table', () => {
  for (const [occurrence, row] of Object.entries(TABLE)) {
    STATES.forEach((state, place) => {
      assert.equal(after(state, occurrence), row[place] === '-' ? state : row[place], `${state}, ${occurrence}`);
    });
  }
});

test('nobody is logged in, and nobody ever was: signedOut', async (t) => {
  const { tab } = world(t);
  const { client, seen } = tab();
  assert.equal(await client.start(), 'signedOut');
  assert.deepEqual(seen('signedout').map(({ source }) => source), ['server']);
});

test('nobody is logged in any more: expired, and it is known who it was', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const before = await loggedIn();
  before.client.dispose();
  service.sessions.get('s1').revoked = 'admin';
  const { client, seen } = tab();
  assert.equal(await client.start(), 'expired');
  assert.equal(client.session.subject, 'anna');
  assert.equal(seen('reauthrequired')[0].subject, 'anna');
});

test('a session that was opened outside this module is found by its cookies', async (t) => {
  for (const later of [0, HOUR]) {
    const { clock, service, browser, loggedIn, tab } = world(t);
    const before = await loggedIn();
    before.client.dispose();
    // A form of the application logs in, on a page without the module; an hour later its access token has expired.
    const other = await world(t).loggedIn();
    other.client.dispose();
    service.sessions.set('form', { ...service.sessions.get('s1'), id: 'form', subject: 'anna', generation: 3 });
    service.sessions.get('s1').revoked = 'replaced';
    browser.jar = { refresh: { id: 'form', generation: 3 }, access: { id: 'form', until: service.now() + 15 * MINUTE } };
    clock.jump(later);
    const { client } = tab();
    assert.equal(await client.start(), 'active');
    assert.equal(client.session.id, 'form');
    assert.equal((await client.refresh({ force: true })).status, 'refreshed');
    assert.equal(client.session.id, 'form');
  }
});

test('offline at the start with a session whose deadline is ahead: active, and it recovers by itself', async (t) => {
  const { clock, service, loggedIn, tab } = world(t);
  (await loggedIn()).client.dispose();
  service.down = 'drop';
  const { client, page } = tab();
  page.navigator.onLine = false;
  assert.equal(await client.start(), 'active');
  assert.equal(client.network, 'offline');
  page.navigator.onLine = true;
  service.down = undefined;
  page.dispatchEvent(new Event('online'));
  await clock.advance(10_000);
  assert.equal(client.network, 'online');
  assert.equal(client.session.generation, 1);
});

test('offline at the start and past the deadline: unverified', async (t) => {
  const { clock, service, loggedIn, tab } = world(t, { idle: HOUR });
  (await loggedIn()).client.dispose();
  clock.jump(2 * HOUR);
  service.down = 'drop';
  const { client } = tab();
  assert.equal(await client.start(), 'unverified');
});

test('offline at the start, and nothing known: it stays open, and is found out later', async (t) => {
  const { clock, service, tab } = world(t);
  service.down = 'drop';
  const { client } = tab();
  assert.equal(await client.start(), 'initializing');
  service.down = undefined;
  await clock.advance(2 * MINUTE);
  assert.equal(client.state, 'signedOut');
});

test('silent refreshes keep an open page logged in for thirty days, and no timer is ever longer than 30 s', async (t) => {
  const { clock, service, loggedIn } = world(t, { access: 4 * HOUR, idle: 2 * DAY, absolute: 90 * DAY });
  const { client, events } = await loggedIn();
  // Not every tick of thirty days: the machine sleeps, and is awake for two minutes of every four hours.
  for (let hours = 0; hours < 30 * 24; hours += 4) {
    clock.jump(4 * HOUR - 2 * MINUTE);
    await clock.advance(2 * MINUTE);
  }
  assert.equal(client.state, 'active');
  assert.ok(clock.longest <= 30_000, `${clock.longest}`);
  assert.equal(service.calls('POST /auth/refresh').length, 6 * 30);
  assert.deepEqual([...new Set(events.map(({ type }) => type))].sort(), ['statechange', 'tokenrefreshed', 'signedout'].sort());
});

test('a refresh comes in the last quarter of the token, at most five minutes before its end', async (t) => {
  const { clock, service, loggedIn } = world(t);
  await loggedIn();
  await clock.advance(10 * MINUTE);
  assert.equal(service.calls('POST /auth/refresh').length, 0);
  await clock.advance(2 * MINUTE);
  assert.equal(service.calls('POST /auth/refresh').length, 1);
});

test('after twelve hours of sleep the clock is looked at before anything is sent', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client, page } = await loggedIn();
  clock.jump(12 * HOUR);
  page.dispatchEvent(new Event('pageshow'));
  await settle();
  assert.equal(service.calls('POST /auth/refresh').length, 1);
  assert.equal(client.state, 'active');

  clock.jump(12 * HOUR);
  await client.fetch('https://app.example/api/orders');
  assert.deepEqual(service.log.slice(-2).map(({ line }) => line), ['POST /auth/refresh', 'GET /api/orders']);
});

test('asleep beyond the deadline: one confirming refresh, then expired', async (t) => {
  const { clock, service, loggedIn } = world(t, { idle: 8 * HOUR });
  const { client, page, seen } = await loggedIn();
  clock.jump(12 * HOUR);
  page.document.dispatchEvent(new Event('visibilitychange'));
  await settle();
  assert.equal(client.state, 'expired');
  assert.equal(service.calls('POST /auth/refresh').length, 1);
  assert.deepEqual(seen('sessionexpired').map(({ reason }) => reason), ['idle']);
});

test('the browser has deleted the cookies at the deadline: the reason is the deadline all the same', async (t) => {
  const { clock, browser, loggedIn } = world(t, { idle: 8 * HOUR });
  const { page, seen } = await loggedIn();
  browser.jar = { refresh: null, access: null };
  clock.jump(8 * HOUR);
  page.dispatchEvent(new Event('pageshow'));
  await settle();
  assert.deepEqual(seen('sessionexpired').map(({ reason }) => reason), ['idle']);
});

test('cookies that are gone before their time are told as such', async (t) => {
  const { browser, loggedIn } = world(t);
  const { client, seen } = await loggedIn();
  browser.jar = { refresh: null, access: null };
  await client.refresh({ force: true });
  assert.deepEqual(seen('sessionexpired').map(({ reason }) => reason), ['refresh_token_missing']);
});

test('asleep beyond the deadline and offline: unverified; requests wait, and are sent once when it is online', async (t) => {
  const { clock, service, loggedIn } = world(t, { idle: 8 * HOUR });
  const { client, page } = await loggedIn();
  service.down = 'drop';
  clock.jump(12 * HOUR);
  page.dispatchEvent(new Event('pageshow'));
  await settle();
  assert.equal(client.state, 'unverified');
  const waiting = client.fetch('https://app.example/api/orders', { method: 'POST', body: '{}' });
  await settle();
  assert.equal(service.calls('POST /api/orders').length, 0);
  service.down = undefined;
  service.policy.idle = DAY;
  page.dispatchEvent(new Event('online'));
  await settle();
  assert.equal((await waiting).status, 200);
  assert.equal(client.state, 'active');
  assert.equal(service.calls('POST /api/orders').length, 1);
});

test('an outage: it retries with growing pauses and says so each time, and nobody is logged out', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client, seen } = await loggedIn();
  service.down = () => problem(503, 'store_unavailable');
  await clock.advance(HOUR);
  assert.equal(client.state, 'active');
  assert.equal(client.network, 'degraded');
  const attempts = seen('refresherror').map(({ attempt }) => attempt);
  assert.deepEqual(attempts, attempts.map((_, place) => place + 1));
  assert.ok(attempts.length > 40 && attempts.length < 200, `${attempts.length}`);
  service.down = undefined;
  await clock.advance(2 * MINUTE);
  assert.equal(client.network, 'online');
});

test('Retry-After is honoured, also when the page is looked at again', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client, page } = await loggedIn();
  service.down = () => problem(503, 'overloaded', {}, { 'Retry-After': '120' });
  await client.refresh({ force: true });
  service.down = undefined;
  const before = service.log.length;
  clock.jump(14 * MINUTE);
  service.down = () => problem(503, 'overloaded', {}, { 'Retry-After': '120' });
  await client.refresh({ force: true });
  service.down = undefined;
  page.document.dispatchEvent(new Event('visibilitychange'));
  await clock.advance(119_000);
  assert.equal(service.log.length, before);
  await clock.advance(90_000);
  assert.equal(client.session.generation, 1);
});

test('a refresh that somebody asked for and that failed is tried again, though it was not due', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/auth/refresh', 'drop');
  assert.equal((await client.extend()).status, 'failed');
  await clock.advance(10_000);
  assert.equal(client.network, 'online');
  assert.equal(client.session.generation, 1);
});

test('a captive portal in front of everything logs nobody out', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.down = html(200);
  await clock.advance(20 * MINUTE);
  assert.equal(client.state, 'active');
  assert.equal(client.network, 'degraded');
});

for (const [name, ahead] of [['an hour behind', HOUR], ['an hour ahead', -HOUR], ['a year ahead', -365 * DAY]]) {
  test(`a local clock that is ${name} makes no storm`, async (t) => {
    const { clock, service, loggedIn } = world(t);
    service.ahead = ahead;
    const { client } = await loggedIn();
    await clock.advance(30 * MINUTE);
    assert.equal(client.state, 'active');
    const { length } = service.calls('POST /auth/refresh');
    assert.ok(length >= 2 && length <= 3, `${length}`);
  });
}

test('a clock that cannot be told makes a refresh every minRefreshGap at most', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  // Answers from a service that says another time than it lives by: everything is always due.
  service.ahead = 0;
  const told = service.fetch.bind(service);
  service.fetch = async (browser, request) => {
    const response = await told(browser, request);
    if (!response.headers.get('Content-Type')?.includes('json')) return response;
    const text = (await response.text()).replace(/"server_time":"[^"]*"/, '"server_time":"2036-01-01T00:00:00.000Z"');
    return new Response(text, { status: response.status, headers: response.headers });
  };
  await client.refresh({ force: true });
  const before = service.calls('POST /auth/refresh').length;
  await clock.advance(MINUTE);
  const { length } = service.calls('POST /auth/refresh');
  assert.ok(length - before <= 12, `${length - before}`);
  assert.ok(length - before >= 10, `${length - before}`);
});

test('the clock is set while the page is open: it is told again by the next answer', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  clock.jump(-3 * HOUR);
  service.ahead += 3 * HOUR;
  await client.fetch('https://app.example/api/orders');
  assert.ok(Math.abs(client.serverNow() - service.now()) > HOUR);
  clock.jump(20 * MINUTE);
  assert.equal((await client.fetch('https://app.example/api/orders')).status, 200);
  assert.ok(Math.abs(client.serverNow() - service.now()) < 1_000);
});

test('the absolute end: a warning that cannot be extended, then expired', async (t) => {
  const { clock, loggedIn } = world(t, { absolute: 2 * HOUR, idle: DAY, warn: 10 * MINUTE });
  const { client, seen } = await loggedIn();
  await clock.advance(112 * MINUTE);
  assert.equal(client.state, 'expiring');
  const [warning, more] = seen('sessionexpiring');
  assert.equal(more, undefined);
  assert.equal(warning.kind, 'absolute');
  assert.equal(warning.canExtend, false);
  await clock.advance(10 * MINUTE);
  assert.equal(client.state, 'expired');
  assert.deepEqual(seen('sessionexpired').map(({ reason }) => reason), ['absolute']);
});

test('activity input: who does nothing is warned and logged out, though the page is open and asks', async (t) => {
  const { clock, service, loggedIn } = world(t, { idle: 30 * MINUTE, warn: 5 * MINUTE });
  const { client, seen } = await loggedIn({ activity: 'input' });
  for (let minute = 0; minute < 24; minute++) {
    await clock.advance(MINUTE);
    await client.fetch('https://app.example/api/poll');
  }
  assert.equal(service.calls('POST /auth/refresh').length, 0);
  await clock.advance(2 * MINUTE);
  assert.equal(client.state, 'expiring');
  assert.deepEqual(seen('sessionexpiring').map(({ kind, canExtend }) => [kind, canExtend]), [['idle', true]]);
  await clock.advance(6 * MINUTE);
  assert.equal(client.state, 'expired');
});

test('activity input: who does something stays logged in, and a warning ends', async (t) => {
  const { clock, loggedIn } = world(t, { idle: 30 * MINUTE, warn: 5 * MINUTE });
  const { client, page, events } = await loggedIn({ activity: 'input' });
  await clock.advance(26 * MINUTE);
  assert.equal(client.state, 'expiring');
  page.document.dispatchEvent(new Event('pointerdown'));
  await settle();
  assert.equal(client.state, 'active');
  await clock.advance(26 * MINUTE);
  assert.equal(client.state, 'expiring');
  assert.equal((await client.extend()).status, 'refreshed');
  assert.equal(client.state, 'active');
  assert.equal(events.filter(({ type }) => type === 'sessionexpired').length, 0);
});

test('activity open: an open page with a short idle time is never warned while the service answers', async (t) => {
  const { clock, loggedIn } = world(t, { access: 15 * MINUTE, idle: 40_000, warn: HOUR });
  const { client, seen } = await loggedIn();
  await clock.advance(10 * MINUTE);
  assert.equal(client.state, 'active');
  assert.equal(seen('sessionexpiring').length, 0);
});

test('the warning leaves twenty seconds at least', async (t) => {
  const { clock, loggedIn } = world(t, { idle: 40_000, warn: 1_000 });
  const { client, seen } = await loggedIn({ activity: 'input' });
  await clock.advance(19_000);
  assert.equal(client.state, 'active');
  await clock.advance(1_100);
  assert.equal(client.state, 'expiring');
  assert.ok(seen('sessionexpiring')[0].deadline - client.serverNow() >= 18_500);
});

test('a repeated answer extends nothing: near the idle end it refreshes once more', async (t) => {
  const { clock, service, loggedIn } = world(t, { access: 10 * MINUTE, idle: HOUR, warn: 10 * MINUTE });
  const { client } = await loggedIn();
  service.next('/auth/refresh', 'lose');
  await client.refresh({ force: true });
  const { used } = service.sessions.get('s1');
  clock.jump(50 * MINUTE);
  await client.refresh();
  assert.equal(service.calls('POST /auth/refresh').length, 3);
  assert.ok(service.sessions.get('s1').used > used);
  assert.equal(client.session.generation, 2);
});

test('a late answer after a sign-out is discarded', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  let answer;
  service.next('/auth/refresh', () => new Promise((resolve) => (answer = resolve)));
  const refreshing = client.refresh({ force: true });
  await settle();
  await client.signOut();
  answer(problem(401, 'session_revoked'));
  assert.equal((await refreshing).status, 'failed');
  assert.equal(client.state, 'signedOut');
  assert.equal(client.session, null);
});

test('signing out ends the session in every tab', async (t) => {
  const { service, browser, loggedIn, tab } = world(t);
  const first = await loggedIn();
  const second = tab();
  await second.client.start();
  await first.client.signOut();
  await settle();
  assert.equal(service.sessions.get('s1').revoked, 'logout');
  assert.equal(browser.jar.refresh, null);
  assert.deepEqual(first.seen('signedout').map(({ source }) => source).at(-1), 'local');
  assert.deepEqual(second.seen('signedout').map(({ source }) => source), ['other-tab']);
  assert.equal(second.client.state, 'signedOut');
});

test('signed out offline: clean here at once, and told to the service before anything else at the next start', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const before = await loggedIn();
  service.down = 'drop';
  await before.client.signOut();
  assert.equal(before.client.state, 'signedOut');
  assert.equal((await before.client.internals.context.storage.update()).session, undefined);
  before.client.dispose();
  service.down = undefined;

  const { client } = tab();
  assert.equal(await client.start(), 'signedOut');
  assert.equal(service.sessions.get('s1').revoked, 'logout');
  assert.equal(service.calls('POST /auth/refresh').length, 0);
});

test('a sign-out that is told late does not end a session that was opened since', async (t) => {
  const { service, browser, loggedIn, tab } = world(t);
  const before = await loggedIn();
  service.down = 'drop';
  await before.client.signOut();
  before.client.dispose();
  service.down = undefined;
  service.sessions.set('form', { ...service.sessions.get('s1'), id: 'form', generation: 0 });
  browser.jar = { refresh: { id: 'form', generation: 0 }, access: { id: 'form', until: service.now() + 15 * MINUTE } };
  const { client } = tab();
  assert.equal(await client.start(), 'active');
  assert.equal(service.sessions.get('form').revoked, undefined);
});

test('everywhere: all sessions of the person, also when the token has to be refreshed first', async (t) => {
  for (const later of [0, HOUR]) {
    const { clock, service, loggedIn, tab } = world(t);
    const { client } = await loggedIn();
    service.sessions.set('phone', { ...service.sessions.get('s1'), id: 'phone' });
    service.down = later ? 'drop' : undefined;
    await client.signOut({ everywhere: true });
    client.dispose();
    service.down = undefined;
    clock.jump(later);
    await tab().client.start();
    assert.equal(service.sessions.get('phone').revoked, 'ended_elsewhere');
  }
});

test('expired, then the same person logs in over the page', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const { client, events } = await loggedIn();
  const other = tab();
  await other.client.start();
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  await settle();
  assert.equal(other.client.state, 'expired');

  const waiting = client.fetch('https://app.example/api/orders', { method: 'POST', body: '{"n":1}' });
  const elsewhere = other.client.fetch('https://app.example/api/other');
  await settle();
  const back = client.reauthenticate();
  assert.equal(client.state, 'reauthenticating');
  await assert.rejects(client.reauthenticate({ ...ANNA, password: 'wrong' }), { code: 'invalid_credentials', status: 401 });
  assert.equal(client.state, 'reauthenticating');
  await client.reauthenticate(ANNA);
  await settle();
  assert.equal((await back).subject, 'anna');
  assert.equal((await waiting).status, 200);
  assert.equal((await elsewhere).status, 200);
  assert.equal(other.client.state, 'active');
  assert.deepEqual(service.calls('POST /api/orders').map(({ body }) => body), [{ n: 1 }]);
  assert.equal(events.filter(({ type }) => type === 'reauthenticated').length, 1);
  assert.equal(other.seen('reauthenticated').length, 1);
});

test('expired, then another person logs in: the queue is dropped, in every tab', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const { client, seen } = await loggedIn();
  const other = tab();
  await other.client.start();
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  await settle();
  const waiting = assert.rejects(client.fetch('https://app.example/api/orders', { method: 'POST' }), { code: 'usermismatch' });
  const elsewhere = assert.rejects(other.client.fetch('https://app.example/api/orders', { method: 'POST' }), { code: 'usermismatch' });
  await settle();
  await client.reauthenticate(BEN);
  await settle();
  await waiting;
  await elsewhere;
  assert.deepEqual(seen('usermismatch').map(({ previous, subject }) => [previous, subject]), [['anna', 'ben']]);
  assert.equal(other.seen('usermismatch').length, 1);
  assert.equal(seen('reauthenticated').length, 0);
  assert.equal(service.calls('POST /api/orders').length, 0);
});

test('another person than last time at the start is no mismatch: the page shows nothing yet', async (t) => {
  const { service, browser, loggedIn, tab } = world(t);
  (await loggedIn()).client.dispose();
  service.sessions.set('form', { ...service.sessions.get('s1'), id: 'form', subject: 'ben', generation: 0 });
  browser.jar = { refresh: { id: 'form', generation: 0 }, access: { id: 'form', until: service.now() + 15 * MINUTE } };
  const { client, seen } = tab();
  assert.equal(await client.start(), 'active');
  assert.equal(client.session.subject, 'ben');
  assert.equal(seen('usermismatch').length, 0);
});

test('a login in another window that knows nothing of the module is found when the page is looked at again', async (t) => {
  const { service, browser, loggedIn } = world(t);
  const { client, page } = await loggedIn();
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  assert.equal(client.state, 'expired');
  service.sessions.set('form', { ...service.sessions.get('s1'), id: 'form', generation: 0, revoked: undefined });
  browser.jar = { refresh: { id: 'form', generation: 0 }, access: { id: 'form', until: service.now() + 15 * MINUTE } };
  page.document.dispatchEvent(new Event('visibilitychange'));
  await settle();
  assert.equal(client.state, 'active');
});

test('the site\'s data was deleted, the cookies were not: the session is found, and its generation', async (t) => {
  for (const later of [0, HOUR]) {
    const { clock, browser, loggedIn, tab } = world(t);
    const { client: before } = await loggedIn();
    for (let time = 0; time < 3; time++) await before.refresh({ force: true });
    before.dispose();
    browser.indexedDB = new browser.indexedDB.constructor();
    clock.jump(later);
    const { client } = tab();
    assert.equal(await client.start(), 'active');
    assert.equal((await client.refresh({ force: true })).status, 'refreshed');
    assert.equal(client.session.generation, later ? 5 : 4);
  }
});

test('a login that is quicker than a probe in flight stays', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const first = await loggedIn();
  const old = first.client.session;
  service.next('/auth/session', async () => {
    await first.client.login(BEN);
    return new Response(JSON.stringify(old), { headers: { 'Content-Type': 'application/json' } });
  });
  const { client } = tab();
  await client.start();
  await settle();
  assert.equal(client.session.subject, 'ben');
  assert.equal((await client.internals.context.storage.update()).id, 's2');
});

test('a refresh that gives way to a login is no failure, also if the login fails', async (t) => {
  const { clock, service, loggedIn, tab } = world(t);
  const { client } = await loggedIn();
  const other = tab();
  await other.client.start();
  service.next('/auth/refresh', 'hang');
  const hanging = other.client.refresh({ force: true });
  await settle();
  await assert.rejects(client.login({ ...BEN, password: 'wrong' }), { code: 'invalid_credentials' });
  await hanging;
  await clock.advance(MINUTE);
  assert.equal(other.client.network, 'online');
  assert.equal(other.seen('refresherror').length, 0);
  assert.equal(other.client.session.subject, 'anna');
});

test('a login takes the lock from refreshes in flight, and replaces the keys', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const { client } = await loggedIn();
  const other = tab();
  await other.client.start();
  await client.refresh({ force: true });
  service.next('/auth/refresh', 'hang');
  const hanging = other.client.refresh({ force: true });
  await settle();
  await client.login(BEN);
  assert.equal((await hanging).error.code, 'aborted');
  const { id, generation, keys } = await client.internals.context.storage.update();
  assert.deepEqual({ id, generation, keys }, { id: 's2', generation: 0, keys: {} });
  await settle();
  assert.equal(other.client.session.subject, 'ben');
});

test('without storage: grace, in memory, and no crash', async (t) => {
  const faults = {
    missing: undefined,
    throws: { open: () => { throw new DOMException('The operation is insecure.', 'SecurityError'); } },
    refuses: {
      open: () => {
        const request = { error: new DOMException('no', 'InvalidStateError') };
        setImmediate(() => request.onerror());
        return request;
      },
    },
  };
  for (const [name, indexedDB] of Object.entries(faults)) {
    await t.test(name, async (t) => {
      const { service, browser, tab } = world(t);
      const { client } = tab({}, { page: Object.assign(browser.page(), { indexedDB }) });
      assert.equal(await client.start(), 'signedOut');
      await client.login(ANNA);
      assert.equal(service.calls('POST /auth/login')[0].body.rotation, 'grace');
      assert.equal((await client.refresh({ force: true })).status, 'refreshed');
      const other = tab({}, { page: Object.assign(browser.page(), { indexedDB }) });
      assert.equal(await other.client.start(), 'active');
      await client.signOut();
      await settle();
      assert.equal(other.client.state, 'signedOut');
    });
  }
});

test('a storage that fails later is a fault for now, not a logout', async (t) => {
  const { clock, loggedIn } = world(t);
  const { client } = await loggedIn();
  const { context } = client.internals;
  const { update } = context.storage;
  context.storage.update = () => Promise.reject(new DOMException('lost', 'UnknownError'));
  const { status, error } = await client.refresh({ force: true });
  assert.deepEqual([status, error.code], ['failed', 'storage']);
  assert.equal(client.state, 'active');
  context.storage.update = update;
  await clock.advance(10_000);
  assert.equal(client.session.generation, 1);
});

test('ssr asks for grace', async (t) => {
  const { service, tab } = world(t);
  const { client } = tab({ ssr: true });
  await client.login(ANNA);
  assert.equal(service.calls('POST /auth/login')[0].body.rotation, 'grace');
});

test('a disposed client has no timer, listens to nothing, and lets nobody wait', async (t) => {
  const { clock, service, loggedIn } = world(t);
  const { client, page } = await loggedIn();
  service.sessions.get('s1').revoked = 'admin';
  await client.refresh({ force: true });
  const waiting = client.fetch('https://app.example/api/orders');
  await settle();
  client.dispose();
  await assert.rejects(waiting, { code: 'aborted' });
  const before = service.log.length;
  page.dispatchEvent(new Event('online'));
  await clock.advance(HOUR);
  assert.equal(service.log.length, before);
});
