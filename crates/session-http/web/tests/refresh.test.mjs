// A refresh: what it presents, and what each answer means.

import assert from 'node:assert/strict';
import test from 'node:test';
import { settle } from './support/clock.mjs';
import { html, problem } from './support/service.mjs';
import { ANNA, MINUTE, world } from './support/world.mjs';

const keysOf = (service) => service.calls('POST /auth/refresh').map(({ headers }) => [headers['if-match'], headers['idempotency-key']]);

test('a login opens a keyed session by cookie, and a refresh presents the key of its generation', async (t) => {
  const { service, loggedIn } = world(t);
  const { client, events } = await loggedIn();
  const [{ body }] = service.calls('POST /auth/login');
  assert.equal(body.rotation, 'keyed');
  assert.equal(body.transport, 'cookie');
  assert.equal(client.state, 'active');

  for (let time = 0; time < 2; time++) assert.equal((await client.refresh({ force: true })).status, 'refreshed');
  const [first, second] = keysOf(service);
  assert.equal(first[0], '"0"');
  assert.equal(second[0], '"1"');
  assert.match(first[1], /^[\da-f-]{72}$/);
  assert.notEqual(first[1], second[1]);
  assert.equal(client.session.generation, 2);
  assert.equal(events.filter(({ type }) => type === 'tokenrefreshed').length, 3);
});

test('a lost answer is asked for again with the same key', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/auth/refresh', 'lose');
  const failed = await client.refresh({ force: true });
  assert.equal(failed.status, 'failed');
  assert.equal(failed.error.code, 'network');
  assert.equal(client.state, 'active');
  assert.equal(client.network, 'degraded');

  assert.equal((await client.refresh({ force: true })).status, 'refreshed');
  const [first, second] = keysOf(service);
  assert.deepEqual(first, second);
  assert.equal(client.session.generation, 1);
  assert.equal(client.network, 'online');
});

test('also after a reload', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const before = await loggedIn();
  service.next('/auth/refresh', 'lose');
  await before.client.refresh({ force: true });
  before.client.dispose();

  const { client } = tab();
  await client.start();
  assert.equal((await client.refresh({ force: true })).status, 'refreshed');
  const [first, second] = keysOf(service);
  assert.deepEqual(first, second);
});

test('five tabs that want to refresh at once make one request', async (t) => {
  const { clock, service, loggedIn, tab } = world(t);
  const first = await loggedIn();
  const tabs = [first, tab(), tab(), tab(), tab()];
  for (const { client } of tabs) await client.start();
  clock.jump(14 * MINUTE);
  const results = await Promise.all(tabs.map(({ client }) => client.refresh()));
  await settle();
  assert.deepEqual(results.map(({ status }) => status), Array(5).fill('refreshed'));
  assert.equal(service.calls('POST /auth/refresh').length, 1);
  for (const { client } of tabs) assert.equal(client.session.generation, 1);
});

test('tabs that are forced to refresh at once go one after the other', async (t) => {
  const { service, browser, loggedIn, tab } = world(t);
  const first = await loggedIn();
  const tabs = [first, tab(), tab(), tab(), tab()];
  for (const { client } of tabs) await client.start();
  await Promise.all(tabs.map(({ client }) => client.refresh({ force: true })));
  assert.equal(service.mostBusy, 1);
  assert.equal(service.calls('POST /auth/refresh').length, 5);
  assert.equal(browser.jar.refresh.generation, 5);
  for (const { client } of tabs) assert.equal(client.state, 'active');
});

test('412: the generation that is named is adopted, with its key', async (t) => {
  const { service, browser, loggedIn } = world(t);
  const { client } = await loggedIn();
  // The page died between the answer's arrival in the jar and its processing.
  service.sessions.get('s1').generation = 1;
  service.sessions.get('s1').keys = [[0, 'somebody-knows']];
  browser.jar.refresh.generation = 1;
  assert.equal((await client.refresh({ force: true })).status, 'refreshed');
  assert.deepEqual(keysOf(service).map(([generation]) => generation), ['"0"', '"1"']);
  assert.equal(client.session.generation, 2);
});

test('409: storage still holds what was presented, so somebody else has gone on: sign out there, and ask for a login', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const { client, seen } = await loggedIn();
  service.next('/auth/refresh', () => problem(409, 'refresh_superseded'));
  assert.equal((await client.refresh({ force: true })).status, 'ended');
  await settle();
  assert.equal(client.state, 'expired');
  assert.deepEqual(seen('sessionexpired').map(({ reason }) => reason), ['reuse']);
  assert.equal(service.calls('POST /auth/logout').length, 1);
  assert.equal(service.sessions.get('s1').revoked, 'logout');

  // It was not the person who left: the next start still knows who it was, and why.
  client.dispose();
  const next = tab();
  assert.equal(await next.client.start(), 'expired');
  assert.deepEqual(next.seen('sessionexpired').map(({ reason }) => reason), ['reuse']);
  assert.equal(next.client.session.subject, 'anna');
});

test('a 409 that comes after another tab has stored a newer generation means nothing', async (t) => {
  const { service, loggedIn, tab } = world(t);
  const slow = await loggedIn();
  const quick = tab();
  await quick.client.start();
  const { storage } = quick.client.internals.context;
  service.next('/auth/refresh', async () => {
    await storage.update((record) => ({ ...record, generation: 7 }));
    return problem(409, 'refresh_superseded');
  });
  assert.equal((await slow.client.refresh({ force: true })).status, 'refreshed');
  assert.equal(slow.client.state, 'active');
  assert.equal(service.calls('POST /auth/logout').length, 0);
});

test('a 401 counts only if storage still holds the session and generation that were presented', async (t) => {
  const { service, loggedIn } = world(t);
  const { client, seen } = await loggedIn();
  service.next('/auth/refresh', async () => {
    await client.internals.context.storage.update((record) => ({ ...record, id: 's9', generation: 0 }));
    return problem(401, 'session_revoked', { reason: 'replaced' });
  });
  assert.equal((await client.refresh({ force: true })).status, 'refreshed');
  assert.equal(client.state, 'active');

  service.next('/auth/refresh', () => problem(401, 'session_revoked', { reason: 'admin' }));
  await client.refresh({ force: true });
  assert.equal(client.state, 'expired');
  assert.equal(client.session.subject, 'anna');
  assert.deepEqual(seen('sessionexpired').map(({ reason }) => reason), ['admin']);
  assert.equal(seen('reauthrequired')[0].subject, 'anna');
});

test('only a 401 with our code ends a session', async (t) => {
  const faults = {
    'a captive portal': html(200),
    'a 401 of a proxy': html(401),
    'a 401 in JSON that is no problem': () =>
      new Response('{"code":"session_revoked"}', { status: 401, headers: { 'Content-Type': 'application/json' } }),
    'another 401 of ours': () => problem(401, 'invalid_credentials'),
    '500': () => problem(500, 'internal'),
    '503': () => problem(503, 'store_unavailable'),
    '429': () => problem(429, 'rate_limited'),
    '403': () => problem(403, 'session_forbidden'),
    'malformed JSON': () => new Response('{"session":', { headers: { 'Content-Type': 'application/json' } }),
    'a 200 of something else': () => new Response('{"ok":true}', { headers: { 'Content-Type': 'application/json' } }),
    'a network error': 'drop',
  };
  for (const [name, fault] of Object.entries(faults)) {
    await t.test(name, async (t) => {
      const { service, loggedIn } = world(t);
      const { client, seen } = await loggedIn();
      service.next('/auth/refresh', fault);
      assert.equal((await client.refresh({ force: true })).status, 'failed');
      assert.equal(client.state, 'active');
      assert.equal(client.network, 'degraded');
      assert.equal(seen('refresherror').length, 1);
      assert.equal((await client.refresh({ force: true })).status, 'refreshed');
    });
  }
});

test('a request that hangs is aborted after ten seconds, and the lock is free again', async (t) => {
  const { clock, service, browser, loggedIn } = world(t);
  const { client } = await loggedIn();
  service.next('/auth/refresh', 'hang');
  const result = client.refresh({ force: true });
  await clock.advance(9_900);
  assert.equal(browser.locks.held, 1);
  await clock.advance(200);
  assert.equal((await result).error.code, 'timeout');
  assert.equal(browser.locks.held, 0);
});

test('a lock that is never given makes the client degraded after lockWait, and it asks again', async (t) => {
  const { clock, browser, service, loggedIn } = world(t);
  const { client } = await loggedIn();
  let free;
  void browser.locks.request(client.internals.context.name, {}, () => new Promise((resolve) => (free = resolve)));
  const result = client.refresh({ force: true });
  await clock.advance(12_100);
  assert.equal((await result).error.code, 'lock_timeout');
  assert.equal(client.network, 'degraded');
  assert.equal(client.state, 'active');
  assert.equal(service.calls('POST /auth/refresh').length, 0);
  free();
  assert.equal((await client.refresh({ force: true })).status, 'refreshed');
});

test('no listener runs within the lock', async (t) => {
  const { browser, loggedIn } = world(t);
  const { client } = await loggedIn();
  const held = [];
  for (const type of ['tokenrefreshed', 'statechange', 'sessionexpired', 'refresherror']) {
    client.addEventListener(type, () => held.push(browser.locks.held));
  }
  await client.refresh({ force: true });
  await client.login(ANNA);
  assert.ok(held.length > 1);
  assert.deepEqual([...new Set(held)], [0]);
});

test('the last six keys are kept', async (t) => {
  const { loggedIn } = world(t);
  const { client } = await loggedIn();
  for (let time = 0; time < 9; time++) await client.refresh({ force: true });
  const { keys } = await client.internals.context.storage.update();
  assert.deepEqual(Object.keys(keys), ['3', '4', '5', '6', '7', '8']);
});

test('two tabs draw one key for a generation, in one transaction', async (t) => {
  const { withKey } = await import('../session/device-record.js');
  const { loggedIn, tab } = world(t);
  const first = await loggedIn();
  const second = tab();
  await second.client.start();
  const drawn = await Promise.all(
    [first, second, first, second].map(async ({ client }) => {
      const { keys, generation } = await client.internals.context.storage.update(withKey);
      return keys[generation];
    }),
  );
  assert.equal(new Set(drawn).size, 1);
});

test('tabs tell each other generations, never a token or a key', async (t) => {
  const { browser, loggedIn } = world(t);
  const { client } = await loggedIn({ transport: 'header' });
  await client.refresh({ force: true });
  await client.signOut();
  assert.ok(browser.messages.length > 0);
  for (const message of browser.messages) {
    assert.deepEqual(Object.keys(message).filter((name) => !['id', 'generation', 'abort', 'leaving'].includes(name)), []);
  }
});

test('without a channel tabs hear of each other through local storage', async (t) => {
  const { browser, tab } = world(t);
  const [one, other] = [0, 1].map(() => tab({}, { page: browser.pageWithoutChannel() }));
  for (const { client } of [one, other]) await client.start();
  await one.client.login(ANNA);
  await settle();
  assert.equal(other.client.state, 'active');
  for (const generation of [1, 2]) {
    await one.client.refresh({ force: true });
    await settle();
    assert.equal(other.client.session.generation, generation);
  }
  await other.client.signOut();
  await settle();
  assert.equal(one.client.state, 'signedOut');
  for (const message of browser.messages) {
    assert.deepEqual(Object.keys(message).filter((name) => !['id', 'generation', 'abort', 'leaving'].includes(name)), []);
  }
});

test('by header the tokens travel in body and header, and go to known origins only', async (t) => {
  const { service, loggedIn } = world(t);
  const { client } = await loggedIn({ transport: 'header' });
  await client.refresh({ force: true });
  const [{ body }] = service.calls('POST /auth/refresh');
  assert.equal(body.refresh_token, '{"id":"s1","generation":0}');
  await client.fetch('https://app.example/api/orders');
  await client.fetch('https://elsewhere.example/api/orders');
  const [ours, theirs] = service.calls('GET /api/orders');
  assert.match(ours.headers.authorization, /^Bearer /);
  assert.equal(theirs.headers.authorization, undefined);
});
